//! A probability with the range that it may lie in, given how little was seen. Never certain.

use crate::forecast::Worst;
use crate::model::signal::SignalSpec;

/// A probability and the range that it may lie in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likelihood {
    pub(super) probability: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) confidence: f64,
}

/// Half the width of the range of a probability, in standard errors: one in five lies below the
/// lower bound. Stricter bounds would let no short history decide anything, and a decision needs
/// several evaluations besides.
const RANGE_ERRORS: f64 = 0.8416;

/// Least probability stated: one in a million windows is beyond anything that a history can show.
const PROBABILITY_MIN: f64 = 1e-6;

/// Windows that the training of the early warning is worth. It learned from hundreds of incidents of other signals, and
/// yet of its surest answers a fifth more or less come true on a new one: as much as eight windows leave open.
const WINDOWS_TRAINED: f64 = 8.0;

/// Windows that an evident growth is worth: as many as the blocks that agree on it.
const WINDOWS_OF_GROWTH: f64 = 8.0;

impl Likelihood {
    pub(super) const LEAST: Self = Self { probability: 0.0, lower: 0.0, upper: 0.0, confidence: 0.0 };

    /// Of a limit that is broken at present. One sample may be a glitch, so it is not certain that
    /// the service is in trouble; the policy's k-of-n evaluations settle that.
    pub(super) const BROKEN: Self = Self { probability: 0.999, lower: 0.99, upper: 1.0, confidence: 0.99 };

    /// That the signal's worst value until a horizon is past its limit, by the forecast.
    pub(super) fn of_forecast(worst: &Worst, spec: &SignalSpec) -> Self {
        Self::from_evidence(worst.value.probability_past(spec.limit, spec.direction), worst.value.evidence())
    }

    /// By the early warning, which was trained on what came in many windows, and of which so many windows of this
    /// signal are known.
    pub(super) fn of_warning(probability: f64, windows: f64) -> Self {
        Self::from_evidence(probability, WINDOWS_TRAINED + windows)
    }

    /// By a growth that nearly all of the past agrees on.
    pub(super) fn of_exhaustion(probability: f64) -> Self {
        Self::from_evidence(probability, WINDOWS_OF_GROWTH)
    }

    /// The range of a probability that was seen in so many independent windows (Wilson's interval,
    /// which stays within 0 and 1 and is as wide as that when there were none).
    fn from_evidence(probability: f64, windows: f64) -> Self {
        let probability = probability.clamp(PROBABILITY_MIN, Self::BROKEN.probability);
        let z = RANGE_ERRORS;
        let centre = windows * probability + z * z / 2.0;
        let half = z * (windows * probability * (1.0 - probability) + z * z / 4.0).sqrt();
        let bound = |sum: f64| (sum / (windows + z * z)).clamp(0.0, 1.0);
        Self {
            probability,
            lower: bound(centre - half).min(probability).min(Self::BROKEN.lower),
            upper: bound(centre + half).max(probability),
            confidence: windows / (windows + 1.0),
        }
    }

    /// At least as much as `self`: what happens within a horizon happens within each longer one.
    pub(super) fn or_more(self, other: Self) -> Self {
        Self {
            probability: self.probability.max(other.probability),
            lower: self.lower.max(other.lower),
            upper: self.upper.max(other.upper),
            // Of the horizon itself, unless a shorter one decides.
            confidence: if other.lower >= self.lower { other.confidence } else { self.confidence },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_probability_narrows_with_evidence() {
        let none = Likelihood::from_evidence(0.9, 0.0);
        assert!(none.lower <= 0.0 && none.upper >= 1.0 && none.confidence <= 0.0);
        let (few, many) = (Likelihood::from_evidence(0.9, 2.0), Likelihood::from_evidence(0.9, 50.0));
        assert!(few.lower < many.lower && many.lower < 0.9 && 0.9 < many.upper && many.upper < few.upper);
    }

    #[test]
    fn what_decides_is_the_greater_and_nothing_is_certain() {
        let (calm, warned) = (Likelihood::of_warning(0.01, 0.0), Likelihood::of_warning(0.7, 100.0));
        assert_eq!(calm.or_more(warned), warned.or_more(calm));
        assert!(Likelihood::of_warning(1.0, 1e9).probability < 1.0 && Likelihood::of_exhaustion(0.0).probability > 0.0);
        assert!(Likelihood::of_warning(0.7, 0.0).lower < warned.lower && warned.lower < 0.7);
    }
}
