//! Routes: epochs, weights, and what is unknown while no Envoy is connected.

use super::fixture::{Served, config, error, paths};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shadow_reconciler::app::App;
use tokio::sync::watch;

fn split(name: &str, epoch: u64, port: u16) -> Value {
    json!({
        "name": name, "epoch": epoch, "listener": {"address": "127.0.0.1", "port": port},
        "backends": {"a": {"address": "10.0.0.1", "port": 8080, "weight": 100}},
    })
}

#[tokio::test]
async fn a_route_that_no_envoy_serves_is_unknown_not_zero() {
    let served = Served::start().await;
    let (status, body) = served.create("/v1/splits/checkout", &split("checkout", 1, 10000)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["spec"]["backends"]["a"]["weight"], 100);
    for unknown in ["applied_weights", "applied_epoch", "observed_at", "rejected"] {
        assert_eq!(body["status"][unknown], Value::Null, "{unknown}");
    }
    assert_eq!((&body["status"]["proxies_connected"], &body["status"]["in_sync"]), (&json!(0), &json!(false)));
    assert_eq!(served.get("/v1/splits/checkout").await, (StatusCode::OK, body));
    for _again in 0..2 {
        assert_eq!(served.delete("/v1/splits/checkout").await.0, StatusCode::NO_CONTENT);
    }
    let (status, body) = served.get("/v1/splits/checkout").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error(&body), "there is no route \"checkout\"");
}

#[tokio::test]
async fn an_older_epoch_is_refused() {
    let served = Served::start().await;
    let address = "/v1/splits/checkout";
    for epoch in [2, 2, 3] {
        assert_eq!(served.put(address, &split("checkout", epoch, 10000)).await.0, StatusCode::OK);
    }
    let (status, body) = served.put(address, &split("checkout", 2, 10000)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("epoch 2 is older"), "{body}");
    assert_eq!(served.get(address).await.1["spec"]["epoch"], 3);
    let (status, body) = served.create(address, &split("checkout", 4, 10000)).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(error(&body).contains("exists and differs"), "{body}");
}

#[tokio::test]
async fn a_route_without_a_serving_backend_is_refused() {
    let served = Served::start().await;
    let mut bad = split("checkout", 1, 0);
    bad["backends"]["a"]["weight"] = json!(0);
    let (status, body) = served.put("/v1/splits/checkout", &bad).await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["listener.port", "backends"]));
    let (status, body) = served.put("/v1/splits/other", &split("checkout", 1, 10000)).await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["name"]));
    assert_eq!(served.app.store.splits().unwrap(), []);
}

#[tokio::test]
async fn a_route_that_the_control_plane_refuses_does_not_stop_the_next_start() {
    let served = Served::start().await;
    assert_eq!(served.put("/v1/splits/checkout", &split("checkout", 1, 10000)).await.0, StatusCode::OK);
    let (status, body) = served.put("/v1/splits/search", &split("search", 1, 10000)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("is already used by split \"checkout\""), "{body}");

    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    std::fs::create_dir_all(&config.data).unwrap();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        std::fs::copy(served.app.config.data.join(name), config.data.join(name)).unwrap();
    }
    let (_stop, stopping) = watch::channel(false);
    let restarted = App::open(config, stopping).expect("it starts with what was stored");
    let names: Vec<_> = restarted.store.splits().unwrap().into_iter().map(|split| split.name).collect();
    assert_eq!(names, ["checkout"]);
}
