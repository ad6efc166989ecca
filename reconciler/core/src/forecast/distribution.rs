//! The predictive distribution of one quantity, made of weighted samples.
//!
//! Never says that something is certain or impossible: samples are smoothed by a kernel whose tail
//! falls only with the square of the distance, since few samples know little of the tails.

use super::quantiles::{Quantiles, Weighted, at_level, deviation, of_weighted};
use crate::history::narrow;
use crate::model::signal::Direction;
use serde::Serialize;

/// A predictive distribution, in the signal's unit. Serialized as its quantiles and evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(into = "Shown")]
pub struct Distribution {
    quantiles: Quantiles,
    /// Rising, with their weights: as precise as the history keeps its values.
    samples: Vec<(f32, f32)>,
    /// Width of the kernel; positive.
    bandwidth: f64,
    evidence: f64,
}

/// What is shown of a distribution.
#[derive(Serialize)]
struct Shown {
    quantiles: Quantiles,
    evidence: f64,
}

impl From<Distribution> for Shown {
    fn from(distribution: Distribution) -> Self {
        Self { quantiles: distribution.quantiles, evidence: distribution.evidence }
    }
}

impl Distribution {
    /// `evidence` is how many independent observations the samples are worth.
    pub(super) fn new(mut samples: Vec<Weighted>, evidence: f64) -> Self {
        let quantiles = of_weighted(&mut samples);
        let bandwidth = (deviation(&quantiles) / (1.0 + evidence).sqrt()).max(f64::MIN_POSITIVE);
        let samples = samples.into_iter().map(|(value, weight)| (kept(value), kept(weight))).collect();
        Self { quantiles, samples, bandwidth, evidence }
    }

    fn samples(&self) -> impl Iterator<Item = Weighted> + Clone {
        self.samples.iter().map(|(value, weight)| (f64::from(*value), f64::from(*weight)))
    }

    fn total(&self) -> f64 {
        self.samples().map(|(_, weight)| weight).sum()
    }

    /// Quantiles at [`super::LEVELS`].
    pub fn quantiles(&self) -> &Quantiles {
        &self.quantiles
    }

    /// The value that is not exceeded with the probability `level`, 0 to 1.
    pub fn quantile(&self, level: f64) -> f64 {
        at_level(self.samples(), level)
    }

    /// The distribution of what becomes of its values: `change` gets the level of each, 0 to 1, and
    /// the value.
    pub(crate) fn changed(&self, change: impl Fn(f64, f64) -> f64) -> Self {
        let total = self.total();
        let mut before = 0.0;
        let samples = self.samples().map(|(value, weight)| {
            let level = (before + weight / 2.0) / total;
            before += weight;
            (change(level, value), weight)
        });
        let samples: Vec<Weighted> = samples.collect();
        // What stays as it is keeps the digits that its samples no longer have.
        let is_same = samples.iter().zip(self.samples()).all(|(new, old)| new.0.to_bits() == old.0.to_bits());
        if is_same { self.clone() } else { Self::new(samples, self.evidence) }
    }

    /// How many independent observations it is worth; less where the model's bounds did not hold.
    pub fn evidence(&self) -> f64 {
        self.evidence
    }

    /// Probability of a value at or above `limit`. Falls as the limit rises.
    pub fn probability_above(&self, limit: f64) -> f64 {
        self.share(|sample| upper_tail((limit - sample) / self.bandwidth))
    }

    /// Probability of a value at or below `limit`. Rises as the limit rises.
    pub fn probability_below(&self, limit: f64) -> f64 {
        self.share(|sample| upper_tail((sample - limit) / self.bandwidth))
    }

    /// Probability of a value past `limit` on the side of `direction`, or at it.
    pub fn probability_past(&self, limit: f64, direction: Direction) -> f64 {
        match direction {
            Direction::Above => self.probability_above(limit),
            Direction::Below => self.probability_below(limit),
        }
    }

    fn share(&self, part: impl Fn(f64) -> f64) -> f64 {
        self.samples().map(|(sample, weight)| weight * part(sample)).sum::<f64>() / self.total()
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.samples.capacity() * size_of::<(f32, f32)>()
    }
}

/// In single precision, and finite.
fn kept(value: f64) -> f32 {
    narrow(value).clamp(f32::MIN, f32::MAX)
}

/// Probability that a value of Student's distribution with two degrees of freedom is above `x`,
/// in a form that keeps its precision far out.
fn upper_tail(x: f64) -> f64 {
    let root = (2.0 + x * x).sqrt();
    let tail = 1.0 / (root * (root + x.abs()));
    if x > 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_smooth_symmetric_and_never_certain() {
        let distribution = Distribution::new((1..=9).map(|value| (f64::from(value), 1.0)).collect(), 9.0);
        assert!((distribution.probability_above(5.0) - 0.5).abs() < 1e-12);
        let above: Vec<f64> = (-40..=50).map(|limit| distribution.probability_above(f64::from(limit))).collect();
        assert!(above.windows(2).all(|pair| pair[1] < pair[0]), "{above:?}");
        assert!(above.iter().all(|probability| *probability > 0.0 && *probability < 1.0));
        for limit in [-40.0, 3.0, 50.0] {
            let sum = distribution.probability_above(limit) + distribution.probability_below(limit);
            assert!((sum - 1.0).abs() < 1e-12, "{limit}");
        }
    }

    #[test]
    fn little_evidence_knows_less_of_the_tail() {
        let samples: Vec<Weighted> = (1..=9).map(|value| (f64::from(value), 1.0)).collect();
        let tail = |evidence| Distribution::new(samples.clone(), evidence).probability_above(20.0);
        assert!(tail(0.5) > 2.0 * tail(10.0));
    }

    #[test]
    fn what_changes_by_level_changes_the_quantiles() {
        let plain = Distribution::new((1..=9).map(|value| (f64::from(value), 1.0)).collect(), 9.0);
        let changed = plain.changed(|level, value| value * (1.0 + level));
        assert!((plain.quantile(0.5) - 5.0).abs() < 1e-12 && (changed.quantile(0.5) - 7.5).abs() < 1e-12);
        assert!(changed.probability_above(9.0) > plain.probability_above(9.0));
    }

    #[test]
    fn samples_that_are_all_equal_are_answered_without_a_division_by_zero() {
        let constant = Distribution::new(vec![(5.0, 1.0); 4], 3.0);
        assert!(constant.probability_above(5.0) > 0.49 && constant.probability_above(5.1) < 1e-9);
        assert!(constant.probability_above(4.9) > 0.99);
    }
}
