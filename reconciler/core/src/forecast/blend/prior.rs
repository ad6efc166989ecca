//! What the blend knows before it has seen a series: how much each correction is usually worth, what
//! spreads errors, and how much wider than its past errors the next ones fall. Learned over many
//! series, by lead time; shipped as text.
//!
//! Never decides alone: a series' own past moves the weights after a few hundred samples.

use super::features::Features;
use super::spread::Causes;
use serde::{Deserialize, Serialize};

/// What was learned for all lead times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// What it was learned from, and how to learn it again.
    pub trained_on: String,
    /// From short to long lead times.
    pub leads: Vec<LeadPrior>,
}

/// What was learned for one lead time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadPrior {
    /// As a share of a day.
    pub lead: f64,
    /// Of the corrections.
    pub weights: Features,
    /// Of the causes of spread.
    pub spread: Causes,
    /// Factors on the 80 % and the 95 % interval.
    pub widening: [f64; 2],
}

impl Prior {
    /// That of the lead time nearest by ratio.
    pub(super) fn at(&self, lead: f64) -> Option<&LeadPrior> {
        let distance = |prior: &LeadPrior| (prior.lead / lead).ln().abs();
        self.leads.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}
