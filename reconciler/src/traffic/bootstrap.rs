//! The start-up configuration of an Envoy that takes everything else from this control plane. It never
//! writes files.

use super::session::ADMIN_KEY;
use crate::http::Token;
use serde_json::{Value, json};
use shadow_core::model::split::SocketSpec;
use std::net::SocketAddr;

/// The cluster by which Envoy reaches the control plane. Splits cannot have this name: theirs have a slash.
const XDS_CLUSTER: &str = "shadow-control-plane";

/// Client connections of one Envoy at once; Envoy has no limit by itself and would run out of memory.
const DOWNSTREAM_CONNECTIONS_MAX: u32 = 50_000;

/// The bootstrap, as JSON, of an Envoy of the proxy `proxy` whose control plane listens on
/// `control_plane` and whose admin interface is to be on `admin`. A `token` is written into it, so keep it like one.
///
/// The admin interface has no password, so `admin` should be a loopback address. Envoy reports it to the control
/// plane as `node.metadata["shadow_admin"]`, and the control plane reads there what Envoy runs. Remove that
/// key when the control plane cannot reach the admin interface: weights are then taken from what
/// Envoy acknowledged, and the health of backends is unknown.
pub fn bootstrap(proxy: &str, control_plane: &SocketSpec, admin: SocketAddr, token: Option<&Token>) -> String {
    let shown = token.map(|token| json!({ "key": "authorization", "value": format!("Bearer {}", token.reveal()) }));
    let ads = json!({ "ads": {}, "resource_api_version": "V3" });
    let bootstrap = json!({
        "node": {
            "id": format!("{proxy}@{admin}"),
            "cluster": proxy,
            "metadata": { ADMIN_KEY: format!("http://{admin}") },
        },
        "admin": { "address": socket(&admin.ip().to_string(), admin.port()) },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": XDS_CLUSTER, "retry_policy": {
                    // Envoy's own maximum of 30 s is long for a control plane that was just restarted.
                    "retry_back_off": { "base_interval": "0.25s", "max_interval": "2s" },
                } }, "initial_metadata": Vec::from_iter(shown) }],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": { "clusters": [control_plane_cluster(control_plane)] },
        "overload_manager": { "resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                "max_active_downstream_connections": DOWNSTREAM_CONNECTIONS_MAX,
            },
        }] },
    });
    format!("{bootstrap:#}\n")
}

fn control_plane_cluster(control_plane: &SocketSpec) -> Value {
    json!({
        "name": XDS_CLUSTER,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {
                    // Notices a control plane whose host vanished without closing the connection.
                    "connection_keepalive": { "interval": "10s", "timeout": "5s" },
                } },
            },
        },
        "load_assignment": {
            "cluster_name": XDS_CLUSTER,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": socket(&control_plane.address, control_plane.port),
            } }] }],
        },
    })
}

fn socket(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}
