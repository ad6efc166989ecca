//! How each part of a world is started. The reconciler and the agent get no setting that a user could not give.

use super::World;
use crate::child::{Child, Outlets, command};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The `node.cluster` of the world's Envoy.
pub const PROXY: &str = "demo";

/// What programs may find by name: the shell and its tools. Everything else is given by its full path.
pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Printing a bootstrap takes milliseconds.
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(10);

/// A part that runs as one process of the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Starts and watches the service's processes.
    Agent,
    /// Collects what the agent and the service report.
    Prometheus,
    /// The product.
    Reconciler,
    /// The data plane.
    Envoy,
}

impl Part {
    /// Every part, in the order in which they are started.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Prometheus, Self::Reconciler, Self::Envoy];

    /// Name of the part's log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Prometheus => "prometheus",
            Self::Reconciler => "reconciler",
            Self::Envoy => "envoy",
        }
    }

    pub(super) fn ready_path(self) -> &'static str {
        match self {
            Self::Agent | Self::Reconciler => "/healthz",
            Self::Prometheus => "/-/ready",
            Self::Envoy => "/server_info",
        }
    }
}

impl World {
    /// Starts a part's process without waiting for it to be ready.
    pub(super) async fn spawn(&self, part: Part) -> Result<Child> {
        let mut command = match part {
            Part::Agent => self.agent_command(),
            Part::Prometheus => self.prometheus_command()?,
            Part::Reconciler => self.reconciler_command(),
            Part::Envoy => envoy_command(&self.tools.envoy, &self.write_envoy_bootstrap().await?),
        };
        // The folder shows in /proc, which is how the sweep tells this world's processes from others'.
        command.current_dir(self.folder()).env("PATH", PATH).env("HOME", self.folder());
        Child::start(part.name(), &mut command, &Outlets::merged(&self.log(part)))
    }

    fn agent_command(&self) -> Command {
        let mut agent = command(&self.tools.reconciler);
        agent.args(["agent", "--listen", &self.address(Part::Agent), "--data"]).arg(self.folder().join("agent"));
        agent.env("SHADOW_TOKEN", &self.token);
        agent
    }

    fn reconciler_command(&self) -> Command {
        let mut reconciler = command(&self.tools.reconciler);
        let address = |part| format!("http://{}", self.address(part));
        reconciler.args(["serve", "--listen", &self.address(Part::Reconciler), "--xds-listen", &self.xds_address()]);
        reconciler.arg("--data").arg(self.folder().join("reconciler"));
        reconciler.args(["--prometheus", &address(Part::Prometheus), "--agent", &address(Part::Agent)]);
        reconciler.arg("--allow-module").arg(self.layout.modules());
        reconciler.arg("--terraform").arg(&self.tools.terraform);
        reconciler.env("SHADOW_TOKEN", &self.token).env("TF_CLI_CONFIG_FILE", &self.layout.cli_config);
        reconciler
    }

    fn prometheus_command(&self) -> Result<Command> {
        let config = self.folder().join("prometheus.yml");
        std::fs::write(&config, prometheus_config(&self.address(Part::Agent)))?;
        let data = self.folder().join("prometheus");
        Ok(prometheus_command(&self.tools.prometheus, &self.address(Part::Prometheus), &config, &data))
    }

    async fn write_envoy_bootstrap(&self) -> Result<PathBuf> {
        let path = self.folder().join("envoy.json");
        let outlets = Outlets { stdout: path.clone(), stderr: self.log(Part::Envoy) };
        let (xds, admin) = (self.xds_address(), self.address(Part::Envoy));
        let mut print = command(&self.tools.reconciler);
        print.args(["envoy-bootstrap", "--proxy", PROXY, "--xds", &xds, "--admin", &admin]);
        // Outlets are appended to, as logs are.
        std::fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        let status = Child::start("envoy-bootstrap", &mut print, &outlets)?.ended(BOOTSTRAP_TIMEOUT).await?;
        ensure!(status.success(), "envoy-bootstrap ended with {status}: see {}", outlets.stderr.display());
        Ok(path)
    }

    fn xds_address(&self) -> String {
        format!("127.0.0.1:{}", self.xds_port)
    }
}

/// Scrapes the agent, and each process that the agent says runs.
fn prometheus_config(agent: &str) -> String {
    format!(
        r#"global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: agent
    honor_labels: true
    static_configs:
      - targets: ["{agent}"]
  - job_name: processes
    honor_labels: true
    http_sd_configs:
      - url: http://{agent}/v1/prometheus-targets
        refresh_interval: 1s
"#
    )
}

/// A Prometheus for minutes, with its files in `data`.
pub(crate) fn prometheus_command(program: &Path, address: &str, config: &Path, data: &Path) -> Command {
    let mut prometheus = command(program);
    prometheus.arg(format!("--config.file={}", config.display()));
    prometheus.arg(format!("--storage.tsdb.path={}", data.display()));
    prometheus.arg(format!("--web.listen-address={address}"));
    // A world lives for minutes; two hours is the least that one block holds.
    prometheus.args(["--storage.tsdb.retention.time=2h", "--log.level=warn"]);
    prometheus
}

fn envoy_command(program: &Path, bootstrap: &Path) -> Command {
    let mut envoy = command(program);
    envoy.arg("--config-path").arg(bootstrap);
    // One worker is plenty for hundreds of requests per second. Without hot restart, which nobody needs here, several
    // Envoys run side by side and none leaves shared memory behind when it is killed.
    envoy.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]);
    envoy
}

#[cfg(test)]
mod tests;
