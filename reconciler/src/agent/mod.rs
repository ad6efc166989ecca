//! The agent of a host: starts, supervises and stops service processes, runs one-off tasks and
//! tells what it sees. The processes outlive it. It knows nothing of forecasts and decides nothing.
//!
//! A request goes `api` → `supervisor` → `process` → `run`; `record` is what survives a kill.

mod api;
mod check;
mod context;
mod home;
mod identity;
mod launch;
mod log_file;
mod metrics;
mod ports;
mod probe;
mod process;
mod record;
mod refusal;
mod run;
mod supervisor;
mod targets;
mod task;
mod usage;

pub use api::openapi;
pub use launch::{LaunchArgs, launch};
pub use task::{TaskResult, TaskSpec};

use crate::data_lock;
use crate::http::{Service, Token, check_reach};
use anyhow::Context as _;
use api::Api;
use context::Context;
use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use supervisor::Supervisor;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Time for requests that are being answered when the agent is asked to end. What they asked for
/// is finished by the next agent.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

const API: Service = Service { flag: "--listen", power: "run commands", token_variable: "SHADOW_TOKEN" };

/// How an agent is to run. Not printable, for the sake of the token and the environment.
#[derive(Clone)]
pub struct AgentConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its data directory, made if it is not there.
    pub data: PathBuf,
    /// The secret that clients must show; needed where others than this host can reach `listen`.
    pub token: Option<String>,
    /// The program whose `launch` subcommand calls [`launch`].
    pub launcher: PathBuf,
    /// Variables that processes may inherit.
    pub environment: BTreeMap<String, String>,
}

impl AgentConfig {
    /// An agent whose launcher is the running program and whose environment is its own.
    ///
    /// # Errors
    /// The path of the running program is unknown.
    pub fn new(listen: SocketAddr, data: PathBuf, token: Option<String>) -> anyhow::Result<Self> {
        let launcher = std::env::current_exe().context("the path of the running program is unknown")?;
        let texts = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Ok(Self { listen, data, token, launcher, environment: texts.collect() })
    }
}

/// Serves until `shutdown` completes. Processes go on running.
///
/// # Errors
/// As of [`Agent::start`], or the listener fails.
pub async fn run(config: AgentConfig, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let agent = Agent::start(config).await?;
    tracing::info!(address = %agent.address(), "the agent serves");
    agent.serve(shutdown).await
}

/// An agent that listens and has taken up what a former one left.
#[derive(Debug)]
pub struct Agent {
    api: Api,
    listener: TcpListener,
    address: SocketAddr,
    _lock: File,
}

impl Agent {
    /// Locks the data directory, listens, and adopts the processes of a former agent.
    ///
    /// # Errors
    /// The address may be reached by others and there is no token; the data directory cannot be
    /// written or belongs to a running agent; the port is in use.
    pub async fn start(config: AgentConfig) -> anyhow::Result<Self> {
        let token = config.token.as_deref().and_then(Token::new);
        check_reach(config.listen, token.as_ref(), API)?;
        let data = prepare(&config.data)?;
        let lock = data_lock::lock(&data, "agent")?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!("cannot listen on {}: choose another --listen, or end the program that has it", config.listen)
        })?;
        let address = listener.local_addr().context("the address of the listener is unknown")?;
        let supervisor = Supervisor::resume(Context::new(data, config.launcher, config.environment))?;
        let api = Api { supervisor: Arc::new(supervisor), tasks: Arc::default(), token };
        Ok(Self { api, listener, address, _lock: lock })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` completes.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let asked = Arc::new(Notify::new());
        let ask = Arc::clone(&asked);
        let shutdown = async move {
            shutdown.await;
            ask.notify_one();
        };
        let serving = axum::serve(self.listener, self.api.router()).with_graceful_shutdown(shutdown);
        let overdue = async {
            asked.notified().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        tokio::select! {
            served = serving.into_future() => served.context("the agent cannot serve"),
            () = overdue => Ok(()),
        }
    }
}

fn prepare(data: &Path) -> anyhow::Result<PathBuf> {
    let remedy = || format!("cannot write in --data {}: choose another folder, or grant access", data.display());
    std::fs::create_dir_all(data.join("processes")).with_context(remedy)?;
    tempfile::tempfile_in(data.join("processes")).with_context(remedy)?;
    data.canonicalize().with_context(remedy)
}
