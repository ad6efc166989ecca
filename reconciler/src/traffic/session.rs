//! One Envoy's connection as a state machine: what it was sent, took and refused, and what is due next.
//! Pure: it does no input or output and reads no clock.
//!
//! Order, so that no route ever points at a cluster that Envoy lacks:
//!
//! - clusters first; a route is sent only once all its clusters were accepted, and Envoy accepts clusters
//!   only when they are warm (addresses resolved, first health check done);
//! - a cluster is kept as long as Envoy runs, or is being sent, a route that refers to it. Envoy stops
//!   asking for the route of a removed listener when the listener's last connection is gone.
//!
//! Clusters and listeners are always sent as the complete set, since what is missing in it is removed by
//! Envoy; routes one by one, so that one bad route cannot hold up the others.

use super::resource::{Kind, Resource, Resources, Shares, node_metadata, version_of};
use super::snapshot::{Snapshot, SplitConfig};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The key of the node's metadata that tells where Envoy's admin interface is.
pub(super) const ADMIN_KEY: &str = "shadow_admin";

/// Longest refusal kept: Envoy quotes whole configurations, the reason stands first.
const REFUSAL_CHARS_MAX: usize = 1000;

/// One Envoy's connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// The proxy that this Envoy belongs to.
    pub(super) proxy: String,
    /// The name by which its operators know it.
    pub(super) node: String,
    /// Base address of its admin interface, if it told one.
    pub(super) admin: Option<String>,
    clusters: Channel,
    listeners: Channel,
    routes: Channel,
    subscribed_routes: BTreeSet<String>,
    /// By route: the clusters that the route in force refers to.
    kept: BTreeMap<String, Resources>,
    responses_sent: u64,
}

/// What one Envoy knows of one kind of resource.
#[derive(Debug, Default)]
struct Channel {
    /// Whether Envoy asked for this kind.
    open: bool,
    /// Whether Envoy accepted or refused anything on this connection. Until then what it runs is unknown.
    answered: bool,
    accepted: Resources,
    refused: BTreeMap<String, Refusal>,
    in_flight: Option<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    nonce: String,
    resources: Resources,
    /// Of a route: the clusters that it refers to.
    needs: Resources,
}

#[derive(Debug)]
struct Refusal {
    digest: String,
    text: String,
    retry: bool,
}

/// How far one Envoy is with one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) node: String,
    pub(super) admin: Option<String>,
    /// Whether Envoy accepted every resource of the split as it is declared.
    pub(super) accepted: bool,
    /// What the route that Envoy accepted last says.
    pub(super) shares: Option<Shares>,
    pub(super) rejected: Option<String>,
}

impl Session {
    pub(super) fn new(node: &Node) -> Self {
        Self {
            proxy: node.cluster.clone(),
            node: node.id.clone(),
            admin: node_metadata(node, ADMIN_KEY).map(str::to_owned),
            ..Self::default()
        }
    }

    /// Takes in what Envoy said. Kinds that are not served are left unanswered, as the protocol has it.
    pub(super) fn receive(&mut self, request: DiscoveryRequest) {
        let Some(kind) = Kind::from_type_url(&request.type_url) else { return };
        if kind == Kind::Route {
            self.subscribe_routes(request.resource_names);
        }
        let channel = self.channel(kind);
        channel.open = true;
        if channel.in_flight.as_ref().is_none_or(|sent| sent.nonce != request.response_nonce) {
            return;
        }
        let Some(sent) = channel.in_flight.take() else { return };
        channel.answered = true;
        match request.error_detail {
            Some(error) => channel.refuse(sent, &error.message),
            None => self.accept(kind, sent),
        }
    }

    /// Offers what was refused once more: a port may have become free.
    pub(super) fn retry_refused(&mut self) {
        for kind in [Kind::Cluster, Kind::Listener, Kind::Route] {
            self.channel(kind).refused.values_mut().for_each(|refusal| refusal.retry = true);
        }
    }

