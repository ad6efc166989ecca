//! A reconciler with declared groups, and a Prometheus that knows their series, in a temporary folder. Dropping it
//! ends them.

use super::exporter::Exporter;
use super::measure::Counters;
use super::scenario::{POLICY, Scenario, group, group_name};
use crate::child::{Child, Outlets, command};
use crate::tools::{self, Tools};
use crate::world::prometheus_command;
use crate::{http, ports, wait};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Each part is up within a second; a machine that builds at the same time may need many.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The reconciler waits for a cycle, Prometheus writes what it has in memory.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// Running parts.
pub(super) struct Fleet {
    pub(super) reconciler: Child,
    pub(super) prometheus: Child,
    /// How many groups had a score before the measurement began.
    pub(super) groups: u32,
    http: reqwest::Client,
    api: String,
    _exporter: Exporter,
    _folder: TempDir,
}

impl Fleet {
    /// Starts the parts, declares the groups and waits until each has a score or time is up.
    pub(super) async fn start(scenario: &Scenario, groups: u32) -> Result<Self> {
        let tools = Tools::find()?;
        let folder = tempfile::Builder::new().prefix("shadow-bench-").tempdir()?;
        let http = http::client()?;
        let exporter = Exporter::start(groups).await?;
        let (source, api) = (loopback()?, loopback()?);
        let prometheus = start_prometheus(&tools, folder.path(), &source, &exporter.address, &http).await?;
        let reconciler = start_reconciler(&tools, folder.path(), &api, &source, &http).await?;
        let api = format!("http://{api}");
        let fleet = Self { reconciler, prometheus, groups, http, api, _exporter: exporter, _folder: folder };
        fleet.declare(scenario).await?;
        let scored = async || fleet.counters().await.ok().filter(|seen| seen.scored_groups >= u64::from(groups));
        // Too slow to warm up in time is a finding and no error: the table shows how many have a score.
        wait::until("a score of every group", scenario.warm_up_max, scored).await.ok();
        Ok(fleet)
    }

    /// What the reconciler counts of itself.
    pub(super) async fn counters(&self) -> Result<Counters> {
        let url = format!("{}/metrics", self.api);
        Ok(Counters::read(&self.http.get(url).send().await?.error_for_status()?.text().await?))
    }

    /// Asks both parts to end.
    pub(super) async fn stop(self) -> Result<()> {
        self.reconciler.stop(STOP_GRACE).await?;
        self.prometheus.stop(STOP_GRACE).await
    }

    async fn declare(&self, scenario: &Scenario) -> Result<()> {
        self.put(&format!("/v1/policies/{POLICY}"), &scenario.policy).await?;
        let modules = tools::repository().join("modules").display().to_string();
        for number in 0..self.groups {
            self.put(&format!("/v1/groups/{}", group_name(number)), &group(number, &modules)).await?;
        }
        Ok(())
    }

    async fn put(&self, path: &str, document: &Value) -> Result<()> {
        let answer = self.http.put(format!("{}{path}", self.api)).json(document).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "PUT {path} answered {status}: {}", answer.text().await.unwrap_or_default());
        Ok(())
    }
}

fn loopback() -> Result<String> {
    Ok(format!("127.0.0.1:{}", ports::free()?))
}

async fn start_prometheus(
    tools: &Tools,
    folder: &Path,
    address: &str,
    target: &str,
    http: &reqwest::Client,
) -> Result<Child> {
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, prometheus_config(target))?;
    let mut command = prometheus_command(&tools.prometheus, address, &config, &folder.join("prometheus"));
    let mut child = Child::start("prometheus", &mut command, &Outlets::merged(&folder.join("prometheus.log")))?;
    let url = format!("http://{address}/-/ready");
    child.ready(START_TIMEOUT, async || http.get(&url).send().await.is_ok_and(|a| a.status().is_success())).await?;
    Ok(child)
}

fn prometheus_config(target: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: bench, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
    )
}

async fn start_reconciler(
    tools: &Tools,
    folder: &Path,
    address: &str,
    prometheus: &str,
    http: &reqwest::Client,
) -> Result<Child> {
    let mut command = command(&tools.reconciler);
    command.args(["serve", "--listen", address, "--xds-listen", &loopback()?]);
    command.arg("--data").arg(folder.join("reconciler")).arg("--prometheus").arg(format!("http://{prometheus}"));
    command.arg("--allow-module").arg(tools::repository().join("modules"));
    command.arg("--terraform").arg(&tools.terraform);
    let mut child = Child::start("reconciler", &mut command, &Outlets::merged(&folder.join("reconciler.log")))?;
    let url = format!("http://{address}/healthz");
    child.ready(START_TIMEOUT, async || http.get(&url).send().await.is_ok_and(|a| a.status().is_success())).await?;
    Ok(child)
}
