//! Starts the real Prometheus and the real Envoy against small servers, the way a world does.

use super::*;
use crate::load::{Failure, Load, LoadConfig};
use crate::{http, ports, tools, wait};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(30);

/// A server that ends with the test.
struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(app: Router) -> (SocketAddr, Server) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, Server(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() })))
}

async fn start(name: &str, mut command: Command, folder: &Path, ready: &str) -> Child {
    command.current_dir(folder);
    let mut child = Child::start(name, &mut command, &Outlets::merged(&folder.join("log"))).unwrap();
    let http = http::client().unwrap();
    child
        .ready(SOON, async || http.get(ready).send().await.is_ok_and(|answer| answer.status().is_success()))
        .await
        .unwrap();
    child
}

/// An agent as Prometheus sees it, with one process.
async fn agent_with_process() -> (SocketAddr, [Server; 2]) {
    let metrics = |text: &'static str| get(async move || text);
    let (process, process_server) = serve(Router::new().route("/metrics", metrics("work_done 7\n"))).await;
    let targets = json!([{"targets": [process.to_string()], "labels": {"instance": "web-a"}}]);
    let app = Router::new()
        .route("/metrics", metrics("host_load{instance=\"web-a\"} 3\n"))
        .route("/v1/prometheus-targets", get(async move || Json(targets)));
    let (agent, agent_server) = serve(app).await;
    (agent, [process_server, agent_server])
}

#[tokio::test]
async fn prometheus_scrapes_the_agent_and_the_processes_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let (agent, _servers) = agent_with_process().await;
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, prometheus_config(&agent.to_string())).unwrap();
    let address = format!("127.0.0.1:{}", ports::free().unwrap());
    let data = folder.path().join("data");
    let command = prometheus_command(&tools::prometheus().unwrap(), &address, &config, &data);
    let ready = format!("http://{address}/-/ready");
    let _prometheus = start("prometheus", command, folder.path(), &ready).await;

    let http = http::client().unwrap();
    for (query, value) in [("host_load{instance=\"web-a\",job=\"agent\"}", "3"), ("work_done{instance=\"web-a\"}", "7")]
    {
        let url = format!("http://{address}/api/v1/query");
        let answer = async || {
            let answer: Value = http.get(&url).query(&[("query", query)]).send().await.ok()?.json().await.ok()?;
            answer.pointer("/data/result/0/value/1").cloned()
        };
        assert_eq!(wait::until(query, SOON, answer).await.unwrap(), value);
    }
}

/// One listener with one route to one backend.
fn static_bootstrap(listener: u16, admin: u16, backend: u16, route: &str) -> Value {
    let socket = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let routes = json!([{"match": {"prefix": route}, "route": {"cluster": "backend"}}]);
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    });
    let endpoints = json!([{"lb_endpoints": [{"endpoint": {"address": socket(backend)}}]}]);
    json!({
        "admin": {"address": socket(admin)},
        "static_resources": {
            "listeners": [{"name": "test", "address": socket(listener), "filter_chains": [{"filters": [{
                "name": "http", "typed_config": manager}]}]}],
            "clusters": [{"name": "backend", "type": "STATIC", "load_assignment": {
                "cluster_name": "backend", "endpoints": endpoints}}],
        },
    })
}

async fn start_envoy(folder: &Path, backend: u16, route: &str) -> (Child, SocketAddr) {
    let (listener, admin) = (ports::free().unwrap(), ports::free().unwrap());
    let bootstrap = folder.join("envoy.json");
    std::fs::write(&bootstrap, static_bootstrap(listener, admin, backend, route).to_string()).unwrap();
    let ready = format!("http://127.0.0.1:{admin}/ready");
    let envoy = start("envoy", envoy_command(&tools::envoy().unwrap(), &bootstrap), folder, &ready).await;
    (envoy, (Ipv4Addr::LOCALHOST, listener).into())
}

async fn sent(load: &Load, count: u64) {
    wait::until("requests", SOON, async || (load.progress().requests >= count).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn load_passes_envoy_and_fails_without_it() {
    let folder = tempfile::tempdir().unwrap();
    // The backend knows no session: its own "not found" is no failure.
    let unknown = async || (StatusCode::NOT_FOUND, "no such session");
    let (backend, _server) = serve(Router::new().fallback(unknown)).await;
    let (envoy, listener) = start_envoy(folder.path(), backend.port(), "/").await;
    let load = Load::start(&LoadConfig::to(listener)).unwrap();
    sent(&load, 250).await;
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{:?}", report.failures);

    let load = Load::start(&LoadConfig::to(listener)).unwrap();
    sent(&load, 50).await;
    drop(envoy);
    sent(&load, 100).await;
    let report = load.finish().await;
    assert!(report.failed > 0 && report.failures.contains_key(&Failure::Connect), "{:?}", report.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoy_answers_by_itself_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, _server) = serve(Router::new()).await;
    let (_envoy, listener) = start_envoy(folder.path(), backend.port(), "/elsewhere").await;
    let load = Load::start(&LoadConfig::to(listener)).unwrap();
    sent(&load, 50).await;
    let report = load.finish().await;
    assert_eq!(report.failures.get(&Failure::NotRouted), Some(&report.requests), "{:?}", report.failures);
}