    /// What is to be sent in order to come nearer to `target`; nothing when Envoy is there or must answer first.
    pub(super) fn advance(&mut self, target: &Snapshot) -> Vec<DiscoveryResponse> {
        let mut responses = Vec::new();
        let clusters = self.wanted_clusters(target);
        if self.clusters.due(&clusters) {
            responses.push(self.send(Kind::Cluster, clusters, Resources::new()));
        }
        if self.clusters.idle() && self.listeners.due(&target.listeners) {
            responses.push(self.send(Kind::Listener, target.listeners.clone(), Resources::new()));
        }
        if let Some((name, route)) = self.due_route(target) {
            let needs = target.clusters_of(&name);
            responses.push(self.send(Kind::Route, Resources::from([(name, route)]), needs));
        }
        responses
    }

    /// How far this Envoy is with one split.
    pub(super) fn progress(&self, split: &SplitConfig) -> Progress {
        let name = &split.spec.name;
        let clusters = split.clusters.iter().map(|(name, cluster)| (Kind::Cluster, name, cluster));
        let mut resources =
            clusters.chain([(Kind::Listener, name, &split.listener), (Kind::Route, name, &split.route)]);
        let rejected = resources.clone().find_map(|(kind, name, resource)| {
            let text = self.channel_of(kind).refusal(name, resource)?;
            Some(format!("Envoy {:?} refused {} {name:?}: {text}", self.node, kind.word()))
        });
        Progress {
            node: self.node.clone(),
            admin: self.admin.clone(),
            accepted: resources.all(|(kind, name, resource)| self.channel_of(kind).has(name, resource)),
            shares: self.routes.accepted.get(name).and_then(|route| route.shares.clone()),
            rejected,
        }
    }

    fn subscribe_routes(&mut self, names: Vec<String>) {
        self.subscribed_routes = names.into_iter().collect();
        // Envoy forgets a route that it no longer asks for, and then asks for it anew.
        self.routes.accepted.retain(|name, _| self.subscribed_routes.contains(name));
        self.kept.retain(|name, _| self.subscribed_routes.contains(name));
    }

    fn accept(&mut self, kind: Kind, sent: InFlight) {
        if let (Kind::Route, Some(name)) = (kind, sent.resources.keys().next()) {
            self.kept.insert(name.clone(), sent.needs);
        }
        let channel = self.channel(kind);
        channel.refused.retain(|name, _| !sent.resources.contains_key(name));
        match kind {
            Kind::Route => channel.accepted.extend(sent.resources),
            Kind::Cluster | Kind::Listener => channel.accepted = sent.resources,
        }
    }

    fn wanted_clusters(&self, target: &Snapshot) -> Resources {
        let in_use = self.kept.values().chain(self.routes.in_flight.iter().map(|sent| &sent.needs));
        let mut wanted = target.clusters.clone();
        for (name, cluster) in in_use.flatten() {
            wanted.entry(name.clone()).or_insert_with(|| Arc::clone(cluster));
        }
        wanted
    }

    fn due_route(&self, target: &Snapshot) -> Option<(String, Arc<Resource>)> {
        if self.routes.in_flight.is_some() {
            return None;
        }
        let subscribed = self.subscribed_routes.iter().filter_map(|name| target.routes.get_key_value(name));
        let mut due = subscribed.filter(|(name, route)| {
            !self.routes.settled(name, route)
                && target.clusters_of(name).iter().all(|(name, cluster)| self.clusters.has(name, cluster))
        });
        due.next().map(|(name, route)| (name.clone(), Arc::clone(route)))
    }

    fn send(&mut self, kind: Kind, resources: Resources, needs: Resources) -> DiscoveryResponse {
        self.responses_sent += 1;
        let nonce = self.responses_sent.to_string();
        let response = DiscoveryResponse {
            // The version of a single route is its digest: Envoy's config dump shows it per route.
            version_info: match (kind, resources.values().next()) {
                (Kind::Route, Some(route)) => route.digest.clone(),
                _ => version_of(&resources),
            },
            resources: resources.values().map(|resource| resource.body.clone()).collect(),
            type_url: kind.type_url().to_owned(),
            nonce: nonce.clone(),
            ..Default::default()
        };
        self.channel(kind).in_flight = Some(InFlight { nonce, resources, needs });
        response
    }

