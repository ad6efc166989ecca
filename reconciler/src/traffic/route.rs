//! One split's weights, writer and mirror as an Envoy route configuration. It never names a cluster
//! that `cluster` does not make.

use super::cluster;
use super::resource::{Resource, Shares, duration, text_value, u32_value};
use envoy_types::pb::envoy::config::common::mutation_rules::v3::{HeaderMutation, header_mutation::Action as Mutate};
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption, Metadata, RuntimeFractionalPercent};
use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_action::{ClusterSpecifier, RequestMirrorPolicy};
use envoy_types::pb::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
    route::Action, route_match::PathSpecifier,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use envoy_types::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};
use envoy_types::pb::google::protobuf::Struct;
use shadow_core::model::split::{BackendState, SAFE_METHODS, SplitSpec};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Where the epoch stands in a route's metadata: `filter_metadata["shadow"]["epoch"]`, as text, since
/// a number would lose digits over 2^53.
pub(super) const METADATA_NAMESPACE: &str = "shadow";
pub(super) const METADATA_EPOCH: &str = "epoch";

/// Methods that may be sent again when nothing of the answer was seen (RFC 9110, 9.2.2).
const IDEMPOTENT_METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"];

/// What is retried for any method: the request cannot have reached the service.
const RETRY_ON_UNSENT: &str = "connect-failure,refused-stream,reset-before-request";
/// What is retried for idempotent methods as well: the connection broke before an answer, as when
/// the service closes a pooled connection just as a request is sent on it.
const RETRY_ON_UNANSWERED: &str = "connect-failure,refused-stream,reset";

/// Retries go to the same backend (Envoy chooses the cluster once), so more would only add load:
/// one for the connection that was just closed, one for luck with the next.
const RETRIES_MAX: u32 = 2;

/// Set on requests that go to the mirrored backend, and names where the copy goes: requests that go to
/// any other backend lack it and are not copied, so mirroring stays exact while weights shift.
const MIRROR_HEADER: &str = "x-shadow-mirror-to";
/// Set on copies, so that a service can tell them from requests.
const COPY_HEADER: &str = "x-shadow-copy";

/// The route configuration of a split, with what can be read back of it: the first route is for a safe
/// method and has the weights, the last is for every method without a route and names the writer.
pub(super) fn route(split: &SplitSpec) -> Arc<Resource> {
    let mirrored = mirrored_methods(split);
    let (safe, other): (BTreeSet<&str>, BTreeSet<&str>) =
        IDEMPOTENT_METHODS.iter().chain(&mirrored).partition(|method| SAFE_METHODS.contains(method));
    let of_method = |method: &&str| method_route(split, method, mirrored.contains(method));
    let mut routes: Vec<Route> = safe.iter().chain(&other).map(of_method).collect();
    routes.push(with_action(any_path(), unsafe_action(split, RETRY_ON_UNSENT, false)));
    let route = RouteConfiguration {
        name: split.name.clone(),
        virtual_hosts: vec![VirtualHost {
            name: split.name.clone(),
            domains: vec!["*".to_owned()],
            routes,
            ..Default::default()
        }],
        metadata: Some(metadata(split.epoch)),
        ..Default::default()
    };
    Resource::route(route, shares(split))
}

/// What Envoy is to report of this split.
pub(super) fn shares(split: &SplitSpec) -> Shares {
    let routed = split.backends.iter().filter(|(_, backend)| backend.state != BackendState::Disabled);
    let weights = routed.map(|(slot, backend)| (slot.clone(), backend.weight)).collect();
    Shares { epoch: split.epoch, weights, writer: split.writer.clone() }
}

fn mirrored_methods(split: &SplitSpec) -> BTreeSet<&str> {
    let copied = cluster::mirror_target(split).filter(|(mirror, _)| mirror.percent > 0.0);
    copied.map(|(mirror, _)| mirror.methods.iter().map(String::as_str).collect()).unwrap_or_default()
}

fn method_route(split: &SplitSpec, method: &str, mirrored: bool) -> Route {
    let retry_on = if IDEMPOTENT_METHODS.contains(&method) { RETRY_ON_UNANSWERED } else { RETRY_ON_UNSENT };
    let matcher = HeaderMatcher {
        name: ":method".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(method.to_owned())),
            ..Default::default()
        })),
        ..Default::default()
    };
    let of_kind = if SAFE_METHODS.contains(&method) { shared_action } else { unsafe_action };
    with_action(RouteMatch { headers: vec![matcher], ..any_path() }, of_kind(split, retry_on, mirrored))
}

