//! When a primary counts as failed without any forecast, and how long it may take to notice.

use super::{Policy, defaults};
use crate::criteria::Criterion;
use crate::model::Problems;
use serde::{Deserialize, Serialize};

/// Most criteria of a policy: more can be grasped by nobody.
const CRITERIA_MAX: usize = 16;

/// When a primary counts as failed without any forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureSpec {
    /// Independent observers that must agree (probe, data plane, agent).
    #[serde(default = "defaults::failure_signals")]
    pub signals: u32,
    /// Evaluations in a row in which they must agree.
    #[serde(default = "defaults::failure_evaluations")]
    pub evaluations: u32,
}

impl Default for FailureSpec {
    fn default() -> Self {
        Self { signals: defaults::failure_signals(), evaluations: defaults::failure_evaluations() }
    }
}

impl FailureSpec {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.in_range("failure.signals", f64::from(self.signals), 2.0, 3.0);
        problems.in_range("failure.evaluations", f64::from(self.evaluations), 1.0, 100.0);
    }
}

/// Reads failover criteria.
pub(super) fn criteria(texts: &[String], problems: &mut Problems) -> Vec<Criterion> {
    problems.require(
        texts.len() <= CRITERIA_MAX,
        "failover_criteria",
        format!("{} criteria are too many", texts.len()),
        format!("list at most {CRITERIA_MAX}"),
    );
    let mut criteria = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(criterion) => criteria.push(criterion),
            Err(error) => {
                let path = format!("failover_criteria[{i}]");
                problems.add(&path, format!("{text:?}: {error}"), "write it as in \"cpu > 90 % for 5m\"");
            }
        }
    }
    criteria
}

/// Whether a failed primary can be replaced in the time that the policy allows.
pub(super) fn check_downtime(policy: &Policy, problems: &mut Problems) {
    let Some(max) = policy.max_downtime else { return };
    let evaluations = i32::try_from(policy.spec.failure.evaluations).unwrap_or(i32::MAX);
    let noticed = policy.interval.saturating_mul(evaluations);
    problems.relate(
        noticed <= max,
        "max_downtime",
        &["interval", "failure.evaluations"],
        format!("a failure is noticed only after {noticed:#}: {evaluations} evaluations"),
        "raise it, shorten interval or lower failure.evaluations",
    );
    problems.relate(
        policy.switch_timeout <= max,
        "max_downtime",
        &["switch_timeout"],
        format!("a hand-over may take {:#}", policy.switch_timeout),
        "raise it or lower switch_timeout",
    );
}
