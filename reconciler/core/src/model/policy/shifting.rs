//! How traffic moves to a shadow: what is copied to it first, by which steps it then serves, and how
//! it is judged on them.

use super::defaults;
use crate::model::Problems;
use crate::model::split::check_copied_method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is copied to a shadow before it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorPolicySpec {
    /// Share of the primary's safe requests, 0 to 100; 0 skips mirroring.
    #[serde(default = "defaults::mirror_percent")]
    pub percent: f64,
    /// Methods that are copied.
    #[serde(default = "defaults::mirror_methods")]
    pub methods: Vec<String>,
    /// Least time of mirroring before the first shift.
    #[serde(default = "defaults::mirror_duration")]
    pub duration: String,
    /// Which requests are copied, by a name of your own; all when empty.
    #[serde(default)]
    pub classes: BTreeMap<String, RequestClassSpec>,
}

impl Default for MirrorPolicySpec {
    fn default() -> Self {
        Self {
            percent: defaults::mirror_percent(),
            methods: defaults::mirror_methods(),
            duration: defaults::mirror_duration(),
            classes: BTreeMap::new(),
        }
    }
}

/// How traffic moves to a shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftSpec {
    /// Weights of the shadow in percent, in rising order, below 100.
    #[serde(default = "defaults::shift_steps")]
    pub steps: Vec<u32>,
    /// Least time on each step.
    #[serde(default = "defaults::shift_step_duration")]
    pub step_duration: String,
    /// Verdicts "pass" in a row that each step needs.
    #[serde(default = "defaults::shift_passes")]
    pub passes: u32,
    /// Whether requests that may write are shared by weight as well. By default they all go to one
    /// slot, and change over with the hand-over, since two slots that write to data of their own drift
    /// apart. Only for a service whose slots keep no data, or keep it in one place elsewhere.
    #[serde(default)]
    pub split_writes: bool,
    /// How a shadow that serves is compared with the primary.
    #[serde(default)]
    pub judge: Option<JudgeSpec>,
}

impl Default for ShiftSpec {
    fn default() -> Self {
        Self {
            steps: defaults::shift_steps(),
            step_duration: defaults::shift_step_duration(),
            passes: defaults::shift_passes(),
            split_writes: false,
            judge: None,
        }
    }
}

/// How a shadow that serves is compared with the primary beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeSpec {
    /// Greatest latency of the shadow, as a multiple of the primary's.
    #[serde(default = "defaults::latency_ratio_max")]
    pub latency_ratio_max: f64,
    /// Greatest share of failed requests of the shadow above the primary's, 0 to 1.
    #[serde(default = "defaults::error_rate_increase_max")]
    pub error_rate_increase_max: f64,
    /// Requests that each side must have answered before they are compared.
    #[serde(default = "defaults::requests_min")]
    pub requests_min: u32,
    /// What is done when they cannot be compared.
    #[serde(default)]
    pub inconclusive: Inconclusive,
}

/// What is done when two sides cannot be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inconclusive {
    /// The step lasts longer.
    #[default]
    Wait,
    /// It counts as failed, and the shift is called off.
    Fail,
}

/// Requests that are copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestClassSpec {
    /// What their paths begin with.
    pub path_prefix: String,
    /// Their methods; those of the mirror when empty.
    #[serde(default)]
    pub methods: Vec<String>,
}

impl MirrorPolicySpec {
    pub(super) fn check(&self, split_writes: bool, problems: &mut Problems) {
        problems.in_range("mirror.percent", self.percent, 0.0, 100.0);
        check_methods("mirror.methods", &self.methods, split_writes, problems);
        for (key, class) in &self.classes {
            let path = format!("mirror.classes[{key:?}]");
            problems.key(&path, key);
            check_methods(&format!("{path}.methods"), &class.methods, split_writes, problems);
            problems.require(
                class.path_prefix.starts_with('/'),
                &format!("{path}.path_prefix"),
                "it is not a path",
                "start it with a slash, as in \"/api/\"",
            );
        }
    }
}

fn check_methods(path: &str, methods: &[String], split_writes: bool, problems: &mut Problems) {
    for (i, method) in methods.iter().enumerate().filter(|_| !split_writes) {
        check_copied_method(&format!("{path}[{i}]"), method, "set shift.split_writes", problems);
    }
}

impl ShiftSpec {
    pub(super) fn check(&self, problems: &mut Problems) {
        let mut before: Option<u32> = None;
        for (i, step) in self.steps.iter().enumerate() {
            let path = format!("shift.steps[{i}]");
            problems.in_range(&path, f64::from(*step), 1.0, 99.0);
            let rises = before.is_none_or(|before| before < *step);
            let previous = format!("shift.steps[{}]", i.saturating_sub(1));
            let remedy = "list the shadow's weights from low to high";
            problems.relate(rises, &path, &[&previous], "the steps do not rise", remedy);
            before = Some(*step);
        }
        problems.in_range("shift.passes", f64::from(self.passes), 1.0, 100.0);
        if let Some(judge) = &self.judge {
            problems.in_range("shift.judge.latency_ratio_max", judge.latency_ratio_max, 1.0, 100.0);
            problems.in_range("shift.judge.error_rate_increase_max", judge.error_rate_increase_max, 0.0, 1.0);
            problems.in_range("shift.judge.requests_min", f64::from(judge.requests_min), 1.0, 1e6);
        }
    }
}