    fn channel(&mut self, kind: Kind) -> &mut Channel {
        match kind {
            Kind::Cluster => &mut self.clusters,
            Kind::Listener => &mut self.listeners,
            Kind::Route => &mut self.routes,
        }
    }

    fn channel_of(&self, kind: Kind) -> &Channel {
        match kind {
            Kind::Cluster => &self.clusters,
            Kind::Listener => &self.listeners,
            Kind::Route => &self.routes,
        }
    }
}

impl Channel {
    /// Whether the complete set `wanted` is to be sent. The first one on a connection always is, the
    /// empty one included: Envoy waits for it.
    fn due(&self, wanted: &Resources) -> bool {
        let differs = || {
            wanted.iter().any(|(name, resource)| !self.settled(name, resource))
                || self.accepted.keys().any(|name| !wanted.contains_key(name))
        };
        self.open && self.in_flight.is_none() && (!self.answered || differs())
    }

    /// Whether Envoy has answered all that it was sent.
    fn idle(&self) -> bool {
        self.answered && self.in_flight.is_none()
    }

    fn has(&self, name: &str, resource: &Resource) -> bool {
        self.accepted.get(name).is_some_and(|accepted| accepted.digest == resource.digest)
    }

    fn refusal(&self, name: &str, resource: &Resource) -> Option<&str> {
        let refusal = self.refused.get(name).filter(|refusal| refusal.digest == resource.digest)?;
        Some(&refusal.text)
    }

    /// Whether Envoy has decided about this resource and is not to be asked again.
    fn settled(&self, name: &str, resource: &Resource) -> bool {
        let refused = || self.refused.get(name).is_some_and(|it| it.digest == resource.digest && !it.retry);
        self.has(name, resource) || refused()
    }

    /// Envoy takes each resource of a set by itself and refuses the set if it could not take one. Those
    /// that its text names are refused; when it names none, all that it had not taken before.
    fn refuse(&mut self, sent: InFlight, text: &str) {
        let text: String = text.chars().take(REFUSAL_CHARS_MAX).collect();
        let named = sent.resources.keys().any(|name| blames(&text, name));
        self.accepted.retain(|name, _| sent.resources.contains_key(name));
        self.refused.retain(|name, _| sent.resources.contains_key(name));
        for (name, resource) in sent.resources {
            let refused = if named { blames(&text, &name) } else { !self.has(&name, &resource) };
            if refused {
                let refusal = Refusal { digest: resource.digest.clone(), text: text.clone(), retry: false };
                self.refused.insert(name, refusal);
            } else {
                self.refused.remove(&name);
                self.accepted.insert(name, resource);
            }
        }
    }
}

