//! Which places there are for shadows, and what matters when one is chosen: the placement profile of
//! a group.

use super::check::Problems;
use super::policy::check_method;
use super::size::Size;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most candidates of a group, and most shadows.
const CANDIDATES_MAX: usize = 256;
const SHADOWS_MAX: u32 = 10;

/// How places for shadows are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementProfileSpec {
    /// How many shadows are wanted.
    #[serde(default = "one")]
    pub shadow_count: u32,
    /// Order across groups when places are scarce; higher goes first.
    #[serde(default)]
    pub replica_priority: i64,
    /// What calls for a shadow.
    #[serde(default)]
    pub triggers: TriggersSpec,
    /// How data is replicated to shadows placed so; the policy's method when absent.
    #[serde(default)]
    pub sync_method: Option<String>,
    /// Whether each shadow goes to the zone that has the fewest of them.
    #[serde(default = "yes")]
    pub spread: bool,
    /// Greatest network latency to the clients, in milliseconds.
    #[serde(default)]
    pub latency_ms_max: Option<f64>,
    /// Greatest hourly cost of all shadows.
    #[serde(default)]
    pub hourly_cost_max: Option<f64>,
    /// The places, by a name of your own.
    pub candidates: BTreeMap<String, CandidateSpec>,
}

/// What calls for a shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggersSpec {
    /// Share of the CPU in use, in percent.
    #[serde(default)]
    pub cpu_percent: Option<f64>,
    /// Share of the memory in use, in percent.
    #[serde(default)]
    pub memory_percent: Option<f64>,
    /// Share of the network's bandwidth in use, in percent.
    #[serde(default)]
    pub network_percent: Option<f64>,
    /// Whether a forecast does.
    #[serde(default = "yes")]
    pub predictive: bool,
}

impl Default for TriggersSpec {
    fn default() -> Self {
        Self { cpu_percent: None, memory_percent: None, network_percent: None, predictive: true }
    }
}

/// A place for shadows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateSpec {
    /// Its failure domain.
    pub zone: String,
    /// Its region.
    #[serde(default)]
    pub region: Option<String>,
    /// A host in it.
    #[serde(default)]
    pub host: Option<String>,
    /// Class of its instances.
    #[serde(default)]
    pub instance_class: Option<String>,
    /// What is free there; absent parts are no limit.
    #[serde(default)]
    pub capacity: Size,
    /// Network latency to the clients, in milliseconds.
    #[serde(default)]
    pub latency_ms: f64,
    /// Network latency to the source of the data, in milliseconds.
    #[serde(default)]
    pub data_latency_ms: f64,
    /// Free licences; absent when none are needed.
    #[serde(default)]
    pub licences: Option<u32>,
    /// Cost of an instance for an hour.
    #[serde(default)]
    pub hourly_cost: f64,
    /// How well its zone is, from 0 (down) to 1.
    #[serde(default = "well")]
    pub health: f64,
    /// Places of a higher one are taken first.
    #[serde(default)]
    pub priority: i64,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn well() -> f64 {
    1.0
}

impl PlacementProfileSpec {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, problems: &mut Problems) {
        let at = |attribute: &str| format!("placement_profile.{attribute}");
        problems.in_range(&at("shadow_count"), f64::from(self.shadow_count), 1.0, f64::from(SHADOWS_MAX));
        problems.in_range(&at("latency_ms_max"), self.latency_ms_max.unwrap_or(0.0), 0.0, 1e6);
        problems.in_range(&at("hourly_cost_max"), self.hourly_cost_max.unwrap_or(0.0), 0.0, 1e15);
        if let Some(method) = &self.sync_method {
            check_method(&at("sync_method"), method, problems);
        }
        let number = self.candidates.len();
        problems.require(
            (1..=CANDIDATES_MAX).contains(&number),
            &at("candidates"),
            format!("{number} candidates are too few or too many"),
            format!("list 1 to {CANDIDATES_MAX}"),
        );
        self.triggers.check(&at("triggers"), problems);
        for (key, candidate) in &self.candidates {
            let path = at(&format!("candidates[{key:?}]"));
            problems.key(&path, key);
            candidate.check(&path, problems);
        }
    }
}

impl TriggersSpec {
    fn check(&self, path: &str, problems: &mut Problems) {
        let shares = [
            ("cpu_percent", self.cpu_percent),
            ("memory_percent", self.memory_percent),
            ("network_percent", self.network_percent),
        ];
        for (name, value) in shares {
            problems.in_range(&format!("{path}.{name}"), value.unwrap_or(0.0), 0.0, 100.0);
        }
        let any = shares.iter().any(|(_, value)| value.is_some());
        problems.require(
            self.predictive || any,
            path,
            "nothing calls for a shadow",
            "set predictive, or one of cpu_percent, memory_percent and network_percent",
        );
    }
}

impl CandidateSpec {
    fn check(&self, path: &str, problems: &mut Problems) {
        let at = |attribute: &str| format!("{path}.{attribute}");
        problems.require(!self.zone.is_empty(), &at("zone"), "the zone has no name", "name the failure domain");
        self.capacity.check(&at("capacity"), problems);
        problems.in_range(&at("latency_ms"), self.latency_ms, 0.0, 1e6);
        problems.in_range(&at("data_latency_ms"), self.data_latency_ms, 0.0, 1e6);
        problems.in_range(&at("hourly_cost"), self.hourly_cost, 0.0, 1e15);
        problems.in_range(&at("health"), self.health, 0.0, 1.0);
    }
}
