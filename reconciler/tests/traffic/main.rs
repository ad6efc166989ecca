//! The control plane against a real Envoy, with real requests.

mod fixture;

use axum::http::Method;
use fixture::{Envoy, Load, Served, Service, ask, client, eventually, sample, split, url, weighed};
use shadow_core::model::split::{BackendState, MirrorSpec, SplitSpec};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What every test starts with: services `a` and `b`, a split that sends all to `a`, an Envoy in sync.
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
        self.served.plane.apply(split.clone()).unwrap();
        let (status, took) = self.served.in_sync(split).await;
        assert_eq!(status.applied_epoch, Some(split.epoch));
        took
    }
}

fn weights(weights: &[(&str, u32)]) -> Option<BTreeMap<String, u32>> {
    Some(weights.iter().map(|(slot, weight)| ((*slot).to_owned(), *weight)).collect())
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
