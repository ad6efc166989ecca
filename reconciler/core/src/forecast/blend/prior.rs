//! What the blend knows before it has seen a series: how much each correction is usually worth, and
//! what spreads errors. Learned over many series, by lead time; shipped as text.
//!
//! Never decides alone: a series' own past moves the weights after a few hundred samples.

use super::features::Features;
use super::spread::Weights;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

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
    pub spread: Weights,
}

/// The one that is shipped.
static SHIPPED: LazyLock<Option<Prior>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../priors/forecast.json")).ok());

impl Prior {
    /// The shipped one. A test reads it, so that there always is one.
    pub fn shipped() -> Option<&'static Self> {
        SHIPPED.as_ref()
    }

    /// That of the lead time nearest by ratio.
    pub(super) fn at(&self, lead: f64) -> Option<&LeadPrior> {
        let distance = |prior: &LeadPrior| (prior.lead / lead).ln().abs();
        self.leads.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prior_says_what_it_was_learned_from_and_covers_a_day() {
        let prior = Prior::shipped().unwrap();
        assert!(prior.trained_on.contains("make train-prior"));
        assert!(prior.leads.is_sorted_by(|a, b| a.lead < b.lead));
        assert!((0.8..=1.0).contains(&prior.leads.last().unwrap().lead));
    }
}
