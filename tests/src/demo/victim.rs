//! The process of the primary before the fault: what the fault befalls, watched from outside. It is never asked how it
//! is through the product.

use crate::agent::Agent;
use crate::client::EndpointStatus;
use crate::http;
use anyhow::{Context, Result, ensure};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};

/// A process of the service.
pub(super) struct Victim {
    process: Process,
    endpoint: EndpointStatus,
}

impl Victim {
    /// The process that serves at `endpoint`.
    pub(super) async fn at(endpoint: &EndpointStatus, agent: &Agent) -> Result<Self> {
        let processes = agent.processes().await?;
        let serving = processes.iter().find(|process| process.port == endpoint.port && process.pid.is_some());
        let pid = serving.and_then(|process| process.pid).context("the agent knows no process of the primary")?;
        let process = Process::new(i32::try_from(pid)?).context("looking at the primary's process")?;
        Ok(Self { process, endpoint: endpoint.clone() })
    }

    /// Makes the service leak, through its own operator endpoint.
    pub(super) async fn leak(&self, mib_per_second: u32) -> Result<()> {
        let EndpointStatus { address, port } = &self.endpoint;
        let url = format!("http://{address}:{port}/fault/leak?mib_per_second={mib_per_second}");
        let answer = http::client()?.put(url).send().await.context("asking the primary to leak")?;
        ensure!(answer.status().is_success(), "asking the primary to leak: it answered {}", answer.status());
        Ok(())
    }

    /// Kills the process.
    pub(super) fn kill(&self) -> Result<()> {
        let pid = Pid::from_raw(self.process.pid()).context("the primary has no process id")?;
        kill_process(pid, Signal::KILL).context("killing the primary")
    }

    /// Whether it runs.
    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Memory in use, in MiB; absent once it is gone.
    pub(super) fn memory_mib(&self) -> Option<u64> {
        let kib = self.process.status().ok()?.vmrss?;
        Some(kib / 1024)
    }
}
