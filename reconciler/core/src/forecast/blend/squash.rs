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

/// Share of a usual deviation below which a number is only what rounding left of zero: the lowest quantile
/// of a signal that rests at zero must not lie above it.
const ROUNDING: f64 = 1e-12;

/// A number with a square that is far from overflowing; NaN is not above it either.
const SQUARE_IS_FINITE: f64 = 1e100;

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
        let mut squash = Self { centre, scale, seen: (f64::NAN, f64::NAN), floor: f64::NEG_INFINITY };
        let squashed: Vec<f64> = values.iter().map(|value| squash.squashed(*value)).collect();
        squash.see(&squashed);
        if never_negative {
            squash.floor = squash.squashed(0.0);
        }
        (squash, squashed)
    }

    /// A value, squashed.
    pub(super) fn squashed(&self, value: f64) -> f64 {
        inverse_sinh((value - self.centre) / self.scale)
    }

    /// Takes note of squashed values that came later.
    pub(super) fn see(&mut self, squashed: &[f64]) {
        let (least, greatest) = self.seen;
        self.seen = (squashed.iter().copied().fold(least, f64::min), squashed.iter().copied().fold(greatest, f64::max));
        if self.seen.0 < self.floor {
            self.floor = f64::NEG_INFINITY;
        }
    }

    /// Distance from the least possible value, if the signal has one.
    pub(super) fn above_floor(&self, squashed: f64) -> Option<f64> {
        self.floor.is_finite().then(|| (squashed - self.floor).max(0.0))
    }

    /// The value in the signal's unit of a quantile of which the median is `median`, both squashed.
    pub(super) fn in_units(&self, quantile: f64, median: f64) -> f64 {
        let (least, greatest) = self.seen;
        let bounded = quantile.max(least.min(median) - BEYOND_SEEN).min(greatest.max(median) + BEYOND_SEEN);
        let value = bounded.max(self.floor).sinh() * self.scale + self.centre;
        if value.abs() < ROUNDING * self.scale { 0.0 } else { value }
    }

    /// Between what quantiles of the median `median` (squashed) stay, in the signal's unit.
    pub(super) fn bounds(&self, median: f64) -> (f64, f64) {
        (self.in_units(f64::NEG_INFINITY, median), self.in_units(f64::INFINITY, median))
    }
}

/// The inverse hyperbolic sine, to the rounding of the unit: nearer to zero than that, no digit is meant. The
/// standard library's costs more than twice as much.
fn inverse_sinh(value: f64) -> f64 {
    let distance = value.abs();
    if distance > SQUARE_IS_FINITE {
        return value.asinh();
    }
    (distance + (1.0 + distance * distance).sqrt()).ln().copysign(value)
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
    fn the_inverse_is_that_of_the_standard_library_at_every_size() {
        for value in [0.0, 1e-300, 1e-9, 0.3, 1.0, 77.0, 1e9, 9e99, 1.1e100, 1e300, f64::INFINITY] {
            for value in [value, -value] {
                let (own, known) = (inverse_sinh(value), value.asinh());
                let is_near = (own - known).abs() <= 1e-15 * known.abs().max(1.0);
                assert!(is_near || own.total_cmp(&known).is_eq(), "{value:e}: {own:e}");
            }
        }
        assert!(inverse_sinh(f64::NAN).is_nan());
    }

    #[test]
    fn what_rests_at_zero_comes_back_as_zero() {
        let values: Vec<f64> = (0..100).map(|i| if i % 3 == 0 { 0.1 * f64::from(i) } else { 0.0 }).collect();
        for centre in [0.0, 0.07, 3.3, 1e7] {
            let (squash, squashed) = Squash::fit(&values.iter().map(|value| value + centre).collect::<Vec<f64>>());
            let back = squash.in_units(squash.squashed(0.0), squashed[1]);
            assert!(back.to_bits() == 0.0_f64.to_bits() || back > 0.01, "{back:e}");
        }
    }

    #[test]
    fn quantiles_stay_near_what_was_seen_and_above_the_floor() {
        let (squash, _) = Squash::fit(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(squash.in_units(40.0, 0.0) < 7.0 && squash.in_units(-40.0, 0.0).abs() < 1.0);
        assert!(squash.in_units(-40.0, 0.0) >= 0.0);
    }
}
