//! What was seen of a group in one cycle. Absent values are unknown: never zero, healthy or failed.

use crate::anomaly::Anomaly;
use crate::model::name::SlotId;
use crate::model::slot::Instance;
use crate::score::Score;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a decision is made from, besides the declaration and the remembered state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Observation {
    /// When metrics and health were sampled. Cycles in between carry the same sample, so that
    /// evidence counts evaluations and not cycles.
    #[schema(value_type = String)]
    pub sampled_at: Timestamp,
    /// The degradation score of the primary, if its metrics allow one.
    pub score: Option<Score>,
    /// Why the metrics cannot be relied on (absent, frozen, from the future …), if so.
    pub metrics_outage: Option<String>,
    /// What is unlike the past of a signal or unlike its peers.
    #[serde(default)]
    pub anomalies: Vec<Anomaly>,
    /// Why anomalies are to be expected, if a calendar says so.
    #[serde(default)]
    pub expected_event: Option<String>,
    /// Newest fresh value of each signal, by slot.
    pub signals: BTreeMap<SlotId, BTreeMap<String, f64>>,
    /// What independent observers say of each slot.
    pub health: BTreeMap<SlotId, Health>,
    /// What the data plane says of the route.
    pub route: RouteObservation,
    /// The `capacity` root.
    pub capacity: RootObservation,
    /// The `traffic` root.
    pub traffic: RootObservation,
    /// Instances that the capacity root reports, by slot.
    pub instances: BTreeMap<SlotId, Instance>,
    /// How far the shadow's data is behind, if it is replicated.
    pub lag: Option<Lag>,
    /// Warm-up tasks, by slot.
    pub warmups: BTreeMap<SlotId, Warmup>,
}

/// What independent observers say of one slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// The reconciler's own HTTP probe.
    pub probe: Option<bool>,
    /// The data plane's health checks.
    pub data_plane: Option<bool>,
    /// The host's agent, by way of the metrics.
    pub agent: Option<bool>,
}

impl Health {
    /// Observers that say it is down.
    pub fn failed(&self) -> u32 {
        self.answers().filter(|well| !well).map(|_| 1).sum()
    }

    /// Observers that say anything.
    pub fn known(&self) -> u32 {
        self.answers().map(|_| 1).sum()
    }

    fn answers(&self) -> impl Iterator<Item = bool> {
        [self.probe, self.data_plane, self.agent].into_iter().flatten()
    }
}

/// What the data plane says of the route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RouteObservation {
    /// Share of traffic by slot, as the data plane itself reports it.
    pub weights: Option<BTreeMap<SlotId, u32>>,
    /// Epoch that the data plane reports.
    pub epoch: Option<u64>,
    /// Requests in flight, by slot.
    pub active_requests: BTreeMap<SlotId, u64>,
    /// Why the data plane refused the newest configuration, if it did.
    pub rejected: Option<String>,
}

/// Where one of a group's two Terraform roots stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RootObservation {
    /// Digest of the rendering that was last applied completely.
    pub applied: Option<String>,
    /// What Terraform is doing in it at the moment.
    pub running: Option<RootRun>,
    /// The last attempt's failure, if it failed.
    pub failure: Option<RootFailure>,
}

/// A Terraform run under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RootRun {
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// Whether the guarded plan is being applied already.
    pub applying: bool,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RootFailure {
    /// When it failed.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// What to tell the operator.
    pub message: String,
}

/// How far data is behind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lag {
    /// In seconds.
    pub seconds: f64,
    /// In bytes.
    pub bytes: f64,
    /// A number that grows while data arrives.
    pub position: f64,
}

/// Outcome of a warm-up task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Warmup {
    /// It runs.
    Running,
    /// It exited 0.
    Passed,
    /// It did not.
    Failed {
        /// When.
        #[schema(value_type = String)]
        at: Timestamp,
        /// What to tell the operator.
        message: String,
    },
}
