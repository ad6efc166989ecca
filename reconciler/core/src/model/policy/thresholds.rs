//! At which scores something is done, how many evaluations must agree, and how far thresholds may
//! adapt.

use super::PolicySpec;
use crate::model::Problems;
use serde::{Deserialize, Serialize};

/// How many of the newest evaluations must agree: `required` of `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationsSpec {
    /// How many must agree.
    pub required: u32,
    /// Of how many.
    pub window: u32,
}

impl Default for EvaluationsSpec {
    fn default() -> Self {
        Self { required: 3, window: 5 }
    }
}

/// How far thresholds may move by what is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveThresholdsSpec {
    /// Bounds of `shadowing_threshold`.
    pub shadowing: BoundsSpec,
    /// Bounds of `critical_threshold`.
    pub critical: BoundsSpec,
}

/// Within which a number may move.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundsSpec {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl EvaluationsSpec {
    pub(super) fn check(self, problems: &mut Problems) {
        let Self { required, window } = self;
        problems.in_range("evaluations.window", f64::from(window), 1.0, 100.0);
        problems.in_range("evaluations.required", f64::from(required), 1.0, 100.0);
        problems.relate(
            required <= window,
            "evaluations.required",
            &["evaluations.window"],
            format!("{required} of {window} evaluations cannot agree"),
            "lower it or raise evaluations.window",
        );
    }
}

impl AdaptiveThresholdsSpec {
    fn check(&self, policy: &PolicySpec, problems: &mut Problems) {
        let shadowing =
            ("adaptive_thresholds.shadowing", self.shadowing, "shadowing_threshold", policy.shadowing_threshold);
        let critical = ("adaptive_thresholds.critical", self.critical, "critical_threshold", policy.critical_threshold);
        for (path, bounds, name, threshold) in [shadowing, critical] {
            let (min, max) = (format!("{path}.min"), format!("{path}.max"));
            problems.in_range(&min, bounds.min, 0.0, 1.0);
            problems.in_range(&max, bounds.max, 0.0, 1.0);
            let remedy = "swap them";
            problems.relate(bounds.min <= bounds.max, &max, &[&min], "it is below min", remedy);
            problems.relate(
                (bounds.min..=bounds.max).contains(&threshold),
                path,
                &[name],
                format!("{name} = {threshold} is outside of them"),
                format!("widen them or change {name}"),
            );
        }
        problems.relate(
            self.shadowing.max < self.critical.min,
            "adaptive_thresholds.critical.min",
            &["adaptive_thresholds.shadowing.max"],
            "the thresholds could cross",
            "raise it above adaptive_thresholds.shadowing.max",
        );
    }
}

/// Checks that thresholds are probabilities in the order in which they are crossed.
pub(super) fn check(policy: &PolicySpec, problems: &mut Problems) {
    for (path, value) in [
        ("shadowing_threshold", policy.shadowing_threshold),
        ("critical_threshold", policy.critical_threshold),
        ("clear_threshold", policy.clear_threshold),
        ("shadow_creation_threshold", policy.shadow_creation_threshold),
    ] {
        problems.in_range(path, value, 0.0, 1.0);
    }
    problems.relate(
        policy.shadowing_threshold < policy.critical_threshold,
        "critical_threshold",
        &["shadowing_threshold"],
        format!("{} is not above shadowing_threshold = {}", policy.critical_threshold, policy.shadowing_threshold),
        "a shadow must be staged before traffic is handed over: raise critical_threshold or lower shadowing_threshold",
    );
    problems.relate(
        policy.clear_threshold < policy.shadowing_threshold,
        "clear_threshold",
        &["shadowing_threshold"],
        format!("{} is not below shadowing_threshold = {}", policy.clear_threshold, policy.shadowing_threshold),
        "without a gap between them the decision would flap: lower clear_threshold",
    );
    if let Some(bounds) = &policy.adaptive_thresholds {
        bounds.check(policy, problems);
    }
}
