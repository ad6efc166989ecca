//! How far a forecast may be off, compared with other times of the same series: restless hours,
//! restless times of day and high levels spread errors.
//!
//! Says nothing of how far in absolute terms: that is learned from the series' own errors.

use super::features::{Origin, whole};
use super::past::{Past, Still};

/// Causes that are weighed.
pub(super) const COUNT: usize = 7;

/// What each of them weighs.
pub(super) type Weights = [f64; COUNT];

/// What spreads the errors of one lead time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Causes {
    /// Logarithms of distances, in the order of the weights.
    pub(super) logs: [f64; COUNT],
    /// What a changed level adds. No past tells its weight: what was forecast of it was learned from both levels.
    shift: f64,
}

/// Weight of a change of level, for lead times of half a day and more; sooner the new level goes on.
const SHIFTED: f64 = 0.4;

/// How far a day must have been off the usual one to be on another level, as a share of how far steps usually are.
const SHIFTED_FROM: f64 = 0.7;

/// Largest logarithm of a ratio of two spreads: errors of a calm night must not be blown up a
/// thousandfold for a busy noon.
pub(super) const RATIO_MAX: f64 = 2.0;

/// What spreads the errors from one origin.
pub(super) struct Restlessness {
    /// Logarithms of the mean movement over the last hour, six hours and day, and of the distance from the usual day
    /// over the last hour.
    pub(super) now: [f64; 4],
    /// What a changed level adds for lead times of half a day and more.
    shift: f64,
}

impl Restlessness {
    pub(super) fn new(past: &Past, origin: &Origin) -> Self {
        let (spans, step) = (past.spans, origin.step);
        let now = [
            past.restlessness(step, spans.hour),
            past.restlessness(step, spans.six_hours),
            past.restlessness(step, spans.day),
            past.strangeness(step, spans.hour),
        ];
        Self::of(now, past.shift(step))
    }

    /// Of these logarithms, where the last day was off the usual one by `shift`, see [`Past::shift`].
    pub(super) fn of(now: [f64; 4], shift: f64) -> Self {
        Self { now, shift: SHIFTED * (shift / SHIFTED_FROM).max(1.0).ln() }
    }

    /// The causes where the time of day is as `then` has it, and the signal is expected `height` above its floor.
    pub(super) fn causes(&self, then: Then, height: Option<f64>, still: Still) -> Causes {
        let [hour, six, a_day, strange] = self.now;
        let height = height.map_or(0.0, |height| still.log(height));
        let logs = [hour, six, a_day, strange, then.strange, then.restless, height];
        Causes { logs, shift: self.shift * then.half_days.min(1.0) }
    }
}

/// A time to come: how far off it is, and how restless that time of day was over the last days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Then {
    /// Half days until then.
    pub(super) half_days: f64,
    /// Logarithm of the mean distance from the usual day.
    pub(super) strange: f64,
    /// Logarithm of the mean movement.
    pub(super) restless: f64,
}

impl Then {
    /// `lead` steps after `origin`.
    pub(super) fn new(past: &Past, origin: usize, lead: usize) -> Self {
        let day = past.spans.day;
        let same_step = origin + lead + day - whole(lead, day);
        let (strange, restless) = past.restlessness_then(same_step, origin + day);
        Self { half_days: half_days(lead, day), strange, restless }
    }
}

/// Half days in a lead time.
pub(super) fn half_days(lead: usize, day: usize) -> f64 {
    2.0 * lead as f64 / day as f64
}

/// The logarithm of the spread, up to a constant of the series.
pub(super) fn level(causes: &Causes, weights: &Weights) -> f64 {
    causes.logs.iter().zip(weights).map(|(cause, weight)| cause * weight).sum::<f64>() + causes.shift
}

/// The ratio of two spreads.
pub(super) fn ratio(level: f64, reference: f64) -> f64 {
    (level - reference).clamp(-RATIO_MAX, RATIO_MAX).exp()
}
