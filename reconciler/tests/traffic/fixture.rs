//! The real parts that the traffic tests run against: an Envoy process, HTTP services and a client.
//! All are stopped when their value is dropped, also when a test fails.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::routing::any;
use shadow_core::model::split::{Backend, BackendState, HealthCheckSpec, SocketSpec, SplitSpec, SplitStatus};
use shadow_reconciler::http::Token;
use shadow_reconciler::traffic::{ControlPlane, bootstrap};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Starting an Envoy takes under a second; a loaded machine gets plenty.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `observe` gives a value for which `holds` is true, and returns it.
pub(crate) async fn eventually<T, F>(what: &str, mut observe: impl FnMut() -> F, holds: impl Fn(&T) -> bool) -> T
where
    T: std::fmt::Debug,
    F: Future<Output = T>,
{
    let start = Instant::now();
    loop {
        let seen = observe().await;
        if holds(&seen) {
            return seen;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A control plane that is being served; dropping it is a crash.
pub(crate) struct Served {
    pub(crate) plane: ControlPlane,
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Served {
    pub(crate) async fn start(splits: Vec<SplitSpec>) -> Self {
        Self::start_on("127.0.0.1:0".parse().expect("an address"), splits).await
    }

    /// One that wants a token.
    pub(crate) async fn start_guarded(token: &Token, splits: Vec<SplitSpec>) -> Self {
        Self::start_as("127.0.0.1:0".parse().expect("an address"), Some(token.clone()), splits).await
    }

    pub(crate) async fn start_on(address: SocketAddr, splits: Vec<SplitSpec>) -> Self {
        Self::start_as(address, None, splits).await
    }

    async fn start_as(address: SocketAddr, token: Option<Token>, splits: Vec<SplitSpec>) -> Self {
        let plane = ControlPlane::new(splits).expect("valid splits");
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("its address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = plane.clone();
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            serving.serve(listener, token, stopped).await.expect("served");
        });
        Self { plane, address, task, stop }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).ok();
        self.task.await.expect("stopped without a panic");
    }

    /// Waits until every Envoy runs `split`, and returns the status and how long it took.
    pub(crate) async fn in_sync(&self, split: &SplitSpec) -> (SplitStatus, Duration) {
        let start = Instant::now();
        let status = eventually("the split to be in sync", || self.plane.status(split), |status| status.in_sync).await;
        (status, start.elapsed())
    }
}

/// A running Envoy.
pub(crate) struct Envoy {
    pub(crate) admin: SocketAddr,
    process: Child,
    _home: TempDir,
}

impl Envoy {
    pub(crate) async fn start(proxy: &str, control_plane: SocketAddr) -> Self {
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let address = SocketSpec { address: control_plane.ip().to_string(), port: control_plane.port() };
        Self::start_with(&bootstrap(proxy, &address, admin, None), admin).await
    }

    pub(crate) async fn start_with(bootstrap: &str, admin: SocketAddr) -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let config = home.path().join("bootstrap.json");
        std::fs::write(&config, bootstrap).expect("written");
        let log = std::fs::File::create(home.path().join("envoy.log")).expect("created");
        let binary = std::env::var("ENVOY").unwrap_or_else(|_| "envoy".to_owned());
        let process = Command::new(&binary)
            .arg("-c")
            .arg(&config)
            .args(["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning", "--drain-time-s", "1"])
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {binary:?}: {error}; `make test` installs Envoy"));
        let envoy = Self { admin, process, _home: home };
        eventually("Envoy's admin interface", || envoy.get("/ready"), Option::is_some).await;
        envoy
    }

    /// The answer of the admin interface, if there is one.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        client().get(format!("http://{}{path}", self.admin)).send().await.ok()?.text().await.ok()
    }

    /// The value of one counter or gauge; 0 when Envoy does not have it.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
        let text = self.get(&format!("/stats?filter=^{name}$")).await.expect("the admin interface answers");
        text.trim().rsplit(": ").next().and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    pub(crate) async fn kill(mut self) {
        self.process.kill().await.expect("killed");
    }
}

/// An HTTP service that says which slot it is and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    task: Arc<Task>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Default)]
struct Seen {
    slot: String,
    requests: AtomicU64,
    writes: AtomicU64,
    copies: Mutex<Vec<(Method, HeaderMap)>>,
    hanging: AtomicU64,
    hanging_peak: AtomicU64,
}

/// A copy that waits for its answer; dropped when the sender gives it up.
struct Hanging(Arc<Seen>);

