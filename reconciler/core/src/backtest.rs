//! What a policy would have done: recorded telemetry is played through forecast, score and the
//! policy's thresholds, and beside them through what others use. Pure; a replay changes nothing, and
//! knows nothing of the traffic that would have moved.

mod alarm;
mod outcome;

pub use outcome::{Action, ActionKind, Outcome};

use crate::history::{History, Sample};
use crate::model::Policy;
use crate::model::group::SignalSpec;
use alarm::{Alarm, Method};
use jiff::{SignedDuration, Timestamp};
use outcome::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Looks at a recording at most: each makes a forecast per signal, and somebody waits for the answer.
pub const EVALUATIONS_MAX: i64 = 200;

/// One signal as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its limit.
    pub spec: SignalSpec,
    /// Its samples in the order of time.
    pub samples: Vec<Sample>,
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

/// Plays a recording. `hourly_cost` is that of a shadow. `None` when it is too short for one look.
pub fn replay(policy: &Policy, signals: &BTreeMap<String, Recorded>, hourly_cost: f64) -> Option<Backtest> {
    let looks = Looks::new(policy, signals)?;
    let breaches = breaches(policy, signals, looks.first);
    let mut runs = Method::ALL.map(|method| (method, Run::new(policy, hourly_cost)));
    let mut seen = Seen::new(policy, signals);
    for at in looks.clone() {
        seen.advance(at);
        for (method, run) in &mut runs {
            run.look(at, &Alarm::of(*method, policy, &seen, at));
        }
    }
    let [policy, static_threshold, predict_linear, no_policy] =
        runs.map(|(_, run)| run.finish(looks.first, looks.last, &breaches));
    let (from, to, evaluations) = (looks.first, looks.last, looks.count());
    let evaluations = u32::try_from(evaluations).unwrap_or(u32::MAX);
    Some(Backtest { from, to, evaluations, breaches, policy, static_threshold, predict_linear, no_policy })
}

/// The times at which a recording is looked at.
#[derive(Debug, Clone)]
struct Looks {
    first: Timestamp,
    last: Timestamp,
    stride: SignedDuration,
    next: Option<Timestamp>,
}

impl Looks {
    fn new(policy: &Policy, signals: &BTreeMap<String, Recorded>) -> Option<Self> {
        let all = || signals.values().flat_map(|signal| &signal.samples).map(|sample| sample.at);
        let (start, last) = (all().min()?, all().max()?);
        let needed = i32::try_from(crate::forecast::SAMPLES_MIN).unwrap_or(i32::MAX);
        let first = start.checked_add(policy.step.saturating_mul(needed)).ok().filter(|first| *first <= last)?;
        let shortest = last.duration_since(first) / i32::try_from(EVALUATIONS_MAX).unwrap_or(i32::MAX);
        let stride = policy.interval.max(policy.step).max(shortest).max(SignedDuration::from_millis(1));
        Some(Self { first, last, stride, next: Some(first) })
    }
}

impl Iterator for Looks {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let at = self.next.filter(|at| *at <= self.last)?;
        self.next = at.checked_add(self.stride).ok();
        Some(at)
    }
}

/// What was known of the signals at one time.
struct Seen<'a> {
    signals: BTreeMap<&'a str, (&'a Recorded, History, usize)>,
}

impl<'a> Seen<'a> {
    fn new(policy: &Policy, signals: &'a BTreeMap<String, Recorded>) -> Self {
        let history = || History::new(policy.step, policy.history);
        Self { signals: signals.iter().map(|(name, it)| (name.as_str(), (it, history(), 0))).collect() }
    }

