//! The control plane against a real Envoy, with real requests.
#![allow(clippy::disallowed_methods, reason = "tests start programs and look at the clock")]
#![expect(clippy::print_stdout, reason = "how long a change takes is worth seeing")]

mod fixture;
mod one_shot;

use axum::http::Method;
use fixture::{Envoy, Load, Served, Service, ask, client, eventually, free_port, sample, split, url, weighed};
use shadow_core::model::split::{BackendState, MirrorSpec, SocketSpec, SplitSpec};
use shadow_reconciler::http::Token;
use shadow_reconciler::traffic::bootstrap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What most tests start with: services `a` and `b`, a split that sends all to `a`, an Envoy in sync.
struct World {
    a: Service,
    b: Service,
    split: SplitSpec,
    served: Served,
    envoy: Envoy,
}

impl World {
    async fn start() -> Self {
        let (a, b) = (Service::start("a").await, Service::start("b").await);
        let split = split("checkout", &[("a", a.backend(100)), ("b", b.backend(0))]);
        let served = Served::start(vec![split.clone()]).await;
        let envoy = Envoy::start("edge", served.address).await;
        served.in_sync(&split).await;
        Self { a, b, split, served, envoy }
    }

    async fn change(&self, split: &SplitSpec) -> Duration {
        self.served.plane.apply(split.clone()).expect("accepted");
        let (status, took) = self.served.in_sync(split).await;
        assert_eq!(status.applied_epoch, Some(split.epoch));
        took
    }
}

fn weights(weights: &[(&str, u32)]) -> Option<BTreeMap<String, u32>> {
    Some(weights.iter().map(|(slot, weight)| ((*slot).to_owned(), *weight)).collect())
}