impl Hanging {
    fn start(seen: &Arc<Seen>) -> Self {
        let hanging = seen.hanging.fetch_add(1, Ordering::SeqCst) + 1;
        seen.hanging_peak.fetch_max(hanging, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.hanging.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    pub(crate) async fn start(slot: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(Seen { slot: slot.to_owned(), ..Seen::default() });
        let app = Router::new()
            .route("/healthz", any(|| async { "well" }))
            .route("/slow", any(slow))
            .fallback(answer)
            .with_state(Arc::clone(&seen));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { address, seen, task: Arc::new(Task(task)) }
    }

    pub(crate) fn backend(&self, weight: u32) -> Backend {
        Backend {
            address: self.address.ip().to_string(),
            port: self.address.port(),
            weight,
            state: BackendState::Active,
        }
    }

    /// Requests answered, copies not counted.
    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Of these, those that may have written.
    pub(crate) fn writes(&self) -> u64 {
        self.seen.writes.load(Ordering::SeqCst)
    }

    pub(crate) fn copies(&self) -> Vec<(Method, HeaderMap)> {
        self.seen.copies.lock().expect("not poisoned").clone()
    }

    /// Most copies of `/slow` that waited at the same time.
    pub(crate) fn copies_peak(&self) -> u64 {
        self.seen.hanging_peak.load(Ordering::SeqCst)
    }

    /// Stops accepting connections, as a process does that is stuck.
    pub(crate) fn kill(&self) {
        self.task.0.abort();
    }
}

async fn answer(State(seen): State<Arc<Seen>>, request: Request) -> String {
    if request.headers().contains_key("x-shadow-copy") {
        let copy = (request.method().clone(), request.headers().clone());
        seen.copies.lock().expect("not poisoned").push(copy);
    } else {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        seen.writes.fetch_add(u64::from(!request.method().is_safe()), Ordering::SeqCst);
    }
    seen.slot.clone()
}

/// An answer that takes a while; the copy of a request never gets one.
async fn slow(State(seen): State<Arc<Seen>>, request: Request) -> String {
    if request.headers().contains_key("x-shadow-copy") {
        let _hanging = Hanging::start(&seen);
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    answer(State(seen), request).await
}

/// A split named `name` on a free port of the proxy `edge`.
pub(crate) fn split(name: &str, backends: &[(&str, Backend)]) -> SplitSpec {
    SplitSpec {
        name: name.to_owned(),
        epoch: 1,
        proxy: "edge".to_owned(),
        listener: SocketSpec { address: "127.0.0.1".to_owned(), port: free_port() },
        backends: backends.iter().map(|(slot, backend)| ((*slot).to_owned(), backend.clone())).collect(),
        writer: None,
        mirror: None,
        affinity: None,
        health_check: Some(HealthCheckSpec {
            path: "/healthz".to_owned(),
            interval: "200ms".to_owned(),
            timeout: "200ms".to_owned(),
            unhealthy_threshold: 2,
            healthy_threshold: 1,
        }),
    }
}

/// The same split with other weights and the next epoch.
pub(crate) fn weighed(split: &SplitSpec, weights: &[(&str, u32)]) -> SplitSpec {
    let mut split = split.clone();
    split.epoch += 1;
    for (slot, weight) in weights {
        split.backends.get_mut(*slot).expect("a backend").weight = *weight;
    }
    split
}

pub(crate) fn url(split: &SplitSpec, path: &str) -> String {
    format!("http://{}:{}{path}", split.listener.address, split.listener.port)
}

/// A client that keeps its connections and has no proxy or retry of its own.
pub(crate) fn client() -> reqwest::Client {
    builder().build().expect("a client")
}

/// A client that opens a connection for every request.
fn client_without_keep_alive() -> reqwest::Client {
    builder().pool_max_idle_per_host(0).build().expect("a client")
}

fn builder() -> reqwest::ClientBuilder {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().retry(reqwest::retry::never()).timeout(DEADLINE)
}

/// The slot that answered, or what went wrong.
pub(crate) async fn ask(client: &reqwest::Client, method: Method, url: &str) -> Result<String, String> {
    let response = client.request(method, url).send().await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.text().await.map_err(|error| format!("{error:?}"))?;
    if status.is_success() { Ok(body) } else { Err(format!("{status}: {body}")) }
}

/// How many of `count` requests each slot answered.
pub(crate) async fn sample(split: &SplitSpec, count: usize) -> BTreeMap<String, u64> {
    let (client, url, mut answers) = (client(), url(split, "/"), BTreeMap::new());
    for _ in 0..count {
        let slot = ask(&client, Method::GET, &url).await.expect("an answer");
        *answers.entry(slot).or_default() += 1;
    }
    answers
}

/// Requests without a pause on kept and on new connections, until stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Sent>>,
}

/// What came of the load.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) answered: u64,
    pub(crate) failures: Vec<String>,
}

impl Load {
    pub(crate) fn start(split: &SplitSpec) -> Self {
        let (stop, url) = (Arc::new(AtomicBool::new(false)), url(split, "/"));
        let methods = [Method::GET, Method::POST, Method::GET, Method::POST];
        let senders = methods.into_iter().enumerate().map(|(n, method)| {
            let (stop, url) = (Arc::clone(&stop), url.clone());
            tokio::spawn(async move { send(method, &url, n < 2, &stop).await })
        });
        Self { senders: senders.collect(), stop }
    }

    pub(crate) async fn stop(self) -> Sent {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Sent::default();
        for sender in self.senders {
            let sent = sender.await.expect("no panic");
            all.answered += sent.answered;
            all.failures.extend(sent.failures);
        }
        all
    }
}

async fn send(method: Method, url: &str, keep_alive: bool, stop: &AtomicBool) -> Sent {
    let client = if keep_alive { client() } else { client_without_keep_alive() };
    let mut sent = Sent::default();
    while !stop.load(Ordering::SeqCst) {
        match ask(&client, method.clone(), url).await {
            Ok(_) => sent.answered += 1,
            Err(error) => sent.failures.push(error),
        }
    }
    sent
}
