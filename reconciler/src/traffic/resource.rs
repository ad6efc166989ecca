//! What Envoy is told, as values: resources by name with a digest of their content. It never
//! talks to anybody and knows nothing of splits.
//!
//! Digests are of the encoded bytes, so a protobuf map with two or more keys, whose order on the
//! wire is random, must never be put into a resource.

use envoy_types::pb::envoy::config::{
    cluster::v3::Cluster, core::v3::Node, listener::v3::Listener, route::v3::RouteConfiguration,
};
use envoy_types::pb::google::protobuf::value::Kind as ValueKind;
use envoy_types::pb::google::protobuf::{Any, Duration as ProtoDuration, UInt32Value, Value};
use envoy_types::util::pack_any;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The kinds of resource that are served. Endpoints are part of their cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cluster,
    Listener,
    Route,
}

impl Kind {
    pub(super) fn from_type_url(type_url: &str) -> Option<Self> {
        [Self::Cluster, Self::Listener, Self::Route].into_iter().find(|kind| kind.type_url() == type_url)
    }

    pub(super) fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The word that Envoy's users know it by.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Listener => "listener",
            Self::Route => "route configuration",
        }
    }
}

/// The part of a route that is read back: the fencing token, the weights by slot, and the slot that gets
/// all that may write, if it is not the weights that decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) epoch: u64,
    pub(super) weights: BTreeMap<String, u32>,
    pub(super) writer: Option<String>,
}

/// One resource, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resource {
    /// Equal for equal content, across restarts.
    pub(super) digest: String,
    pub(super) body: Any,
    /// Of a route only.
    pub(super) shares: Option<Shares>,
}

/// Resources of one kind by name.
pub(super) type Resources = BTreeMap<String, Arc<Resource>>;

impl Resource {
    pub(super) fn cluster(cluster: Cluster) -> Arc<Self> {
        Self::new(pack_any(cluster), None)
    }

    pub(super) fn listener(listener: Listener) -> Arc<Self> {
        Self::new(pack_any(listener), None)
    }

    pub(super) fn route(route: RouteConfiguration, shares: Shares) -> Arc<Self> {
        Self::new(pack_any(route), Some(shares))
    }

    fn new(body: Any, shares: Option<Shares>) -> Arc<Self> {
        Arc::new(Self { digest: short_digest(&body.value), body, shares })
    }
}

/// The version of a set of resources: equal for equal content.
pub(super) fn version_of(resources: &Resources) -> String {
    let mut content = String::new();
    for (name, resource) in resources {
        content.push_str(name);
        content.push('=');
        content.push_str(&resource.digest);
        content.push('\n');
    }
    short_digest(content.as_bytes())
}

/// 64 bits in hexadecimal: enough that two configurations of one Envoy never share it by chance,
/// short enough to be compared by eye in a config dump.
fn short_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A text in the node's metadata, as the bootstrap wrote it.
pub(super) fn node_metadata<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match node.metadata.as_ref()?.fields.get(key)?.kind.as_ref()? {
        ValueKind::StringValue(text) => Some(text),
        ValueKind::NullValue(_)
        | ValueKind::NumberValue(_)
        | ValueKind::BoolValue(_)
        | ValueKind::StructValue(_)
        | ValueKind::ListValue(_) => None,
    }
}

pub(super) fn text_value(text: impl Into<String>) -> Value {
    Value { kind: Some(ValueKind::StringValue(text.into())) }
}

pub(super) fn u32_value(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(super) fn duration(duration: Duration) -> Option<ProtoDuration> {
    // Protobuf counts seconds in i64; what does not fit is longer than any time-out here.
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(duration.subsec_nanos()).unwrap_or(0);
    Some(ProtoDuration { seconds, nanos })
}
