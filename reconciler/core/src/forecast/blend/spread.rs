//! How far a forecast may be off, compared with other times of the same series: restless hours,
//! restless times of day and high levels spread errors.
//!
//! Says nothing of how far in absolute terms: that is learned from the series' own errors.

use super::features::{Origin, whole};
use super::past::Past;

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
const RATIO_MAX: f64 = 2.0;

/// What spreads the errors from one origin.
pub(super) struct Restlessness {
    origin: usize,
    now: [f64; 4],
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
        let shift = SHIFTED * (past.shift(step) / SHIFTED_FROM).max(1.0).ln();
        Self { origin: step, now, shift }
    }

    /// The causes at `lead` steps ahead, where the signal is expected `height` above its floor.
    pub(super) fn causes(&self, past: &Past, lead: usize, height: Option<f64>) -> Causes {
        let day = past.spans.day;
        let same_step = self.origin + lead + day - whole(lead, day);
        let (strange_then, restless_then) = past.restlessness_then(same_step, self.origin + day);
        let [hour, six, a_day, strange] = self.now;
        let height = height.map_or(0.0, |height| past.log(height));
        let logs = [hour, six, a_day, strange, strange_then, restless_then, height];
        Causes { logs, shift: self.shift * (2.0 * lead as f64 / day as f64).min(1.0) }
    }
}

/// The logarithm of the spread, up to a constant of the series.
pub(super) fn level(causes: &Causes, weights: &Weights) -> f64 {
    causes.logs.iter().zip(weights).map(|(cause, weight)| cause * weight).sum::<f64>() + causes.shift
}

/// The ratio of two spreads.
pub(super) fn ratio(level: f64, reference: f64) -> f64 {
    (level - reference).clamp(-RATIO_MAX, RATIO_MAX).exp()
}
