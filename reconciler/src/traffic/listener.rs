//! Where one split is served, as an Envoy listener. It never holds a route: that is fetched by the
//! split's name, so that a change of weights never touches the listener.

use super::cluster::socket_address;
use super::resource::{Resource, duration, u32_value};
use envoy_types::pb::envoy::config::core::v3::{
    AggregatedConfigSource, ApiVersion, ConfigSource, config_source::ConfigSourceSpecifier,
};
use envoy_types::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter::ConfigType};
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    RouteSpecifier, ServerHeaderTransformation, UpgradeConfig,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use envoy_types::pb::google::protobuf::BoolValue;
use envoy_types::util::pack_any;
use shadow_core::model::split::SplitSpec;
use std::sync::Arc;
use std::time::Duration;

/// A request on which nothing moves for this long is given up. Envoy's default, stated because it is
/// the only limit on the time of an answer.
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// The head of a request must arrive in this time, or slow senders could hold connections for ever.
const REQUEST_HEADERS_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an HTTP/2 client may go on between being told of a shutdown and the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes buffered for one connection. Bodies up to this size can be retried and mirrored; it is
/// Envoy's default, stated because memory per connection is bounded by it.
const CONNECTION_BUFFER_BYTES: u32 = 1024 * 1024;

/// The listener of a split.
pub(super) fn listener(split: &SplitSpec) -> Arc<Resource> {
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack_any(connection_manager(&split.name)))),
    };
    Resource::listener(Listener {
        name: split.name.clone(),
        address: Some(socket_address(&split.listener.address, split.listener.port.into())),
        filter_chains: vec![FilterChain { filters: vec![filter], ..Default::default() }],
        per_connection_buffer_limit_bytes: u32_value(CONNECTION_BUFFER_BYTES),
        ..Default::default()
    })
}

fn connection_manager(split: &str) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: split.to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: split.to_owned(),
        })),
        http_filters: vec![router()],
        stream_idle_timeout: duration(STREAM_IDLE_TIMEOUT),
        request_headers_timeout: duration(REQUEST_HEADERS_TIMEOUT),
        drain_timeout: duration(DRAIN_TIMEOUT),
        use_remote_address: Some(BoolValue { value: true }),
        // The answer is the service's own: users must not see which proxy it came through.
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        upgrade_configs: vec![UpgradeConfig { upgrade_type: "websocket".to_owned(), ..Default::default() }],
        ..Default::default()
    }
}

fn router() -> HttpFilter {
    let router = Router { suppress_envoy_headers: true, ..Default::default() };
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(router))),
        ..Default::default()
    }
}

fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    }
}
