//! A world: one folder with everything that the product needs to run, and the parts running in it. It never leaves a
//! process behind, and touches nothing outside its folder.

mod layout;
mod part;

pub(crate) use layout::{COPY_DEPTH_MAX, copy_folder};
pub(crate) use part::prometheus_command;
pub use part::{PROXY, Part};

use crate::agent::Agent;
use crate::child::Child;
use crate::client::Reconciler;
use crate::orphans::{self, Orphans, TerraformProcess};
use crate::terraform::{Terraform, UserRoot};
use crate::tools::Tools;
use crate::{http, ports, wait};
use anyhow::{Context, Result};
use layout::Layout;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// Each part is up within a second; a machine that builds at the same time may need many.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest of the parts' own ends: Envoy and Prometheus write nothing that is needed again.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Held by tests while their world runs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Waits until no other test of this program has a world. Each takes the whole machine, and the times that tests bound
/// are those of one.
pub async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// A folder with running parts. Dropping it ends them.
pub struct World {
    layout: Layout,
    /// Present when the folder goes with the world.
    _temporary: Option<TempDir>,
    tools: Tools,
    /// The secret of this world's APIs.
    token: String,
    ports: BTreeMap<Part, u16>,
    xds_port: u16,
    listener_port: u16,
    children: BTreeMap<Part, Child>,
}

