//! Tests of the load against a real server on a runtime of its own, so that it can die in mid-request.

use super::*;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

/// A server whose connections, too, end when its runtime does.
struct Server {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl Server {
    fn start(app: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self { runtime: Some(runtime), address }
    }

    fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A runtime must not be dropped within another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn sessions() -> Router {
    Router::new().route("/sessions/{id}", get(async || "{}").put(async || StatusCode::NO_CONTENT))
}

async fn sent(load: &Load, count: u64) {
    let within = Duration::from_secs(20);
    crate::wait::until("requests", within, async || (load.progress().requests >= count).then_some(())).await.unwrap();
}

/// Measured where the requests arrive. Six seconds, so that a late first or last one is far below the tolerance.
#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept_and_nothing_fails() {
    let arrivals: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = Arc::clone(&arrivals);
    let handler = async move || seen.lock().await.push(Instant::now());
    let server = Server::start(Router::new().route("/sessions/{id}", get(handler.clone()).put(handler)));
    let load = Load::start(&LoadConfig::to(server.address)).unwrap();
    sent(&load, 1500).await;
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    assert!(report.latency_ms(99, &(report.began_at..report.ended_at)).is_some());
    let arrivals = arrivals.lock().await;
    assert_eq!(arrivals.len() as u64, report.requests);
    let span = *arrivals.last().unwrap() - *arrivals.first().unwrap();
    let rate = (arrivals.len() - 1) as f64 / span.as_secs_f64();
    assert!((rate / 250.0 - 1.0).abs() < 0.02, "{rate} requests per second");
}

/// At a low rate, so that a request on a kept connection is answered before the next one is due there, however busy
/// the machine is; else a client rightly opens another connection.
#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_requests_make_a_connection() {
    let connections: Arc<Mutex<BTreeMap<SocketAddr, u32>>> = Arc::default();
    let seen = Arc::clone(&connections);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = async move |axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<SocketAddr>| {
        *seen.lock().await.entry(peer).or_default() += 1;
    };
    let app = Router::new().route("/sessions/{id}", get(handler.clone()).put(handler));
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let server = tokio::spawn(server.into_future());
    let load = Load::start(&LoadConfig { rate: 50, ..LoadConfig::to(address) }).unwrap();
    sent(&load, 200).await;
    let report = load.finish().await;
    server.abort();
    let connections = connections.lock().await;
    let once = connections.values().filter(|requests| **requests == 1).count() as f64;
    assert!((once / report.requests as f64 - 0.5).abs() < 0.05, "{once} of {}", report.requests);
    let kept = connections.values().filter(|requests| **requests > 1).count();
    assert!((8..=32).contains(&kept), "{kept} kept connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_shows_as_failures() {
    let mut server = Server::start(sessions());
    let load = Load::start(&LoadConfig::to(server.address)).unwrap();
    sent(&load, 100).await;
    assert_eq!(load.progress().failed, 0);
    server.kill();
    let killed_at = jiff::Timestamp::now();
    sent(&load, 400).await;
    let report = load.finish().await;
    assert!(report.failed >= 200, "{} failures", report.failed);
    assert!(report.failures.contains_key(&Failure::Connect), "{:?}", report.failures);
    let (first, _) = report.failed_at.unwrap();
    // What was in flight at the kill was due at most its latency before.
    assert!(first.duration_since(killed_at).as_secs_f64() > -1.0, "first failure {first}, killed {killed_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_are_failures_and_missing_sessions_are_not() {
    for (status, expected) in [(StatusCode::SERVICE_UNAVAILABLE, true), (StatusCode::NOT_FOUND, false)] {
        let server = Server::start(Router::new().fallback(async move || (status, "no such session")));
        let load = Load::start(&LoadConfig::to(server.address)).unwrap();
        sent(&load, 20).await;
        let report = load.finish().await;
        assert_eq!(report.failed == report.requests, expected, "{status}: {:?}", report.failures);
        assert_eq!(report.failures.contains_key(&Failure::ServerError), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_shows_as_timeouts() {
    // The kernel completes connections that nobody accepts.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = listener.local_addr().unwrap();
    let config = LoadConfig { rate: 20, timeout: Duration::from_millis(200), ..LoadConfig::to(target) };
    let load = Load::start(&config).unwrap();
    sent(&load, 10).await;
    let report = load.finish().await;
    assert_eq!(report.failures.get(&Failure::Timeout), Some(&report.requests));
}

/// During a stall of half a second the requests that were due in it waited for its end: on average half of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_charged_to_the_requests_due_in_it() {
    let stall = Arc::new(Mutex::new(()));
    let gate = Arc::clone(&stall);
    let handler = async move || drop(gate.lock().await);
    let server = Server::start(Router::new().route("/sessions/{id}", get(handler.clone()).put(handler)));
    let load = Load::start(&LoadConfig::to(server.address)).unwrap();
    sent(&load, 100).await;
    let stalled = stall.lock().await;
    let stalled_at = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(stalled);
    sent(&load, 300).await;
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    let median = report.latency_ms(50, &(stalled_at..stalled_at + Duration::from_millis(500))).unwrap();
    assert!((150.0..600.0).contains(&median), "median of {median} ms");
}

#[tokio::test]
async fn other_machines_are_refused() {
    let error = Load::start(&LoadConfig::to("192.0.2.1:80".parse().unwrap())).err().unwrap();
    assert!(error.is::<NotLoopback>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_ends_by_itself() {
    let server = Server::start(sessions());
    let config = LoadConfig { duration_max: Duration::from_millis(200), ..LoadConfig::to(server.address) };
    let load = Load::start(&config).unwrap();
    let within = Duration::from_secs(5);
    crate::wait::until("the end", within, async || load.sender.is_finished().then_some(())).await.unwrap();
    let report = load.finish().await;
    assert_eq!(report.requests, 51);
}