/// Whether Envoy's text blames the resource `name`: it writes `Error adding/updating listener(s) NAME: why`,
/// one resource a line.
fn blames(text: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (text.get(..start), text.get(start + name.len()..));
        before.is_some_and(|text| !text.ends_with(is_name)) && after.is_some_and(|text| text.starts_with(": "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::google::rpc::Status;
    use shadow_core::model::split::SplitSpec;

    fn split(name: &str, port: u16, backends: &[(&str, u32)]) -> SplitConfig {
        let backends: BTreeMap<_, _> = backends
            .iter()
            .map(|(slot, weight)| (*slot, serde_json::json!({ "address": "10.0.0.1", "port": 80, "weight": weight })))
            .collect();
        let listener = serde_json::json!({ "address": "127.0.0.1", "port": port });
        let spec = serde_json::json!({ "name": name, "listener": listener, "backends": backends });
        SplitConfig::new(serde_json::from_value::<SplitSpec>(spec).unwrap()).unwrap()
    }

    /// What was sent, as `KIND COUNT` or `route NAME`.
    fn sent(responses: &[DiscoveryResponse]) -> Vec<String> {
        let show = |response: &DiscoveryResponse| {
            let kind = Kind::from_type_url(&response.type_url).unwrap();
            format!("{} {}", kind.word(), response.resources.len())
        };
        responses.iter().map(show).collect()
    }

    fn ask(session: &mut Session, kind: Kind, names: &[&str]) {
        session.receive(DiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        });
    }

    fn answer(session: &mut Session, response: &DiscoveryResponse, error: Option<&str>) {
        session.receive(DiscoveryRequest {
            type_url: response.type_url.clone(),
            resource_names: session.subscribed_routes.iter().cloned().collect(),
            response_nonce: response.nonce.clone(),
            error_detail: error.map(|message| Status { message: message.to_owned(), ..Default::default() }),
            ..Default::default()
        });
    }

    /// Answers everything until nothing is due, and says what was sent.
    fn settle(session: &mut Session, target: &Snapshot) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let responses = session.advance(target);
            if responses.is_empty() {
                return all;
            }
            all.extend(sent(&responses));
            responses.iter().for_each(|response| answer(session, response, None));
        }
    }

    fn connected(splits: &[&SplitConfig]) -> Session {
        let mut session = Session::default();
        let names: Vec<&str> = splits.iter().map(|split| split.spec.name.as_str()).collect();
        ask(&mut session, Kind::Cluster, &[]);
        ask(&mut session, Kind::Listener, &[]);
        ask(&mut session, Kind::Route, &names);
        session
    }

    #[test]
    fn nothing_is_routed_before_its_clusters_were_accepted() {
        let split = split("s", 1, &[("a", 1), ("b", 0)]);
        let (mut session, target) = (connected(&[&split]), Snapshot::of([&split]));
        let clusters = session.advance(&target);
        assert_eq!(sent(&clusters), ["cluster 2"]);
        assert!(session.advance(&target).is_empty(), "Envoy is still warming them");
        assert!(!session.progress(&split).accepted);
        answer(&mut session, &clusters[0], None);
        assert_eq!(settle(&mut session, &target), ["listener 1", "route configuration 1"]);
        assert!(session.progress(&split).accepted);
    }

    #[test]
    fn an_empty_target_is_sent_once() {
        let (mut session, target) = (connected(&[]), Snapshot::default());
        assert_eq!(settle(&mut session, &target), ["cluster 0", "listener 0"]);
    }

    #[test]
    fn weights_need_a_route_only() {
        let (before, after) = (split("s", 1, &[("a", 1), ("b", 0)]), split("s", 1, &[("a", 0), ("b", 1)]));
        let mut session = connected(&[&before]);
        settle(&mut session, &Snapshot::of([&before]));
        assert!(!session.progress(&after).accepted);
        assert_eq!(session.progress(&after).shares.unwrap().weights["a"], 1);
        assert_eq!(settle(&mut session, &Snapshot::of([&after])), ["route configuration 1"]);
        assert!(session.progress(&after).accepted);
    }

    #[test]
    fn a_cluster_outlives_the_route_that_uses_it() {
        let (before, after) = (split("s", 1, &[("a", 1)]), split("s", 1, &[("b", 1)]));
        let mut session = connected(&[&before]);
        settle(&mut session, &Snapshot::of([&before]));
        let steps = settle(&mut session, &Snapshot::of([&after]));
        assert_eq!(steps, ["cluster 2", "route configuration 1", "cluster 1"]);
    }

    #[test]
    fn the_clusters_of_a_removed_split_stay_until_its_listener_is_drained() {
        let (kept, removed) = (split("kept", 1, &[("a", 1)]), split("removed", 2, &[("a", 1)]));
        let mut session = connected(&[&kept, &removed]);
        settle(&mut session, &Snapshot::of([&kept, &removed]));
        let target = Snapshot::of([&kept]);
        assert_eq!(settle(&mut session, &target), ["listener 1"]);
        ask(&mut session, Kind::Route, &["kept"]);
        assert_eq!(settle(&mut session, &target), ["cluster 1"]);
    }

    #[test]
    fn a_refusal_is_that_of_the_resource_named() {
        let (good, bad) = (split("good", 1, &[("a", 1)]), split("bad", 2, &[("a", 1)]));
        let (mut session, target) = (connected(&[&good, &bad]), Snapshot::of([&good, &bad]));
        let clusters = session.advance(&target);
        answer(&mut session, &clusters[0], None);
        let responses = session.advance(&target);
        assert_eq!(sent(&responses), ["listener 2", "route configuration 1"]);
        let why = "Error adding/updating listener(s) bad: cannot bind '127.0.0.1:2': Address already in use\n";
        answer(&mut session, &responses[0], Some(why));
        answer(&mut session, &responses[1], None);
        assert_eq!(settle(&mut session, &target), ["route configuration 1"], "a refused set is not sent again");
        assert!(session.progress(&good).accepted && session.progress(&good).rejected.is_none());
        assert!(session.progress(&bad).rejected.unwrap().contains("Address already in use"));

        session.retry_refused();
        assert!(session.progress(&bad).rejected.is_some(), "known until Envoy says otherwise");
        assert_eq!(settle(&mut session, &target), ["listener 2"]);
        assert!(session.progress(&bad).accepted && session.progress(&bad).rejected.is_none());
    }

    #[test]
    fn a_refused_cluster_blocks_its_own_route_only() {
        let (good, bad) = (split("good", 1, &[("a", 1)]), split("bad", 2, &[("a", 1)]));
        let (mut session, target) = (connected(&[&good, &bad]), Snapshot::of([&good, &bad]));
        let clusters = session.advance(&target);
        answer(&mut session, &clusters[0], Some("Error adding/updating cluster(s) bad/a: no such thing"));
        assert_eq!(settle(&mut session, &target), ["listener 2", "route configuration 1"]);
        assert!(session.progress(&good).accepted);
        assert!(session.progress(&bad).rejected.unwrap().contains("cluster \"bad/a\""));
    }

    #[test]
    fn a_refusal_that_names_nobody_is_that_of_everything_new() {
        let (old, new) = (split("old", 1, &[("a", 1)]), split("new", 2, &[("a", 1)]));
        let mut session = connected(&[&old]);
        settle(&mut session, &Snapshot::of([&old]));
        let target = Snapshot::of([&old, &new]);
        let clusters = session.advance(&target);
        answer(&mut session, &clusters[0], Some("out of memory"));
        assert!(session.progress(&old).accepted);
        assert!(session.progress(&new).rejected.unwrap().contains("out of memory"));
    }

    #[test]
    fn a_late_answer_to_something_older_is_ignored() {
        let (before, after) = (split("s", 1, &[("a", 1)]), split("s", 1, &[("a", 2)]));
        let mut session = connected(&[&before]);
        let first = session.advance(&Snapshot::of([&before]));
        answer(&mut session, &first[0], None);
        settle(&mut session, &Snapshot::of([&before]));
        let route = session.advance(&Snapshot::of([&after]));
        ask(&mut session, Kind::Route, &["s"]);
        assert!(!session.progress(&after).accepted);
        answer(&mut session, &route[0], None);
        assert!(session.progress(&after).accepted);
    }

    #[test]
    fn the_same_splits_have_the_same_versions_on_every_connection() {
        let versions = || {
            let split = split("s", 1, &[("a", 1), ("b", 0), ("c", 0)]);
            let (mut session, target) = (connected(&[&split]), Snapshot::of([&split]));
            let clusters = session.advance(&target);
            answer(&mut session, &clusters[0], None);
            let rest = session.advance(&target);
            clusters.into_iter().chain(rest).map(|response| response.version_info).collect::<Vec<_>>()
        };
        let first = versions();
        // Random order in an encoded map would show within a few attempts.
        (0..20).for_each(|_| assert_eq!(versions(), first));
    }

    #[test]
    fn names_are_matched_whole() {
        let check = |name: &str, expect: bool| {
            let text = "Error adding/updating listener(s) my-shop: cannot bind\nother: bad";
            assert_eq!(blames(text, name), expect, "{name}");
        };
        check("my-shop", true);
        check("other", true);
        check("shop", false);
        check("bind", false);
        check("my", false);
    }
}
