//! One route of a proxy: which backends share its traffic, and which of it is mirrored.

mod check;

pub(crate) use check::check_copied_method;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Methods by which a client asks for no change (RFC 9110, 9.2.1). Any other, one that is not known
/// included, may write.
pub const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];

/// What `shadow_traffic_split` declares. Sent to the reconciler as `PUT /v1/splits/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// Unique within the reconciler; the name of the listener, route and clusters in Envoy.
    pub name: String,
    /// Raised by each change of leadership and each hand-over; a lower one is refused.
    #[serde(default)]
    pub epoch: u64,
    /// The `node.cluster` of the Envoys that serve this route.
    #[serde(default = "default_proxy")]
    pub proxy: String,
    /// Where Envoy listens.
    pub listener: SocketSpec,
    /// The backends by slot. Weights are relative; those of active backends must sum to over 0.
    pub backends: BTreeMap<String, Backend>,
    /// The backend that alone gets every request whose method is not one of [`SAFE_METHODS`], whatever
    /// the weights: two backends that both take writes would drift apart, and neither would have all of
    /// them. Absent: the weights decide for every method, for backends that share their data.
    #[serde(default)]
    pub writer: Option<String>,
    /// Copies of requests sent to a second backend, whose answers are dropped.
    #[serde(default)]
    pub mirror: Option<MirrorSpec>,
    /// Keeps a client on one backend while weights change. Refused: our data plane cannot do it.
    #[serde(default)]
    pub affinity: Option<AffinitySpec>,
    /// How Envoy asks backends whether they are well.
    #[serde(default)]
    pub health_check: Option<HealthCheckSpec>,
}

fn default_proxy() -> String {
    "shadow".to_owned()
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketSpec {
    /// IP address; where it is connected to and not listened on, also a host name.
    pub address: String,
    /// TCP port, 1 to 65535.
    pub port: u16,
}

/// One backend of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// IP address or host name.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Share of new requests, relative to the sum of all weights.
    pub weight: u32,
    /// Whether it may take traffic.
    #[serde(default)]
    pub state: BackendState,
}

/// Whether a backend may take traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendState {
    /// It takes its share.
    #[default]
    Active,
    /// It gets no new request, keeps those in flight, and its connections are closed gently.
    Drain,
    /// It is known but gets nothing.
    Disabled,
}

/// Copies of requests sent to a second backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorSpec {
    /// The backend whose requests are copied.
    pub from: String,
    /// The backend that gets the copies.
    pub to: String,
    /// Share of matching requests that are copied, 0 to 100.
    pub percent: f64,
    /// Methods that are copied; only safe ones where the split has a writer, since a copy of a write
    /// is a write.
    #[serde(default = "safe_methods")]
    pub methods: Vec<String>,
    /// Requests in flight to the mirror above which copies are dropped.
    #[serde(default = "default_mirror_concurrency")]
    pub max_concurrency: u32,
    /// Time after which a copy is given up.
    #[serde(default = "default_mirror_timeout")]
    pub timeout_ms: u32,
}

fn safe_methods() -> Vec<String> {
    ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec()
}

fn default_mirror_concurrency() -> u32 {
    64
}

fn default_mirror_timeout() -> u32 {
    1000
}

/// Keeps a client on one backend by a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AffinitySpec {
    /// Name of the cookie.
    pub cookie: String,
}

/// Active health checks made by Envoy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheckSpec {
    /// Path with its leading slash.
    pub path: String,
    /// Time between checks.
    pub interval: String,
    /// Time after which a check counts as failed.
    pub timeout: String,
    /// Failed checks in a row until a backend is out.
    pub unhealthy_threshold: u32,
    /// Passed checks in a row until it is in again.
    pub healthy_threshold: u32,
}

/// What the data plane reports of a split. Absent values are unknown, never zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SplitStatus {
    /// Envoys of this proxy that are connected to the control plane.
    pub proxies_connected: u32,
    /// Whether every connected Envoy runs the declared configuration (and there is at least one).
    pub in_sync: bool,
    /// Epoch that Envoy itself reports.
    pub applied_epoch: Option<u64>,
    /// Weights that Envoy itself reports, by slot.
    pub applied_weights: Option<BTreeMap<String, u32>>,
    /// Backend that Envoy itself reports to get all that is not safe. Absent beside present weights: the
    /// weights decide for every method.
    pub applied_writer: Option<String>,
    /// What Envoy says of each backend, by slot.
    pub backends: BTreeMap<String, BackendStatus>,
    /// Why Envoy refused the newest configuration, if it did.
    pub rejected: Option<String>,
    /// When Envoy was last asked and answered.
    #[schema(value_type = Option<String>)]
    pub observed_at: Option<Timestamp>,
}

/// What Envoy says of one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackendStatus {
    /// Outcome of Envoy's active health checks; absent before the first.
    pub healthy: Option<bool>,
    /// Requests in flight to it.
    pub active_requests: u64,
    /// Connections open to it.
    pub active_connections: u64,
}