impl World {
    /// A world in a temporary folder.
    ///
    /// # Errors
    /// When a program is missing or the folder cannot be filled.
    pub fn temporary() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shadow-world-").tempdir()?;
        let path = folder.path().to_owned();
        Self::new(&path, Some(folder), Tools::find()?)
    }

    /// A world in `folder`, which is emptied first; what an earlier one left running there is ended.
    ///
    /// # Errors
    /// When a program is missing, or the folder holds something else, or cannot be filled.
    pub fn at(folder: &Path) -> Result<Self> {
        let tools = Tools::find()?;
        layout::clear(folder)?;
        Self::new(folder, None, tools)
    }

    fn new(folder: &Path, temporary: Option<TempDir>, tools: Tools) -> Result<Self> {
        let layout = Layout::create(folder, &tools.provider)?;
        let mut ports = BTreeMap::new();
        for part in Part::ALL {
            ports.insert(part, ports::free()?);
        }
        let (xds_port, listener_port) = (ports::free()?, ports::free()?);
        let token = layout::random_token()?;
        let children = BTreeMap::new();
        Ok(Self { layout, _temporary: temporary, tools, token, ports, xds_port, listener_port, children })
    }

    /// Starts every part, each once those that it needs are ready.
    ///
    /// # Errors
    /// When a part does not become ready; the message quotes its log.
    pub async fn start_all(&mut self) -> Result<()> {
        for part in Part::ALL {
            self.start(part).await?;
        }
        Ok(())
    }

    /// Starts a part, or starts it again, and waits until it answers.
    ///
    /// # Errors
    /// When it does not become ready; the message quotes its log.
    pub async fn start(&mut self, part: Part) -> Result<()> {
        let mut child = self.spawn(part).await?;
        let (http, url) = (http::client()?, format!("http://{}{}", self.address(part), part.ready_path()));
        // Any answer shows that the part listens; whether it is well is not asked here.
        child.ready(START_TIMEOUT, async || http.get(&url).send().await.is_ok()).await?;
        self.children.insert(part, child);
        Ok(())
    }

    /// Asks a part to end and waits until it has.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub async fn stop(&mut self, part: Part) -> Result<()> {
        match self.children.remove(&part) {
            Some(child) => child.stop(STOP_GRACE).await,
            None => Ok(()),
        }
    }

    /// Kills a part as `kill -9` does; what it started lives on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, part: Part) -> Result<()> {
        self.children.remove(&part).with_context(|| format!("{part:?} does not run"))?.kill_hard()
    }

    /// Kills a part with everything that it has started and that is still its descendant.
    ///
    /// # Errors
    /// When it does not run, or the processes cannot be listed.
    pub fn kill_tree(&mut self, part: Part) -> Result<()> {
        let child = self.children.remove(&part).with_context(|| format!("{part:?} does not run"))?;
        // Stopped first, so that it starts nothing between the look and the kill.
        child.signal(Signal::STOP)?;
        let descendants = orphans::descendants(child.id())?;
        child.kill_hard()?;
        orphans::kill_all(&descendants);
        Ok(())
    }

    /// Makes a part hang: its connections stay open and nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, part: Part) -> Result<()> {
        self.children.get(&part).with_context(|| format!("{part:?} does not run"))?.signal(Signal::STOP)
    }

    /// Lets a frozen part go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self, part: Part) -> Result<()> {
        self.children.get(&part).with_context(|| format!("{part:?} does not run"))?.signal(Signal::CONT)
    }

    /// The runs of Terraform in this world at this moment.
    ///
    /// # Errors
    /// When the processes cannot be listed.
    pub fn terraform_runs(&self) -> Result<Vec<TerraformProcess>> {
        orphans::terraform_runs(self.folder())
    }

    /// Asks every part to end, the last started first.
    ///
    /// # Errors
    /// When one cannot be signalled.
    pub async fn stop_all(&mut self) -> Result<()> {
        for part in Part::ALL.into_iter().rev() {
            self.stop(part).await?;
        }
        Ok(())
    }

    /// Where a part listens for HTTP.
    pub fn address(&self, part: Part) -> String {
        format!("127.0.0.1:{}", self.ports.get(&part).copied().unwrap_or_default())
    }

    /// Where users reach the service through Envoy, once a split declares it.
    pub fn listener(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.listener_port).into()
    }

    /// A client of the reconciler.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn reconciler(&self) -> Result<Reconciler> {
        Reconciler::new(&self.address(Part::Reconciler), &self.token)
    }

    /// A client of the agent.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn agent(&self) -> Result<Agent> {
        Agent::new(&self.address(Part::Agent), &self.token)
    }

    /// The programs in use.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The world's folder.
    pub fn folder(&self) -> &Path {
        &self.layout.folder
    }

    /// Terraform as users of this world run it.
    pub fn terraform(&self) -> Terraform {
        let variable = |name: &str, value: String| (name.to_owned(), value);
        Terraform {
            program: self.tools.terraform.clone(),
            environment: vec![
                variable("PATH", part::PATH.to_owned()),
                variable("HOME", self.layout.folder.display().to_string()),
                variable("TF_CLI_CONFIG_FILE", self.layout.cli_config.display().to_string()),
                variable("CHECKPOINT_DISABLE", "1".to_owned()),
                variable("SHADOW_ENDPOINT", format!("http://{}", self.address(Part::Reconciler))),
                variable("SHADOW_TOKEN", self.token.clone()),
                variable("SHADOW_AGENT", format!("http://{}", self.address(Part::Agent))),
            ],
            logs: self.layout.logs.clone(),
        }
    }

    /// A copy of one of the repository's examples, ready for `terraform init`, with `variables`.
    ///
    /// # Errors
    /// When there is no such example.
    pub fn example(&self, name: &str, variables: &Value) -> Result<UserRoot> {
        UserRoot::new(self.terraform(), &self.layout.copy_example(name)?, variables)
    }

    /// The variables that the examples take: where this world's parts are.
    pub fn example_variables(&self) -> Value {
        serde_json::json!({
            "service_command": [self.tools.service],
            "listener_port": self.listener_port,
            "proxy": PROXY,
        })
    }

    /// What runs in this world without being known to the agent or this harness, and locks that nobody holds.
    ///
    /// # Errors
    /// When the agent runs but does not answer, or the processes cannot be listed.
    pub async fn orphans(&self) -> Result<Orphans> {
        let mut known: BTreeSet<u32> = self.children.values().map(Child::id).collect();
        if self.children.contains_key(&Part::Agent) {
            known.extend(self.agent()?.processes().await?.iter().filter_map(|process| process.pid));
        }
        orphans::find(self.folder(), &known)
    }

    /// Waits until a request through Envoy is answered from behind it.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub async fn listener_ready(&self, within: Duration) -> Result<()> {
        let (http, url) = (http::client()?, format!("http://{}/healthz", self.listener()));
        let healthy = async || Some(http.get(&url).send().await.ok()?.status().is_success()).filter(|ok| *ok);
        wait::until("the service to answer through Envoy", within, healthy).await.map(drop)
    }

    fn log(&self, part: Part) -> PathBuf {
        self.layout.logs.join(format!("{}.log", part.name()))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The agent goes first, so that it does not start anew what the sweep ends.
        self.children.clear();
        orphans::end_all(&self.layout.folder);
    }
}
