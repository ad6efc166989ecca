//! Values as the blend sees them: in usual deviations from the usual value, and squashed beyond a
//! few of them, so that a spike of a thousand deviations weighs like one of ten.
//!
//! The inverse hyperbolic sine is straight near zero and logarithmic far out, on both sides, and a
//! quantile of squashed values is the squashed quantile. Never loses the order of two values.

/// Deviations up to which values are hardly squashed. Half of it made bounds a day ahead too wide on
/// quiet series, twice of it forecast an hour of spiky ones a fiftieth worse.
const STRAIGHT: f64 = 4.0;

/// Share of the mean distance below which the median distance says nothing: most values are equal.
const MEDIAN_DISTANCE_MIN: f64 = 0.05;

/// How far past the extremes of the window a quantile may lie, in squashed units: a value never seen
/// is possible, one that the inverse has blown up is not.
const BEYOND_SEEN: f64 = 0.1;

/// The transformation of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Squash {
    centre: f64,
    scale: f64,
    /// Least and greatest squashed value seen.
    seen: (f64, f64),
    /// Zero, squashed, for a signal that was never negative.
    floor: f64,
}

impl Squash {
    /// Fits `values` (NaN is a gap) and squashes them.
    pub(super) fn fit(values: &[f64]) -> (Self, Vec<f64>) {
        let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let never_negative = present.iter().all(|value| *value >= 0.0);
        let centre = middle(&mut present);
        present.iter_mut().for_each(|value| *value = (*value - centre).abs());
        let mean = present.iter().sum::<f64>() / present.len().max(1) as f64;
        let median = middle(&mut present);
        let distance = if median > MEDIAN_DISTANCE_MIN * mean { median } else { MEDIAN_DISTANCE_MIN * mean };
        let scale = if distance > 0.0 { STRAIGHT * distance } else { 1.0 };
        let squash = |value: f64| ((value - centre) / scale).asinh();
        let squashed: Vec<f64> = values.iter().copied().map(squash).collect();
        let extreme = |pick: fn(f64, f64) -> f64| squashed.iter().copied().fold(f64::NAN, pick);
        let floor = if never_negative { squash(0.0) } else { f64::NEG_INFINITY };
        (Self { centre, scale, seen: (extreme(f64::min), extreme(f64::max)), floor }, squashed)
    }

    /// Distance from the least possible value, if the signal has one.
    pub(super) fn above_floor(&self, squashed: f64) -> Option<f64> {
        self.floor.is_finite().then(|| (squashed - self.floor).max(0.0))
    }

    /// The value in the signal's unit of a quantile of which the median is `median`, both squashed.
    pub(super) fn in_units(&self, quantile: f64, median: f64) -> f64 {
        let (least, greatest) = self.seen;
        let bounded = quantile.max(least.min(median) - BEYOND_SEEN).min(greatest.max(median) + BEYOND_SEEN);
        bounded.max(self.floor).sinh() * self.scale + self.centre
    }

    /// Between what quantiles of the median `median` (squashed) stay, in the signal's unit.
    pub(super) fn bounds(&self, median: f64) -> (f64, f64) {
        (self.in_units(f64::NEG_INFINITY, median), self.in_units(f64::INFINITY, median))
    }
}

/// The middle value; zero of none.
fn middle(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_values_come_back_and_order_is_kept() {
        let values: Vec<f64> = (0..100).map(|i| 50.0 + f64::from(i % 7)).chain([1e6]).collect();
        let (squash, squashed) = Squash::fit(&values);
        for (value, squashed) in values.iter().zip(&squashed) {
            assert!((squash.in_units(*squashed, 0.0) - value).abs() <= 1e-9 * value);
        }
        assert!(squashed[100] < 20.0 && squashed[100] > squashed[6]);
    }

    #[test]
    fn quantiles_stay_near_what_was_seen_and_above_the_floor() {
        let (squash, _) = Squash::fit(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(squash.in_units(40.0, 0.0) < 7.0 && squash.in_units(-40.0, 0.0).abs() < 1.0);
        assert!(squash.in_units(-40.0, 0.0) >= 0.0);
    }
}
