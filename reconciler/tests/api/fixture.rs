//! A reconciler that serves its API in a folder of its own. No cycle runs unless a test runs one, so
//! that tests see what the API did and nothing else.

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shadow_core::model::SlotId;
use shadow_core::model::slot::{Role, Slot};
use shadow_core::state::GroupState;
use shadow_reconciler::api::router;
use shadow_reconciler::app::{App, ServeConfig};
use shadow_reconciler::http::Token;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A settled configuration in a folder: modules are allowed below it, and nothing else is there.
pub(crate) fn config(folder: &Path, token: &str) -> ServeConfig {
    for module in ["instance", "traffic"] {
        std::fs::create_dir_all(folder.join("modules").join(module)).unwrap();
    }
    ServeConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        xds_listen: "127.0.0.1:0".parse().unwrap(),
        data: folder.join("data"),
        // Port 1 is reserved, so that nothing answers there.
        prometheus: "http://127.0.0.1:1".to_owned(),
        agent: None,
        terraform: folder.join("no-terraform"),
        allowed_modules: vec![folder.join("modules").display().to_string()],
        token: Token::new(token),
        xds_token: None,
        terraform_runs_max: 1,
    }
}

/// Why a reconciler does not start.
pub(crate) fn refusal(config: ServeConfig) -> String {
    let (_stop, stopping) = watch::channel(false);
    let error = App::open(config, stopping).err().expect("it must not start");
    format!("{error:#}")
}

/// A reconciler that serves; it ends with this value.
pub(crate) struct Served {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    http: reqwest::Client,
    folder: TempDir,
    serving: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    pub(crate) async fn start_with(token: &str) -> Self {
        Self::start_as(|folder| config(folder, token)).await
    }

    /// With the metrics of a Prometheus.
    pub(crate) async fn start_on(prometheus: &str) -> Self {
        Self::start_as(|folder| ServeConfig { prometheus: prometheus.to_owned(), ..config(folder, "") }).await
    }

    async fn start_as(config: impl FnOnce(&Path) -> ServeConfig) -> Self {
        // Only the first call in a process takes effect.
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = TempDir::new().unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = Arc::new(App::open(config(folder.path()), stopping).unwrap());
        let listener = TcpListener::bind(app.config.listen).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = router(Arc::clone(&app));
        let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { app, url, http: reqwest::Client::new(), folder, serving, _stop: stop }
    }

    /// With a policy and a group that uses it.
    pub(crate) async fn with_group() -> Self {
        let served = Self::start().await;
        assert_eq!(served.put("/v1/policies/default", &policy()).await.0, StatusCode::CREATED);
        assert_eq!(served.put("/v1/groups/checkout", &served.group()).await.0, StatusCode::CREATED);
        served
    }

    /// A folder for the files of a test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::PUT, path).json(body)).await
    }

    /// As Terraform creates: what exists is never changed.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::PUT, path).header("If-None-Match", "*").json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path)).await
    }

    /// A group whose modules are allowed.
    pub(crate) fn group(&self) -> Value {
        let module = |name: &str| json!({"source": self.folder.path().join("modules").join(name)});
        json!({
            "name": "checkout", "policy": "default",
            "primary": {"instance_id": "i-1", "address": "127.0.0.1", "port": 1},
            "signals": {"latency": {"query": "probe_seconds{instance=\"$instance\"}", "limit": 0.5, "unit": "seconds"}},
            "instance": module("instance"), "traffic": module("traffic"),
        })
    }

    /// Remembers a state of the group as a cycle does.
    pub(crate) fn remember(&self, change: impl FnOnce(&mut GroupState)) {
        let mut state = GroupState::new(slot("a"), in_role(Role::Primary), now());
        change(&mut state);
        self.app.store.save_state("checkout", &state, now(), &[], 0).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sends a request; a body that is not JSON is given as text.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn policy() -> Value {
    json!({"name": "default"})
}

pub(crate) fn slot(id: &str) -> SlotId {
    SlotId::new(id).unwrap()
}

pub(crate) fn in_role(role: Role) -> Slot {
    Slot { role, epoch: 1, since: now(), made: None, instance: None }
}

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// The attribute paths of the problems in an answer.
pub(crate) fn paths(body: &Value) -> Vec<&str> {
    let problems = body["problems"].as_array().unwrap_or_else(|| panic!("no problems in {body}"));
    for problem in problems {
        assert!(!problem["summary"].as_str().unwrap().is_empty(), "{body}");
        assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{body}");
    }
    problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect()
}

/// The sentence of an error answer, which has nothing but what all error answers have.
pub(crate) fn error(body: &Value) -> &str {
    let members = body.as_object().unwrap_or_else(|| panic!("not the JSON of an error: {body}"));
    assert_eq!(members.keys().collect::<Vec<_>>(), ["error", "problems"], "{body}");
    body["error"].as_str().unwrap()
}
