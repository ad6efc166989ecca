//! The predictive distribution of one quantity, made of weighted samples.
//!
//! Never says that something is certain or impossible: samples are smoothed by a kernel whose tail
//! falls only with the square of the distance, since few samples know little of the tails.

use super::quantiles::{Quantiles, Weighted, deviation, of_weighted};
use serde::Serialize;

/// A predictive distribution, in the signal's unit. Serialized as its quantiles and evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(into = "Shown")]
pub struct Distribution {
    quantiles: Quantiles,
    /// Rising.
    samples: Vec<Weighted>,
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
        Self { quantiles, samples, bandwidth, evidence }
    }

    /// Quantiles at [`super::LEVELS`].
    pub fn quantiles(&self) -> &Quantiles {
        &self.quantiles
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

    fn share(&self, part: impl Fn(f64) -> f64) -> f64 {
        let total: f64 = self.samples.iter().map(|(_, weight)| weight).sum();
        self.samples.iter().map(|(sample, weight)| weight * part(*sample)).sum::<f64>() / total
    }
}

/// Probability that a value of Student's distribution with two degrees of freedom is above `x`,
/// in a form that keeps its precision far out.
fn upper_tail(x: f64) -> f64 {
    let root = (2.0 + x * x).sqrt();
    let tail = 1.0 / (root * (root + x.abs()));
    if x > 0.0 { tail } else { 1.0 - tail }
}
