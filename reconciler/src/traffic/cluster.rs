//! One split's backends as Envoy clusters: one per backend, so that a change of weights never
//! touches a cluster. It never decides which cluster gets traffic; that is the route's.

use super::resource::{Resource, Resources, duration, u32_value};
use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CommonLbConfig, DiscoveryType, DnsLookupFamily,
};
use envoy_types::pb::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, circuit_breakers::Thresholds, circuit_breakers::thresholds::RetryBudget,
};
use envoy_types::pb::envoy::config::core::v3::health_check::{HealthChecker, HttpHealthCheck};
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{
    Address, HealthCheck, Http1ProtocolOptions, HttpProtocolOptions as CommonOptions, SocketAddress, address,
};
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};
use envoy_types::pb::envoy::r#type::v3::{Int64Range, Percent};
use envoy_types::pb::google::protobuf::BoolValue;
use envoy_types::util::pack_any;
use shadow_core::model::Problems;
use shadow_core::model::split::{Backend, BackendState, HealthCheckSpec, MirrorSpec, SplitSpec};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// A backend that does not accept a connection in this time counts as down. Envoy's default of
/// 5 s is for the open internet; here it would only delay the retry and hide the failure.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections to a backend are closed by us after this time: below the 5 s after which common
/// servers close them, since a request sent while the server closes is lost.
const UPSTREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A split is not a load limiter: Envoy's default of 1,024 would refuse requests that the service
/// could have taken. What is left is a guard against exhausting Envoy itself.
const REQUESTS_MAX: u32 = 65_536;

/// Retries may add a fifth to the load at most, so that they cannot finish off a struggling service,
const RETRY_BUDGET_PERCENT: f64 = 20.0;
/// but always this many at once, or a quiet service could not retry at all.
const RETRY_CONCURRENCY_MIN: u32 = 10;

/// Below this share of healthy endpoints Envoy ignores health and tries all. A cluster has one
/// endpoint, so with any threshold over 0 an unhealthy backend that was given weight is still tried:
/// health decides in the reconciler, and Envoy never turns weights into zero targets on its own.
const PANIC_THRESHOLD_PERCENT: f64 = 50.0;

/// The name of the cluster of one backend. Neither part contains the separator.
pub(super) fn name(split: &str, slot: &str) -> String {
    format!("{split}/{slot}")
}

/// The name of the cluster that takes the copies: its limits and time-outs are its own, so that a
/// slow mirror cannot use up what serves users.
pub(super) fn mirror_name(split: &str, slot: &str) -> String {
    format!("{split}/{slot}/mirror")
}

/// The clusters of a split by name. A disabled backend has none.
///
/// # Errors
/// A duration that is none, with its attribute path.
pub(super) fn clusters(split: &SplitSpec) -> Result<Resources, Problems> {
    let check = split.health_check.as_ref().map(health_check).transpose()?;
    let mut clusters = Resources::new();
    for (slot, backend) in split.backends.iter().filter(|(_, backend)| backend.state != BackendState::Disabled) {
        let cluster = serving(name(&split.name, slot), backend, check.clone());
        clusters.insert(cluster.name.clone(), Resource::cluster(cluster));
    }
    if let Some((mirror, backend)) = mirror_target(split) {
        let cluster = mirroring(mirror_name(&split.name, &mirror.to), backend, mirror);
        clusters.insert(cluster.name.clone(), Resource::cluster(cluster));
    }
    Ok(clusters)
}

/// The mirror and the backend that gets the copies, unless that backend may take no traffic.
pub(super) fn mirror_target(split: &SplitSpec) -> Option<(&MirrorSpec, &Backend)> {
    let mirror = split.mirror.as_ref()?;
    let backend = split.backends.get(&mirror.to)?;
    (backend.state == BackendState::Active).then_some((mirror, backend))
}

fn serving(name: String, backend: &Backend, check: Option<HealthCheck>) -> Cluster {
    let limits = Thresholds {
        retry_budget: Some(RetryBudget {
            budget_percent: Some(Percent { value: RETRY_BUDGET_PERCENT }),
            min_retry_concurrency: u32_value(RETRY_CONCURRENCY_MIN),
            ..Default::default()
        }),
        ..concurrency(REQUESTS_MAX)
    };
    let mut cluster = base(name, backend, limits, None);
    cluster.health_checks = check
        .into_iter()
        .map(|mut check| {
            set_host(&mut check, backend);
            check
        })
        .collect();
    cluster
}

