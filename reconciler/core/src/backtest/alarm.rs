//! What each method says at one look: whether a shadow is wanted, and whether traffic should move.

use super::looks::{Known, Scored, Seen};
use crate::history::History;
use crate::model::Policy;
use crate::model::policy::PolicySpec;
use crate::model::signal::Direction;
use jiff::{SignedDuration, Timestamp};

/// Share of the limit at which a static threshold is commonly put.
const STATIC_SHARE: f64 = 0.9;

/// Window of `predict_linear` in the examples that everybody copies.
const LINE: SignedDuration = SignedDuration::from_hours(1);

/// How a decision is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// By the policy's score.
    Policy,
    /// By the newest value.
    StaticThreshold,
    /// By a line through the last hour.
    PredictLinear,
    /// Not at all.
    Nothing,
}

impl Method {
    pub(super) const ALL: [Self; 4] = [Self::Policy, Self::StaticThreshold, Self::PredictLinear, Self::Nothing];
}

/// What is called for at one look, with the reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Alarm {
    /// A shadow.
    pub(super) stage: bool,
    /// All traffic on the shadow.
    pub(super) hand_over: bool,
    /// Why.
    pub(super) reason: String,
}

impl Alarm {
    pub(super) fn of(method: Method, policy: &Policy, seen: &Seen<'_>, score: Option<&Scored>, at: Timestamp) -> Self {
        match method {
            Method::Policy => score.map(|score| Self::by_score(&policy.spec, score)).unwrap_or_default(),
            Method::StaticThreshold => worst(seen, by_value),
            Method::PredictLinear => worst(seen, |known| by_line(policy, known, at)),
            Method::Nothing => Self::default(),
        }
    }

    /// By a policy's thresholds.
    pub(super) fn by_score(policy: &PolicySpec, score: &Scored) -> Self {
        let sure = score.confidence >= policy.shadow_creation_threshold;
        Self {
            stage: sure && score.longest >= policy.shadowing_threshold,
            hand_over: score.shortest >= policy.critical_threshold,
            reason: score.reason.to_string(),
        }
    }
}

fn by_value(known: &Known<'_>) -> Option<Alarm> {
    let (spec, value) = (known.spec, known.value()?);
    let hand_over = spec.breaks(value);
    // Nine tenths of the limit, on the side on which there is no trouble yet.
    let margin = spec.limit.abs() * (1.0 - STATIC_SHARE);
    let near = match spec.direction {
        Direction::Above => value >= spec.limit - margin,
        Direction::Below => value <= spec.limit + margin,
    };
    Some(Alarm { stage: near, hand_over, reason: format!("the value is {value:.4}, the limit {}", spec.limit) })
}

fn by_line(policy: &Policy, known: &Known<'_>, at: Timestamp) -> Option<Alarm> {
    let (spec, (level, slope)) = (known.spec, line(&known.history, at)?);
    let ahead = |horizon: SignedDuration| level + slope * horizon.as_secs_f64();
    let (short, long) = (ahead(policy.shortest_horizon()), ahead(policy.longest_horizon()));
    let reason = format!("the line reaches {long:.4}, the limit is {}", spec.limit);
    Some(Alarm { stage: spec.breaks(long), hand_over: spec.breaks(short), reason })
}

/// The least-squares line through the last hour: its value at `at`, and its slope per second.
fn line(history: &History, at: Timestamp) -> Option<(f64, f64)> {
    let recent = |(time, value): (Timestamp, Option<f64>)| {
        let age = at.duration_since(time);
        Some((-age.as_secs_f64(), value?)).filter(|_| age <= LINE)
    };
    let points: Vec<(f64, f64)> = history.iter().filter_map(recent).collect();
    let number = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (mean_x, mean_y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
    (points.len() > 1 && slope.is_finite()).then_some((mean_y - slope * mean_x, slope))
}

/// Both calls of any signal; the reason of the first that calls.
fn worst(seen: &Seen<'_>, alarm: impl Fn(&Known<'_>) -> Option<Alarm>) -> Alarm {
    let mut all = Alarm::default();
    for (name, known) in seen.iter() {
        let Some(alarm) = alarm(known) else { continue };
        let is_first = !all.stage && !all.hand_over && (alarm.stage || alarm.hand_over);
        if is_first {
            all.reason = format!("{name}: {}", alarm.reason);
        }
        all.stage |= alarm.stage;
        all.hand_over |= alarm.hand_over;
    }
    all
}
