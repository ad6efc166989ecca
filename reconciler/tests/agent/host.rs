//! A host for one test: a data directory, an agent and a client. Whatever was started is ended when
//! it goes out of scope, also if the test fails.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shadow_core::model::process::ProcessStatus;
use shadow_reconciler::agent::{Agent, AgentConfig};
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The program under test; it also launches processes and serves as an HTTP service to be probed.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_shadow-reconciler");

/// Patience with anything that must come true; generous, because test machines are busy.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Host {
    pub(crate) data: PathBuf,
    pub(crate) client: reqwest::Client,
    address: SocketAddr,
    agent: Running,
    _folder: tempfile::TempDir,
}

enum Running {
    Library,
    Program(Child),
    Nothing,
}

impl Host {
    /// An agent in this process.
    pub(crate) async fn new() -> Self {
        let mut host = Self::without_agent();
        host.start_library_with(host.config()).await;
        host
    }

    /// An agent as a process of its own, which can be killed.
    pub(crate) async fn with_program() -> Self {
        let mut host = Self::without_agent();
        host.start_program().await;
        host
    }

    /// A host on which no agent runs yet.
    pub(crate) fn without_agent() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        Self {
            data: folder.path().canonicalize().unwrap().join("data"),
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
            address: loopback(0),
            agent: Running::Nothing,
            _folder: folder,
        }
    }

    pub(crate) fn config(&self) -> AgentConfig {
        let config = AgentConfig::new(loopback(0), self.data.clone(), None).unwrap();
        AgentConfig { launcher: PROGRAM.into(), ..config }
    }

    pub(crate) async fn start_library_with(&mut self, config: AgentConfig) {
        let agent = Agent::start(config).await.unwrap();
        self.address = agent.address();
        tokio::spawn(agent.serve(std::future::pending()));
        self.agent = Running::Library;
    }

    pub(crate) async fn start_program(&mut self) {
        self.address = loopback(free_port());
        let mut command = Command::new(PROGRAM);
        command.args(["agent", "--listen", &self.address.to_string(), "--data"]).arg(&self.data);
        self.agent = Running::Program(command.stderr(Stdio::null()).spawn().unwrap());
        until(async || self.request(Method::GET, "/healthz").send().await.is_ok()).await;
    }

    /// Ends the agent as a crash would, and leaves its processes alone.
    pub(crate) fn kill_agent(&mut self) {
        if let Running::Program(mut child) = std::mem::replace(&mut self.agent, Running::Nothing) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Declares a process; the answer may be a refusal.
    pub(crate) async fn put(&self, spec: &Value) -> (StatusCode, Value) {
        let path = format!("/v1/processes/{}", spec["name"].as_str().unwrap());
        let response = self.request(Method::PUT, &path).json(spec).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Declares a process that must not exist with another declaration.
    pub(crate) async fn create(&self, spec: &Value) -> (StatusCode, Value) {
        let path = format!("/v1/processes/{}", spec["name"].as_str().unwrap());
        let request = self.request(Method::PUT, &path).header("if-none-match", "*").json(spec);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Declares a process, which must succeed.
    pub(crate) async fn run(&self, spec: &Value) -> ProcessStatus {
        let (status, body) = self.put(spec).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_value(body).unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> Option<ProcessStatus> {
        let response = self.request(Method::GET, &format!("/v1/processes/{name}")).send().await.unwrap();
        match response.status() {
            StatusCode::NOT_FOUND => None,
            status => {
                assert_eq!(status, StatusCode::OK);
                Some(response.json().await.unwrap())
            }
        }
    }

    pub(crate) async fn delete(&self, name: &str) -> StatusCode {
        self.request(Method::DELETE, &format!("/v1/processes/{name}")).send().await.unwrap().status()
    }

    /// Awaits a state of a process.
    pub(crate) async fn until_process(&self, name: &str, is: impl Fn(&ProcessStatus) -> bool) -> ProcessStatus {
        until(async || self.get(name).await.is_some_and(|status| is(&status))).await;
        self.get(name).await.unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        self.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap()
    }

    /// The series of a metric, with their labels.
    pub(crate) async fn series(&self, metric: &str) -> Vec<String> {
        let of_metric = |line: &&str| line.split(['{', ' ']).next() == Some(metric);
        self.metrics().await.lines().filter(of_metric).map(str::to_owned).collect()
    }

    pub(crate) fn folder_of(&self, name: &str) -> PathBuf {
        self.data.join("processes").join(name)
    }

    pub(crate) fn record_of(&self, name: &str) -> PathBuf {
        self.folder_of(name).join("record.json")
    }

    /// Live processes that belong to this host, by their marker.
    pub(crate) fn marked(&self) -> Vec<i32> {
        marked(&self.data)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Running::Program(child) = &mut self.agent {
            child.kill().ok();
            child.wait().ok();
        }
        for pid in self.marked() {
            kill(pid);
        }
    }
}

/// A process that runs until it is stopped.
pub(crate) fn sleeper(name: &str) -> Value {
    script(name, "exec sleep 1000")
}

/// A process that runs a shell script.
pub(crate) fn script(name: &str, script: &str) -> Value {
    json!({"name": name, "command": ["sh", "-c", script]})
}

/// A process that answers 200 at `/healthz`.
pub(crate) fn service(name: &str) -> Value {
    script(name, &format!("exec '{PROGRAM}' agent --listen $ADDRESS:$PORT --data work"))
}

/// The document with some of its attributes replaced.
pub(crate) fn with(mut spec: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are attributes") };
    spec.as_object_mut().unwrap().extend(changes);
    spec
}

pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("did not come true in time");
}

/// Whether a process runs; zombies do not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.state != 'Z')
}

pub(crate) fn pid_of(status: &ProcessStatus) -> i32 {
    i32::try_from(status.pid.expect("it runs")).unwrap()
}

pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
}

fn marked(data: &Path) -> Vec<i32> {
    let belongs = |process: &procfs::process::Process| {
        let environment = process.environ().unwrap_or_default();
        let marker = environment.get(OsStr::new("SHADOW_PROCESS")).cloned().unwrap_or_default();
        Path::new(&marker).starts_with(data) && is_alive(process.pid)
    };
    procfs::process::all_processes().unwrap().flatten().filter(belongs).map(|process| process.pid).collect()
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap().port()
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