/// No health checks of its own: the serving cluster of the same backend has them.
fn mirroring(name: String, backend: &Backend, mirror: &MirrorSpec) -> Cluster {
    let limits = Thresholds {
        max_retries: u32_value(0),
        // With no more connections than requests, copies over the limit would queue for one and be
        // sent late. So each may have a connection, and is dropped when it is about to be sent.
        max_connections: u32_value(mirror.max_concurrency.saturating_mul(2)),
        ..concurrency(mirror.max_concurrency)
    };
    base(name, backend, limits, Some(Duration::from_millis(u64::from(mirror.timeout_ms))))
}

fn base(name: String, backend: &Backend, limits: Thresholds, request_time_max: Option<Duration>) -> Cluster {
    Cluster {
        load_assignment: Some(endpoint(&name, backend)),
        connect_timeout: duration(CONNECT_TIMEOUT.min(request_time_max.unwrap_or(CONNECT_TIMEOUT))),
        circuit_breakers: Some(CircuitBreakers { thresholds: vec![limits], ..Default::default() }),
        common_lb_config: Some(CommonLbConfig {
            healthy_panic_threshold: Some(Percent { value: PANIC_THRESHOLD_PERCENT }),
            ..Default::default()
        }),
        typed_extension_protocol_options: protocol_options(request_time_max),
        // With both, "localhost" is usually a service on 127.0.0.1 alone.
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery(&backend.address).into())),
        name,
        ..Default::default()
    }
}

fn discovery(address: &str) -> DiscoveryType {
    if address.parse::<IpAddr>().is_ok() { DiscoveryType::Static } else { DiscoveryType::StrictDns }
}

fn concurrency(max: u32) -> Thresholds {
    Thresholds {
        max_connections: u32_value(max),
        max_pending_requests: u32_value(max),
        max_requests: u32_value(max),
        ..Default::default()
    }
}

fn endpoint(cluster_name: &str, backend: &Backend) -> ClusterLoadAssignment {
    let endpoint =
        Endpoint { address: Some(socket_address(&backend.address, backend.port.into())), ..Default::default() };
    let lb_endpoint = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() };
    ClusterLoadAssignment {
        cluster_name: cluster_name.to_owned(),
        endpoints: vec![LocalityLbEndpoints { lb_endpoints: vec![lb_endpoint], ..Default::default() }],
        ..Default::default()
    }
}

pub(super) fn socket_address(address: &str, port: u32) -> Address {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..Default::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

/// HTTP/1.1 to the backend whatever the client speaks: every backend understands it.
fn protocol_options(request_time_max: Option<Duration>) -> HashMap<String, envoy_types::pb::google::protobuf::Any> {
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            idle_timeout: duration(UPSTREAM_IDLE_TIMEOUT),
            max_stream_duration: request_time_max.and_then(duration),
            ..Default::default()
        }),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default())),
        })),
        ..Default::default()
    };
    HashMap::from([("envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(), pack_any(options))])
}

fn health_check(spec: &HealthCheckSpec) -> Result<HealthCheck, Problems> {
    let mut problems = Problems::default();
    let interval = problems.duration("health_check.interval", &spec.interval);
    let timeout = problems.duration("health_check.timeout", &spec.timeout);
    let (interval, timeout) = (duration(interval.unsigned_abs()), duration(timeout.unsigned_abs()));
    problems.into_result(HealthCheck {
        timeout,
        interval,
        // A backend of weight 0 is checked as often as a serving one: whether it may be given
        // traffic is exactly what is to be known. Envoy's default is once a minute.
        no_traffic_interval: interval,
        unhealthy_threshold: u32_value(spec.unhealthy_threshold),
        healthy_threshold: u32_value(spec.healthy_threshold),
        // A service that cannot accept a new connection is not well, however old ones fare.
        reuse_connection: Some(BoolValue { value: false }),
        health_checker: Some(HealthChecker::HttpHealthCheck(HttpHealthCheck {
            path: spec.path.clone(),
            expected_statuses: vec![Int64Range { start: 200, end: 300 }],
            // Without it the first bad status would count as the whole unhealthy_threshold.
            retriable_statuses: vec![Int64Range { start: 300, end: 600 }],
            ..Default::default()
        })),
        ..Default::default()
    })
}

/// Envoy would send the name of the cluster as `Host`, whose slash a server may refuse.
fn set_host(check: &mut HealthCheck, backend: &Backend) {
    if let Some(HealthChecker::HttpHealthCheck(http)) = &mut check.health_checker {
        http.host = match backend.address.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", backend.port),
            Ok(IpAddr::V4(_)) | Err(_) => format!("{}:{}", backend.address, backend.port),
        };
    }
}