fn mirror(percent: f64) -> MirrorSpec {
    MirrorSpec {
        from: "a".to_owned(),
        to: "b".to_owned(),
        percent,
        methods: vec!["GET".to_owned()],
        max_concurrency: 64,
        timeout_ms: 1000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_move_without_a_failed_request() {
    let world = World::start().await;
    let load = Load::start(&world.split);
    assert_eq!(sample(&world.split, 50).await.keys().collect::<Vec<_>>(), ["a"]);

    let half = weighed(&world.split, &[("a", 50), ("b", 50)]);
    let to_half = world.change(&half).await;
    let status = world.served.plane.status(&half).await;
    assert_eq!(status.applied_weights, weights(&[("a", 50), ("b", 50)]));
    let answers = sample(&half, 400).await;
    assert!((120..=280).contains(&answers["a"]), "about half: {answers:?}");

    let moved = weighed(&half, &[("a", 0), ("b", 100)]);
    let to_all = world.change(&moved).await;
    let before = world.a.requests();
    assert_eq!(sample(&moved, 200).await.keys().collect::<Vec<_>>(), ["b"]);
    // Requests in flight at the time of the switch may still have been counted.
    assert!(world.a.requests() <= before + 4, "a gets nothing more");

    let sent = load.stop().await;
    assert_eq!(sent.failures, Vec::<String>::new());
    assert!(sent.answered > 500, "{sent:?}");
    println!("set to read back: {to_half:?} and {to_all:?}; {} requests, 0 failed", sent.answered);
    assert_eq!(world.envoy.stat("cluster_manager.cluster_modified").await, 0, "only the route was sent");
}

/// Methods that may write, one of them unknown to the control plane.
fn writing_methods() -> Vec<Method> {
    let unknown = Method::from_bytes(b"PURGE").expect("a method");
    vec![Method::POST, Method::PUT, Method::PATCH, Method::DELETE, unknown]
}

/// Who answered requests that may write, each method sent `count` times.
async fn writers(split: &SplitSpec, count: usize) -> BTreeSet<String> {
    let (client, url, mut answers) = (client(), url(split, "/"), BTreeSet::new());
    for method in writing_methods().into_iter().cycle().take(count * writing_methods().len()) {
        answers.insert(ask(&client, method, &url).await.expect("an answer"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_to_one_backend_and_change_over_with_the_weights() {
    let world = World::start().await;
    let load = Load::start(&world.split);
    let half = weighed(&world.split, &[("a", 50), ("b", 50)]);
    let half = SplitSpec { writer: Some("a".to_owned()), mirror: Some(mirror(100.0)), ..half };
    world.change(&half).await;
    let status = world.served.plane.status(&half).await;
    assert_eq!(
        (status.applied_weights, status.applied_writer.as_deref()),
        (weights(&[("a", 50), ("b", 50)]), Some("a"))
    );
    let answers = sample(&half, 400).await;
    assert!((120..=280).contains(&answers["a"]), "about half: {answers:?}");
    assert_eq!(writers(&half, 50).await, BTreeSet::from(["a".to_owned()]));
    assert_eq!(world.b.writes(), 0, "nothing was written to b, copies included");
    assert!(world.b.copies().iter().all(|(method, _)| *method == Method::GET));

    let moved = SplitSpec { writer: Some("b".to_owned()), mirror: None, ..weighed(&half, &[("a", 0), ("b", 100)]) };
    let took = world.change(&moved).await;
    let (status, before) = (world.served.plane.status(&moved).await, world.a.writes());
    assert_eq!(
        (status.applied_weights, status.applied_writer.as_deref()),
        (weights(&[("a", 0), ("b", 100)]), Some("b"))
    );
    assert_eq!(writers(&moved, 50).await, BTreeSet::from(["b".to_owned()]));
    assert_eq!(sample(&moved, 50).await.keys().collect::<Vec<_>>(), ["b"]);
    // Requests of the load's two writers that were on their way at the time of the switch.
    assert!(world.a.writes() <= before + 2, "a is written to no more");

    let sent = load.stop().await;
    assert_eq!(sent.failures, Vec::<String>::new());
    println!("hand-over of reads and writes read back after {took:?}; {} requests, 0 failed", sent.answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_writer_alone_is_a_change_that_is_read_back() {
    let world = World::start().await;
    let half = weighed(&world.split, &[("a", 50), ("b", 50)]);
    world.change(&half).await;
    assert_eq!(world.served.plane.status(&half).await.applied_writer, None);
    assert_eq!(writers(&half, 50).await.len(), 2, "without a writer the weights decide");
    let with_writer = SplitSpec { writer: Some("b".to_owned()), ..half };
    assert!(!world.served.plane.status(&with_writer).await.in_sync, "Envoy does not run it yet");
    world.change(&with_writer).await;
    assert_eq!(writers(&with_writer, 10).await, BTreeSet::from(["b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_backend_finishes_what_it_has() {
    let world = World::start().await;
    let slow = url(&world.split, "/slow");
    let in_flight = tokio::spawn(async move { ask(&client(), Method::GET, &slow).await });
    let seen = || world.served.plane.status(&world.split);
    eventually("the request to be in flight", seen, |status| status.backends["a"].active_requests == 1).await;

    let mut drained = weighed(&world.split, &[("a", 0), ("b", 100)]);
    drained.backends.get_mut("a").unwrap().state = BackendState::Drain;
    world.change(&drained).await;
    assert_eq!(sample(&drained, 20).await.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(in_flight.await.unwrap(), Ok("a".to_owned()));
    let seen = || world.served.plane.status(&drained);
    eventually("the backend to be idle", seen, |status| {
        status.backends["a"].active_requests == 0 && status.backends["a"].active_connections == 0
    })
    .await;

    drained.backends.get_mut("a").unwrap().state = BackendState::Disabled;
    world.change(&drained).await;
    let seen = || world.served.plane.status(&drained);
    let status = eventually("its cluster to go", seen, |status| !status.backends.contains_key("a")).await;
    assert_eq!(status.applied_weights, weights(&[("b", 100)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_is_replaced_without_a_failed_request() {
    let world = World::start().await;
    let (c, load) = (Service::start("c").await, Load::start(&world.split));
    let mut replaced = world.split.clone();
    replaced.epoch += 1;
    replaced.backends = BTreeMap::from([("c".to_owned(), c.backend(1))]);
    world.change(&replaced).await;
    assert_eq!(sample(&replaced, 20).await.keys().collect::<Vec<_>>(), ["c"]);

    let mut moved = replaced.clone();
    moved.epoch += 1;
    moved.backends.insert("c".to_owned(), world.b.backend(1));
    world.change(&moved).await;
    let to_b = || sample(&moved, 1);
    eventually("the new address of the slot to be used", to_b, |answers| answers.contains_key("b")).await;

    let sent = load.stop().await;
    assert_eq!(sent.failures, Vec::<String>::new());
    let clusters = || world.envoy.get("/clusters?filter=^checkout/");
    let gone = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.contains("checkout/a"));
    eventually("the old clusters to go", clusters, gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requests_of_the_mirrored_backend_and_method_are_copied() {
    let world = World::start().await;
    let mut half = weighed(&world.split, &[("a", 50), ("b", 50)]);
    half.mirror = Some(mirror(100.0));
    world.change(&half).await;
    let answers = sample(&half, 200).await;
    let client = client();
    for _ in 0..20 {
        ask(&client, Method::POST, &url(&half, "/")).await.unwrap();
    }
    let copies = || async { world.b.copies().len() as u64 };
    eventually("every copy to arrive", copies, |copies| *copies == answers["a"]).await;
    let (method, headers) = world.b.copies().remove(0);
    assert_eq!(method, Method::GET);
    assert_eq!(headers["host"], format!("127.0.0.1:{}", half.listener.port));
    assert!(!headers.contains_key("x-shadow-mirror-to"));

    let moved = weighed(&half, &[("a", 0), ("b", 100)]);
    world.change(&moved).await;
    let forged = client.get(url(&moved, "/")).header("x-shadow-mirror-to", "checkout/b/mirror");
    assert_eq!(forged.send().await.unwrap().text().await.unwrap(), "b");
    sample(&moved, 50).await;
    assert_eq!(copies().await, answers["a"], "nothing goes to a, so nothing is copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_mirrored_and_the_primary_answers() {
    let world = World::start().await;
    let mut mirrored = world.split.clone();
    mirrored.epoch += 1;
    mirrored.mirror = Some(mirror(30.0));
    world.change(&mirrored).await;
    let answers = sample(&mirrored, 1000).await;
    assert_eq!(answers, BTreeMap::from([("a".to_owned(), 1000)]));
    let copies = world.b.copies().len();
    // Five standard deviations of a binomial with n = 1000 and p = 0.3.
    assert!((228..=372).contains(&copies), "{copies} of 1000 copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_mirror_costs_the_primary_nothing() {
    let world = World::start().await;
    let mut mirrored = world.split.clone();
    mirrored.epoch += 1;
    mirrored.mirror = Some(MirrorSpec { max_concurrency: 4, timeout_ms: 500, ..mirror(100.0) });
    world.change(&mirrored).await;
    let client = client();
    let start = Instant::now();
    let requests = (0..20).map(|_| async { ask(&client, Method::GET, &url(&mirrored, "/slow")).await });
    let answers = futures_util::future::join_all(requests).await;
    // The service takes one second; its copies hang for an hour.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(answers.iter().all(|answer| *answer == Ok("a".to_owned())), "{answers:?}");
    assert!((1..=4).contains(&world.b.copies_peak()), "{} copies at once", world.b.copies_peak());
    let dropped = async |why: &str| world.envoy.stat(&format!("cluster.checkout/b/mirror.upstream_rq_{why}")).await;
    assert!(dropped("pending_overflow").await + dropped("active_overflow").await > 0, "the rest is dropped");
    let seen = || world.served.plane.status(&mirrored);
    eventually("the copies to be given up", seen, |status| status.backends["b"].active_requests == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_flows_while_the_control_plane_restarts() {
    let world = World::start().await;
    let load = Load::start(&world.split);
    let address = world.served.address;
    world.served.stop().await;
    assert_eq!(sample(&world.split, 50).await.keys().collect::<Vec<_>>(), ["a"]);
    let names = ["cluster_manager.cluster_", "listener_manager.listener_", "http.checkout.rds.checkout.config_reload"];
    let changes = async || {
        let filter = format!("^({})(added|modified|removed|$)", names.join("|"));
        world.envoy.get(&format!("/stats?filter={filter}")).await.expect("the admin interface answers")
    };
    let before = changes().await;
    assert!(before.contains("cluster_added: 3") && before.contains("config_reload: 1"), "{before}");
    let served = Served::start_on(address, vec![world.split.clone()]).await;
    let (status, took) = served.in_sync(&world.split).await;
    assert_eq!(changes().await, before);
    assert_eq!(status.applied_weights, weights(&[("a", 100), ("b", 0)]));

    let moved = weighed(&world.split, &[("a", 0), ("b", 100)]);
    served.plane.apply(moved.clone()).unwrap();
    served.in_sync(&moved).await;
    assert_eq!(load.stop().await.failures, Vec::<String>::new());
    println!("in sync {took:?} after the restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_backends_is_seen() {
    let world = World::start().await;
    let healthy = |slot: &'static str| {
        let status = world.served.plane.status(&world.split);
        async move { status.await.backends[slot].healthy }
    };
    eventually("a to be healthy", || healthy("a"), |it| *it == Some(true)).await;
    eventually("b, of weight 0, to be healthy", || healthy("b"), |it| *it == Some(true)).await;
    world.b.kill();
    let start = Instant::now();
    eventually("b to be unhealthy", || healthy("b"), |it| *it == Some(false)).await;
    // Two checks, 200 ms apart, the first up to 200 ms from now; the rest is for a loaded machine.
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    println!("unhealthy {:?} after it stopped accepting", start.elapsed());
    assert_eq!(healthy("a").await, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_backend_with_weight_is_still_tried() {
    let world = World::start().await;
    let mut sick = world.split.clone();
    sick.epoch += 1;
    sick.health_check.as_mut().unwrap().path = "/slow".to_owned();
    world.change(&sick).await;
    let seen = || world.served.plane.status(&sick);
    eventually("a to be unhealthy", seen, |status| status.backends["a"].healthy == Some(false)).await;
    assert_eq!(sample(&sick, 20).await, BTreeMap::from([("a".to_owned(), 20)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_reported_holds_up_nobody_else_and_heals() {
    let world = World::start().await;
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut blocked = split("blocked", &[("a", world.a.backend(1))]);
    blocked.listener.port = occupied.local_addr().unwrap().port();
    world.served.plane.apply(blocked.clone()).unwrap();
    let seen = || world.served.plane.status(&blocked);
    let status = eventually("the refusal", seen, |status| status.rejected.is_some()).await;
    let text = status.rejected.unwrap();
    assert!(text.contains("listener \"blocked\"") && text.contains("Address already in use"), "{text}");
    assert!(!status.in_sync);

    let other = split("other", &[("b", world.b.backend(1))]);
    world.served.plane.apply(other.clone()).unwrap();
    let (status, _) = world.served.in_sync(&other).await;
    assert_eq!(status.rejected, None);
    assert_eq!(sample(&other, 5).await.keys().collect::<Vec<_>>(), ["b"]);
    world.change(&weighed(&world.split, &[("a", 0), ("b", 1)])).await;

    drop(occupied);
    let (status, _) = world.served.in_sync(&blocked).await;
    assert_eq!(status.rejected, None);
    assert_eq!(sample(&blocked, 5).await.keys().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn splits_come_and_go() {
    let world = World::start().await;
    let mut other = split("other", &[("b", world.b.backend(1))]);
    world.served.plane.apply(other.clone()).unwrap();
    world.served.in_sync(&other).await;
    let old_port = url(&other, "/");
    other.epoch += 1;
    other.listener.port = free_port();
    world.change(&other).await;
    assert_eq!(sample(&other, 5).await.keys().collect::<Vec<_>>(), ["b"]);
    let refused = || async { ask(&client(), Method::GET, &old_port).await };
    eventually("the old port to be closed", refused, Result::is_err).await.expect_err("refused");

    assert!(world.served.plane.remove("other"));
    assert!(!world.served.plane.remove("other"));
    let refused = || async { ask(&client(), Method::GET, &url(&other, "/")).await };
    eventually("the listener to go", refused, Result::is_err).await.expect_err("refused");
    let clusters = || world.envoy.get("/clusters?filter=^other/");
    eventually("its clusters to go", clusters, |text| text.as_deref() == Some("")).await;
    assert!(!world.served.plane.status(&other).await.in_sync);
    assert_eq!(sample(&world.split, 5).await.keys().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connected_envoy_counts() {
    let world = World::start().await;
    let second = Envoy::start("edge", world.served.address).await;
    let stranger = Envoy::start("other-proxy", world.served.address).await;
    let seen = || world.served.plane.status(&world.split);
    let status = eventually("both to be in sync", seen, |status| status.in_sync && status.proxies_connected == 2).await;
    assert_eq!(status.backends["a"].healthy, Some(true));
    let moved = weighed(&world.split, &[("a", 0), ("b", 100)]);
    world.change(&moved).await;
    for envoy in [&world.envoy, &second] {
        let dump = envoy.get("/config_dump?resource=dynamic_route_configs").await.unwrap();
        assert!(dump.contains("\"epoch\": \"2\""), "{dump}");
    }
    assert_eq!(stranger.stat("listener_manager.total_listeners_active").await, 0);

    second.kill().await;
    world.envoy.kill().await;
    let seen = || world.served.plane.status(&moved);
    let status = eventually("both to be gone", seen, |status| status.proxies_connected == 0).await;
    assert!(!status.in_sync && status.applied_weights.is_none(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_envoy_with_the_token_is_served() {
    let a = Service::start("a").await;
    let split = split("checkout", &[("a", a.backend(100))]);
    let token = Token::new("s3cret").unwrap();
    let served = Served::start_guarded(&token, vec![split.clone()]).await;
    let address = SocketSpec { address: served.address.ip().to_string(), port: served.address.port() };
    let [stranger_admin, admin] = [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let wrong = Token::new("guessed").unwrap();
    let stranger = Envoy::start_with(&bootstrap("edge", &address, stranger_admin, Some(&wrong)), stranger_admin).await;
    let refused = || stranger.stat("cluster.shadow-control-plane.upstream_rq_total");
    eventually("the stranger to have asked", refused, |asked| *asked > 0).await;
    let _envoy = Envoy::start_with(&bootstrap("edge", &address, admin, Some(&token)), admin).await;
    let (status, _) = served.in_sync(&split).await;
    assert_eq!((status.proxies_connected, status.applied_weights), (1, weights(&[("a", 100)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_admin_access_the_acknowledged_weights_are_reported() {
    let a = Service::start("a").await;
    let split = split("checkout", &[("a", a.backend(7))]);
    let split = SplitSpec { writer: Some("a".to_owned()), ..split };
    let served = Served::start(vec![split.clone()]).await;
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let address = SocketSpec { address: "localhost".to_owned(), port: served.address.port() };
    let open = bootstrap("edge", &address, admin, None);
    let closed = open.replace("shadow_admin", "unused");
    assert_ne!(open, closed);
    let envoy = Envoy::start_with(&closed, admin).await;
    let (status, _) = served.in_sync(&split).await;
    assert_eq!(status.applied_weights, weights(&[("a", 7)]));
    assert_eq!(status.applied_writer.as_deref(), Some("a"));
    assert!(status.backends.is_empty() && status.observed_at.is_none());
    envoy.kill().await;

    // An admin address that does not answer: nothing is known, so nothing is in sync.
    let dead = open.replace(&format!("http://{admin}"), &format!("http://127.0.0.1:{}", free_port()));
    let _envoy = Envoy::start_with(&dead, admin).await;
    let seen = || served.plane.status(&split);
    let status = eventually("it to connect", seen, |status| status.proxies_connected == 1).await;
    assert!(!status.in_sync && status.applied_weights.is_none(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_service_closed_costs_no_idempotent_request() {
    let world = World::start().await;
    let closing = one_shot::start().await;
    let mut one_shot = world.split.clone();
    one_shot.epoch += 1;
    one_shot.health_check = None;
    let backend = one_shot.backends.get_mut("a").unwrap();
    backend.port = closing.address.port();
    world.change(&one_shot).await;
    let client = client();
    let answered = || async { ask(&client, Method::GET, &url(&one_shot, "/")).await };
    eventually("the new address to be used", answered, |answer| *answer == Ok("once".to_owned())).await.unwrap();
    for _ in 0..50 {
        assert_eq!(answered().await, Ok("once".to_owned()));
    }
    assert!(world.envoy.stat("cluster.checkout/a.upstream_rq_retry_success").await >= 20);
    // Whether a POST was carried out before the connection broke is unknown: it is not repeated.
    let mut failures = 0;
    for _ in 0..10 {
        failures += u32::from(ask(&client, Method::POST, &url(&one_shot, "/")).await.is_err());
    }
    assert!(failures > 0);
}