    fn advance(&mut self, to: Timestamp) {
        for (recorded, history, taken) in self.signals.values_mut() {
            let new = recorded.samples.iter().skip(*taken).take_while(|sample| sample.at <= to);
            *taken += new.map(|sample| history.push(*sample, to)).count();
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&'a str, &'a SignalSpec, &History)> {
        self.signals.iter().map(|(name, (recorded, history, _))| (*name, &recorded.spec, history))
    }
}

/// Times of trouble after `from`; pauses shorter than the policy's shortest horizon belong to them.
fn breaches(policy: &Policy, signals: &BTreeMap<String, Recorded>, from: Timestamp) -> Vec<Breach> {
    let pause = policy.shortest_horizon();
    let mut all: Vec<Breach> = Vec::new();
    for (name, recorded) in signals {
        let mut current: Option<Breach> = None;
        for sample in recorded.samples.iter().filter(|it| it.at > from && recorded.spec.breaks(it.value)) {
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
mod tests {
    use super::*;
    use crate::model::PolicySpec;

    fn policy() -> Policy {
        let mut spec = PolicySpec::named("p");
        spec.interval = "1m".into();
        spec.step = "1m".into();
        spec.history = "6h".into();
        spec.horizons = vec!["10m".into(), "1h".into()];
        spec.check().unwrap()
    }

    /// Minutes of a memory of `level(minute)` with a limit of 100.
    fn recorded(minutes: i64, level: impl Fn(i64) -> f64) -> BTreeMap<String, Recorded> {
        let spec = serde_json::json!({"query": "m{i=\"$instance\"}", "limit": 100.0, "unit": "count"});
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
        let wobble = |minute: i64| f64::from(i32::try_from(minute * 7919 % 13).unwrap()) / 13.0;
        let sample = |minute: i64| Sample { at: at(minute), value: level(minute) + wobble(minute) };
        let recorded =
            Recorded { spec: serde_json::from_value(spec).unwrap(), samples: (0..minutes).map(sample).collect() };
        [("memory".to_owned(), recorded)].into()
    }

    #[test]
    fn a_leak_is_seen_coming() {
        let leak =
            |minute: i64| if minute < 120 { 40.0 } else { 40.0 + f64::from(i32::try_from(minute - 120).unwrap()) };
        let found = replay(&policy(), &recorded(200, leak), 2.0).unwrap();
        assert_eq!(found.breaches.len(), 1, "{:?}", found.breaches);
        assert_eq!((found.policy.warned, found.policy.missed), (1, 0), "{:?}", found.policy);
        let lead = |outcome: &Outcome| outcome.lead_times_seconds[0].unwrap_or(0.0);
        assert!(lead(&found.policy) > lead(&found.static_threshold), "{found:#?}");
        assert!(found.policy.shadow_hours > 0.0);
        assert!((found.policy.shadow_cost - 2.0 * found.policy.shadow_hours).abs() < 1e-9);
        assert_eq!((found.no_policy.warned, found.no_policy.missed), (0, 1));
        assert!(found.no_policy.actions.is_empty());
        let kinds: Vec<ActionKind> = found.policy.actions.iter().map(|action| action.kind).collect();
        assert!(kinds.starts_with(&[ActionKind::Stage, ActionKind::HandOver]), "{kinds:?}");
    }

    #[test]
    fn quiet_days_call_for_nothing() {
        let found = replay(&policy(), &recorded(300, |_| 40.0), 1.0).unwrap();
        for outcome in [&found.policy, &found.static_threshold, &found.predict_linear] {
            assert!(outcome.actions.is_empty() && outcome.false_alarms == 0, "{outcome:?}");
        }
        assert!(found.evaluations <= 1 + u32::try_from(EVALUATIONS_MAX).unwrap());
    }

    #[test]
    fn a_line_is_fooled_by_a_hill_and_that_counts_as_false() {
        let hill = |minute: i64| 40.0 + 40.0 * (f64::from(i32::try_from(minute).unwrap()) / 40.0).sin();
        let found = replay(&policy(), &recorded(340, hill), 1.0).unwrap();
        assert!(found.breaches.is_empty());
        assert!(found.predict_linear.false_alarms > 0, "{:?}", found.predict_linear);
        assert!(found.predict_linear.false_alarms_per_week > 1.0);
    }

    #[test]
    fn a_recording_that_is_too_short_has_no_answer() {
        assert_eq!(replay(&policy(), &recorded(20, |_| 1.0), 1.0), None);
        assert_eq!(replay(&policy(), &BTreeMap::new(), 1.0), None);
    }
}
