//! A real reconciler, and in front of it a relay that counts what is asked.

use crate::terraform::BINARY;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Patience with the start of a reconciler.
const START: Duration = Duration::from_secs(30);

/// A reconciler in a folder of its own; it ends with this value.
pub(crate) struct Reconciler {
    child: Child,
    folder: TempDir,
    relay: Relay,
    /// Where the relay listens.
    pub(crate) url: String,
}

impl Reconciler {
    /// Starts it, and waits until it serves.
    pub(crate) fn start() -> Self {
        Self::with_token(None)
    }

    /// Starts it with a main token, which clients must show.
    pub(crate) fn with_token(token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (api, xds) = (free_address(), free_address());
        let child = serve(folder.path(), &api, &xds, token);
        let relay = Relay::start(format!("http://{api}"));
        let url = relay.url.clone();
        let mut started = Self { child, folder, relay, url };
        started.await_health();
        started.asked();
        started
    }

    /// Method and path of every request since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.relay.seen.asked.lock().unwrap())
    }

    /// The folder below which modules are allowed.
    pub(crate) fn modules(&self) -> String {
        self.folder.path().join("modules").display().to_string()
    }

    /// The block that makes the provider talk to it.
    pub(crate) fn provider(&self) -> String {
        format!("provider \"shadow\" {{\n  endpoint = \"{}\"\n}}\n", self.url)
    }

    /// The tokens that were shown with requests of that method and path, in order.
    pub(crate) fn shown(&self, request: &str) -> Vec<String> {
        let shown = self.relay.seen.shown.lock().unwrap();
        shown.iter().filter(|(of, _)| of == request).map(|(_, token)| token.clone()).collect()
    }

    /// What the reconciler answers to somebody with that token.
    pub(crate) fn status_for(&self, token: &str, path: &str) -> u16 {
        let request = self.relay.seen.http.get(format!("{}{path}", self.relay.seen.to)).bearer_auth(token);
        self.relay.runtime.block_on(request.send()).unwrap().status().as_u16()
    }

    /// Sends a request of somebody else's, past the relay's count.
    pub(crate) fn send(&self, method: &str, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let request = self.relay.seen.http.request(method.parse().unwrap(), format!("{}{path}", self.relay.seen.to));
        self.relay.runtime.block_on(async {
            let answer = request.json(body).send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap_or_default())
        })
    }

    fn await_health(&mut self) {
        let deadline = Instant::now() + START;
        let healthz = format!("{}/healthz", self.relay.seen.to);
        while self.relay.runtime.block_on(self.relay.seen.http.get(&healthz).send()).is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the reconciler has ended");
            assert!(Instant::now() < deadline, "the reconciler does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[expect(clippy::disallowed_methods, reason = "the reconciler is what the provider talks to")]
fn serve(folder: &Path, api: &str, xds: &str, token: Option<&str>) -> Child {
    let binary = Path::new(BINARY).with_file_name("shadow-reconciler");
    assert!(binary.exists(), "{} is missing: cargo build --workspace --bins", binary.display());
    for module in ["instance", "traffic"] {
        std::fs::create_dir_all(folder.join("modules").join(module)).unwrap();
    }
    Command::new(binary)
        .args(["serve", "--listen", api, "--xds-listen", xds, "--terraform", "/nowhere/terraform"])
        .args(["--prometheus", "http://127.0.0.1:1"])
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--allow-module")
        .arg(folder.join("modules"))
        .env_remove("SHADOW_TOKEN")
        .envs(token.map(|token| ("SHADOW_TOKEN", token)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Passes requests on, and notes them.
struct Relay {
    runtime: tokio::runtime::Runtime,
    seen: Arc<Seen>,
    url: String,
}

struct Seen {
    to: String,
    http: reqwest::Client,
    asked: Mutex<Vec<String>>,
    shown: Mutex<Vec<(String, String)>>,
}

impl Relay {
    fn start(to: String) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seen =
            Arc::new(Seen { to, http: reqwest::Client::new(), asked: Mutex::default(), shown: Mutex::default() });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&seen));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { runtime, seen, url }
    }
}

async fn pass_on(
    State(seen): State<Arc<Seen>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    seen.asked.lock().unwrap().push(format!("{method} {uri}"));
    if let Some(token) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let token = token.trim_start_matches("Bearer ").to_owned();
        seen.shown.lock().unwrap().push((format!("{method} {uri}"), token));
    }
    headers.remove(header::HOST);
    let request = seen.http.request(method, format!("{}{uri}", seen.to)).headers(headers).body(body);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING) {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
