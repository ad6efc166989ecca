//! Reads what one Envoy really runs from its admin interface. It only ever reads.

use super::cluster;
use super::resource::Shares;
use super::route::{METADATA_EPOCH, METADATA_NAMESPACE};
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shadow_core::model::split::{BackendStatus, SplitSpec};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Envoy answers from memory; one that takes longer is as good as absent for a switch of seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Every answer is about one split, except the list of listeners: some 200 bytes for each.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What one Envoy runs of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whether it listens, and on the declared address.
    pub(super) listening: bool,
    /// Digest of the route that it uses.
    pub(super) route_version: Option<String>,
    /// What that route says.
    pub(super) shares: Option<Shares>,
    /// By slot. Absent: Envoy has no such cluster.
    pub(super) backends: BTreeMap<String, BackendStatus>,
}

/// Why an Envoy could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error("cannot use {url:?} as Envoy's admin address: write http://HOST:PORT in node.metadata.shadow_admin")]
    BadAddress { url: String },
    #[error("no answer from Envoy's admin interface at {url}")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("Envoy's admin interface at {url} answered with status {status}")]
    Status { url: String, status: u16 },
    #[error("the answer of {url} is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong { url: String },
    #[error("the answer of {url} is not that of Envoy's admin interface")]
    NotEnvoy { url: String, source: serde_json::Error },
}

/// A client of admin interfaces.
pub(super) struct Admin {
    http: Option<Client>,
}

impl Admin {
    pub(super) fn new() -> Self {
        // Only the first call in a process takes effect, and any provider will do: admin is plain HTTP.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = Client::builder().timeout(READ_TIMEOUT).no_proxy().build();
        Self { http: http.inspect_err(|error| tracing::error!(%error, "cannot make an HTTP client")).ok() }
    }

    /// Asks the Envoy whose admin interface is at `base` what it runs of `split`.
    pub(super) async fn read(&self, base: &str, split: &SplitSpec) -> Result<Reading, AdminError> {
        // Names have no character that means something in a regular expression or a URL.
        let name = &split.name;
        let (routes, listeners, clusters) = tokio::try_join!(
            self.get::<RoutesDump>(base, format!("/config_dump?resource=dynamic_route_configs&name_regex={name}")),
            self.get::<Listeners>(base, "/listeners?format=json".to_owned()),
            self.get::<Clusters>(base, format!("/clusters?format=json&filter=^{name}/")),
        )?;
        let route = routes.configs.into_iter().find(|route| &route.route_config.name == name);
        Ok(Reading {
            listening: listeners.listener_statuses.iter().any(|listener| listener.serves(split)),
            shares: route.as_ref().and_then(|route| route.route_config.shares(name)),
            route_version: route.map(|route| route.version_info),
            backends: clusters.backends(split),
        })
    }

    async fn get<T: DeserializeOwned>(&self, base: &str, path: String) -> Result<T, AdminError> {
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let bad_address = || AdminError::BadAddress { url: base.to_owned() };
        let http = self.http.as_ref().filter(|_| base.starts_with("http://")).ok_or_else(bad_address)?;
        let unreachable =
            |source: reqwest::Error| AdminError::Unreachable { url: url.clone(), source: source.without_url() };
        let mut response = http.get(&url).send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(AdminError::Status { status: response.status().as_u16(), url });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(AdminError::TooLong { url });
            }
        }
        serde_json::from_slice(&body).map_err(|source| AdminError::NotEnvoy { url, source })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RoutesDump {
    configs: Vec<DynamicRoute>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DynamicRoute {
    version_info: String,
    route_config: RouteConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RouteConfig {
    name: String,
    virtual_hosts: Vec<VirtualHost>,
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    filter_metadata: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VirtualHost {
    routes: Vec<RouteEntry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RouteEntry {
    route: RouteAction,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RouteAction {
    cluster: Option<String>,
    weighted_clusters: WeightedClusters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WeightedClusters {
    clusters: Vec<ClusterWeight>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClusterWeight {
    name: String,
    weight: u32,
}

impl RouteConfig {
    /// The weights of the first route, which is for a safe method, and the writer of the last, which is for
    /// every method that has no route of its own.
    fn shares(&self, split: &str) -> Option<Shares> {
        let epoch =
            self.metadata.filter_metadata.get(METADATA_NAMESPACE)?.get(METADATA_EPOCH)?.as_str()?.parse().ok()?;
        let routes = &self.virtual_hosts.last()?.routes;
        let (safe, other) = (&routes.first()?.route, &routes.last()?.route);
        let prefix = cluster::name(split, "");
        let slot_of = |cluster: &str| cluster.strip_prefix(&prefix).map(str::to_owned);
        let weights = safe.weighted_clusters.clusters.iter();
        let weights = weights.map(|cluster| Some((slot_of(&cluster.name)?, cluster.weight))).collect::<Option<_>>()?;
        let writer = match &other.cluster {
            Some(cluster) => Some(slot_of(cluster)?),
            None => None,
        };
        Some(Shares { epoch, weights, writer })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listeners {
    listener_statuses: Vec<ListenerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListenerStatus {
    name: String,
    local_address: LocalAddress,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LocalAddress {
    socket_address: Socket,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Socket {
    address: String,
    port_value: u16,
}

impl ListenerStatus {
    fn serves(&self, split: &SplitSpec) -> bool {
        let socket = &self.local_address.socket_address;
        // Compared as addresses: there are many ways to write one of IPv6.
        let address = |text: &str| text.parse::<IpAddr>().ok();
        self.name == split.name
            && socket.port_value == split.listener.port
            && address(&socket.address) == address(&split.listener.address)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Clusters {
    cluster_statuses: Vec<ClusterStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClusterStatus {
    name: String,
    host_statuses: Vec<HostStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HostStatus {
    stats: Vec<Stat>,
    health_status: HealthStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HealthStatus {
    failed_active_health_check: bool,
    /// No check has ended since the host was added.
    pending_active_hc: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stat {
    name: String,
    /// Protobuf writes 64-bit numbers as text, and leaves zeros out.
    value: Option<String>,
}

impl Clusters {
    fn backends(&self, split: &SplitSpec) -> BTreeMap<String, BackendStatus> {
        let checked = split.health_check.is_some();
        let backends = split.backends.keys().filter_map(|slot| {
            let serving = self.find(&cluster::name(&split.name, slot))?;
            let mirroring = self.find(&cluster::mirror_name(&split.name, slot));
            let hosts = || serving.host_statuses.iter().chain(mirroring.iter().flat_map(|it| &it.host_statuses));
            let status = BackendStatus {
                healthy: checked.then(|| serving.healthy()).flatten(),
                active_requests: hosts().map(|host| host.stat("rq_active")).sum(),
                active_connections: hosts().map(|host| host.stat("cx_active")).sum(),
            };
            Some((slot.clone(), status))
        });
        backends.collect()
    }

    fn find(&self, name: &str) -> Option<&ClusterStatus> {
        self.cluster_statuses.iter().find(|cluster| cluster.name == name)
    }
}

impl ClusterStatus {
    /// A name may stand for several addresses: the backend is well if one of them is.
    fn healthy(&self) -> Option<bool> {
        let checked = self.host_statuses.iter().map(|host| &host.health_status).filter(|host| !host.pending_active_hc);
        checked.map(|host| !host.failed_active_health_check).reduce(|one, other| one || other)
    }
}

impl HostStatus {
    fn stat(&self, name: &str) -> u64 {
        let stat = self.stats.iter().find(|stat| stat.name == name);
        stat.and_then(|stat| stat.value.as_ref()?.parse().ok()).unwrap_or(0)
    }
}