fn with_action(r#match: RouteMatch, action: RouteAction) -> Route {
    Route { r#match: Some(r#match), action: Some(Action::Route(action)), ..Default::default() }
}

fn any_path() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }
}

/// For requests that may write: they go to the writer alone, or where there is none wherever others go.
fn unsafe_action(split: &SplitSpec, retry_on: &str, mirrored: bool) -> RouteAction {
    match &split.writer {
        Some(writer) => action(ClusterSpecifier::Cluster(cluster::name(&split.name, writer)), retry_on),
        None => shared_action(split, retry_on, mirrored),
    }
}

/// For requests that are shared by weight.
fn shared_action(split: &SplitSpec, retry_on: &str, mirrored: bool) -> RouteAction {
    RouteAction {
        request_mirror_policies: if mirrored { mirror_policy(split) } else { Vec::new() },
        ..action(ClusterSpecifier::WeightedClusters(weighted_clusters(split, mirrored)), retry_on)
    }
}

fn action(clusters: ClusterSpecifier, retry_on: &str) -> RouteAction {
    RouteAction {
        // No limit on the whole answer: how long a request may take is the service's affair. The
        // listener's idle time-out ends those on which nothing moves.
        timeout: duration(Duration::ZERO),
        retry_policy: Some(RetryPolicy {
            retry_on: retry_on.to_owned(),
            num_retries: u32_value(RETRIES_MAX),
            ..Default::default()
        }),
        cluster_specifier: Some(clusters),
        ..Default::default()
    }
}

fn weighted_clusters(split: &SplitSpec, mirrored: bool) -> WeightedCluster {
    let routed = split.backends.iter().filter(|(_, backend)| backend.state != BackendState::Disabled);
    let clusters = routed.map(|(slot, backend)| {
        let copied = mirrored && split.mirror.as_ref().is_some_and(|mirror| &mirror.from == slot);
        let header = copied.then(|| mirror_header(split)).flatten();
        ClusterWeight {
            name: cluster::name(&split.name, slot),
            weight: u32_value(backend.weight),
            // A client that sends the header itself must not be able to direct copies.
            request_headers_to_remove: if header.is_none() { vec![MIRROR_HEADER.to_owned()] } else { Vec::new() },
            request_headers_to_add: header.into_iter().collect(),
            ..Default::default()
        }
    });
    WeightedCluster { clusters: clusters.collect(), ..Default::default() }
}

fn mirror_header(split: &SplitSpec) -> Option<HeaderValueOption> {
    let (mirror, _) = cluster::mirror_target(split)?;
    Some(header(MIRROR_HEADER, cluster::mirror_name(&split.name, &mirror.to)))
}

fn header(key: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: key.to_owned(), value, ..Default::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..Default::default()
    }
}

/// Copies are sent once: mirrored requests have no retry policy in Envoy.
fn mirror_policy(split: &SplitSpec) -> Vec<RequestMirrorPolicy> {
    let Some((mirror, _)) = cluster::mirror_target(split) else { return Vec::new() };
    let mutate = |action| HeaderMutation { action: Some(action) };
    vec![RequestMirrorPolicy {
        cluster_header: MIRROR_HEADER.to_owned(),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(fraction(mirror.percent)),
            ..Default::default()
        }),
        // The copy is for the same virtual host as the request; it is told apart by its own header.
        disable_shadow_host_suffix_append: true,
        request_headers_mutations: vec![
            mutate(Mutate::Remove(MIRROR_HEADER.to_owned())),
            mutate(Mutate::Append(header(COPY_HEADER, "true".to_owned()))),
        ],
        ..Default::default()
    }]
}

/// Of a million: Envoy draws cluster and fraction from one random number, and with a denominator near the
/// sum of the weights "10 %" would be 10 % of the wrong requests.
fn fraction(percent: f64) -> FractionalPercent {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1,000,000")]
    let numerator = (percent * 10_000.0).round().clamp(0.0, 1_000_000.0) as u32;
    FractionalPercent { numerator, denominator: DenominatorType::Million.into() }
}

fn metadata(epoch: u64) -> Metadata {
    let fields = HashMap::from([(METADATA_EPOCH.to_owned(), text_value(epoch.to_string()))]);
    Metadata {
        filter_metadata: HashMap::from([(METADATA_NAMESPACE.to_owned(), Struct { fields })]),
        ..Default::default()
    }
}
