//! A real agent, whose processes end with it.

use crate::terraform::{BINARY, kill_and_wait};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Patience with the start of an agent.
const START: Duration = Duration::from_secs(30);

/// An agent in a folder of its own.
pub(crate) struct Agent {
    child: Child,
    folder: TempDir,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    url: String,
}

impl Agent {
    /// Starts it, and waits until it serves.
    pub(crate) fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = serve(folder.path(), &address);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(START).build().unwrap();
        let mut started = Self { child, folder, http, runtime, url: format!("http://{address}") };
        started.await_health();
        started
    }

    /// The block that makes the provider talk to it.
    pub(crate) fn provider(&self) -> String {
        format!("provider \"shadow\" {{\n  agent = \"{}\"\n}}\n", self.url)
    }

    /// What the agent says of a process.
    pub(crate) fn process(&self, name: &str) -> Value {
        self.get(&format!("/v1/processes/{name}")).unwrap_or_default()
    }

    /// The file by which it starts a process again.
    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/processes").join(name).join("record.json")
    }

    fn get(&self, path: &str) -> Option<Value> {
        let request = self.http.get(format!("{}{path}", self.url));
        self.runtime.block_on(async { request.send().await.ok()?.json().await.ok() })
    }

    fn await_health(&mut self) {
        let deadline = Instant::now() + START;
        while self.get("/v1/processes").is_none() {
            assert!(self.child.try_wait().unwrap().is_none(), "the agent has ended");
            assert!(Instant::now() < deadline, "the agent does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        for process in self.get("/v1/processes").unwrap_or(json!([])).as_array().into_iter().flatten() {
            let path = format!("{}/v1/processes/{}", self.url, process["spec"]["name"].as_str().unwrap_or_default());
            self.runtime.block_on(self.http.delete(path).send()).ok();
        }
        kill_and_wait(&mut self.child);
    }
}

#[expect(clippy::disallowed_methods, reason = "the agent is what the provider talks to")]
fn serve(folder: &Path, address: &str) -> Child {
    let binary = Path::new(BINARY).with_file_name("shadow-reconciler");
    assert!(binary.exists(), "{} is missing: cargo build --workspace --bins", binary.display());
    Command::new(binary)
        .args(["agent", "--listen", address, "--data"])
        .arg(folder.join("data"))
        .env_remove("SHADOW_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
