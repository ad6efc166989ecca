//! What a policy would have done: recorded telemetry is played through forecast, score and the
//! policy's thresholds, and beside them through what others use. Pure; a replay changes nothing, and
//! knows nothing of the traffic that would have moved.

mod alarm;
mod looks;
mod outcome;
mod suggest;

pub use looks::{LOOKS_MAX, Look, Scored};
pub use outcome::{Action, ActionKind, Outcome, outcome};
pub use suggest::{Asked, Proposal, Row, Suggestion, suggest};

use crate::events::Expected;
use crate::history::Sample;
use crate::model::Policy;
use crate::model::signal::SignalSpec;
use alarm::{Alarm, Method};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use looks::{Looks, Seen};
use outcome::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One signal as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its limit.
    pub spec: SignalSpec,
    /// Its samples in the order of time.
    pub samples: Vec<Sample>,
}

/// How a recording is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Cost of a shadow for an hour.
    pub hourly_cost: f64,
    /// Rounds of forecasts at most. Each makes one per signal, at some milliseconds. A longer
    /// recording is looked at less often than the policy would.
    pub rounds_max: usize,
    /// No look before it; what was recorded earlier is the past that is known then.
    pub from: Option<Timestamp>,
    /// No look after it.
    pub to: Option<Timestamp>,
    /// In which reasons tell times of day.
    pub zone: TimeZone,
    /// Events that were known before they came, as those of calendars are.
    pub expected: Arc<Expected>,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Looks that were made.
    pub done: usize,
    /// Looks that there will be.
    pub total: usize,
}

/// A time during which a limit was broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Breach {
    /// Key of the signal.
    pub signal: String,
    /// Its first broken sample.
    #[schema(value_type = String)]
    pub start: Timestamp,
    /// Its last broken sample.
    #[schema(value_type = String)]
    pub end: Timestamp,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Backtest {
    /// The first look.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// The last look.
    #[schema(value_type = String)]
    pub to: Timestamp,
    /// How often the recording was looked at.
    pub evaluations: u32,
    /// Seconds between two looks: the policy's interval, or more where the recording is long.
    pub every_seconds: f64,
    /// Times during which a limit was broken, after the first look.
    pub breaches: Vec<Breach>,
    /// What the policy would have done.
    pub policy: Outcome,
    /// What a static threshold at nine tenths of the limit would have done.
    pub static_threshold: Outcome,
    /// What a line through the last hour, as `predict_linear` draws it, would have done.
    pub predict_linear: Outcome,
    /// What follows from doing nothing.
    pub no_policy: Outcome,
}

/// What a replay found, and the score of each look, from which the outcome for other thresholds
/// follows without another forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// What was found.
    pub found: Backtest,
    /// In the order of time.
    pub looks: Vec<Look>,
}

/// Plays a recording and tells `progress` after each look. `None` when it is too short for one look.
pub fn replay(
    policy: &Policy,
    signals: &BTreeMap<String, Recorded>,
    setting: &Setting,
    mut progress: impl FnMut(Progress),
) -> Option<Replay> {
    let times = Looks::new(policy, signals, setting)?;
    let total = times.count();
    let mut runs = Method::ALL.map(|method| (method, Run::new(policy, setting.hourly_cost), Alarm::default()));
    let (mut seen, mut looks) = (Seen::new(policy, signals, &setting.expected), Vec::with_capacity(total));
    let mut score = None;
    for at in times.iter() {
        // Nothing new was seen: every answer is that of the look before, as for the daemon.
        if seen.advance(at) {
            score = seen.scored(policy, at, &setting.zone);
            for (method, _, alarm) in &mut runs {
                *alarm = Alarm::of(*method, policy, &seen, score.as_ref(), at);
            }
        }
        looks.push(Look { at, score: score.clone() });
        for (_, run, alarm) in &mut runs {
            run.look(at, alarm);
        }
        progress(Progress { done: looks.len(), total });
    }
    let (from, to) = (times.first, times.last);
    let breaches = breaches(policy, signals, from, to);
    let [policy, static_threshold, predict_linear, no_policy] = runs.map(|(_, run, _)| run.finish(from, to, &breaches));
    let (evaluations, every_seconds) = (outcome::count(total), times.stride.as_secs_f64());
    let found = Backtest {
        from,
        to,
        evaluations,
        every_seconds,
        breaches,
        policy,
        static_threshold,
        predict_linear,
        no_policy,
    };
    Some(Replay { found, looks })
}

/// Times of trouble within a span; pauses shorter than the policy's shortest horizon belong to them.
fn breaches(policy: &Policy, signals: &BTreeMap<String, Recorded>, from: Timestamp, to: Timestamp) -> Vec<Breach> {
    let pause = policy.shortest_horizon();
    let mut all: Vec<Breach> = Vec::new();
    for (name, recorded) in signals {
        let mut current: Option<Breach> = None;
        let within = recorded.samples.iter().filter(|it| it.at > from && it.at <= to);
        for sample in within.filter(|it| recorded.spec.breaks(it.value)) {
            match &mut current {
                Some(breach) if sample.at.duration_since(breach.end) <= pause => breach.end = sample.at,
                current => {
                    let breach = Breach { signal: name.clone(), start: sample.at, end: sample.at };
                    all.extend(current.replace(breach));
                }
            }
        }
        all.extend(current);
    }
    all.sort_by_key(|breach| breach.start);
    all
}

#[cfg(test)]
mod tests;
