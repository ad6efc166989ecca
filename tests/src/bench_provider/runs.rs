//! Terraform with one of the contestants: planned, applied, planned again. Each measurement has a root of its own, and a
//! reconciler of its own if it needs one.

use super::contestant::Contestant;
use super::counter::Counter;
use super::reconciler::Reconciler;
use crate::child::command;
use crate::mirror::Mirror;
use crate::terraform::Terraform;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The version in the wheel from which the null provider comes.
const NULL_VERSION: &str = "2.1.2";

/// The slowest run here takes half a minute on quiet cores.
const RUN_TIMEOUT: Duration = Duration::from_secs(240);

/// Terraform, and a mirror with both providers.
pub(super) struct Workshop {
    terraform: Terraform,
    folder: TempDir,
}

/// What the three runs took, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Times {
    pub(super) plan: f64,
    pub(super) apply: f64,
    pub(super) plan_again: f64,
}

impl Workshop {
    pub(super) fn new(shadow: &Path, null: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shadow-bench-").tempdir()?;
        let mut mirror = Mirror::new(&folder.path().join("mirror"));
        mirror.add_shadow(shadow)?;
        mirror.add("hashicorp/null", NULL_VERSION, null)?;
        let terraform = mirror.terraform(folder.path())?;
        Ok(Self { terraform, folder })
    }

    /// One turn of a contestant.
    pub(super) async fn measure(&self, contestant: Contestant, resources: usize) -> Result<Times> {
        let reconciler = match contestant {
            Contestant::Shadow => Some(Reconciler::start().await?),
            Contestant::Null | Contestant::Builtin => None,
        };
        let root = self.root(contestant, resources).await?;
        let endpoint = reconciler.as_ref().map(|reconciler| reconciler.url.as_str());
        let times = Times {
            plan: self.run(&root, &["plan", "-input=false"], endpoint).await?,
            apply: self.run(&root, &["apply", "-input=false", "-auto-approve"], endpoint).await?,
            // With that flag a difference is a failure here.
            plan_again: self.run(&root, &["plan", "-input=false", "-detailed-exitcode"], endpoint).await?,
        };
        if let Some(reconciler) = reconciler {
            reconciler.stop().await?;
        }
        Ok(times)
    }

    /// How many requests the provider sends to find out that nothing has changed.
    pub(super) async fn requests_of_a_refresh(&self, resources: usize) -> Result<u64> {
        let reconciler = Reconciler::start().await?;
        let counter = Counter::start(&reconciler.url).await?;
        let root = self.root(Contestant::Shadow, resources).await?;
        self.run(&root, &["apply", "-input=false", "-auto-approve"], Some(&counter.url)).await?;
        let before = counter.counted();
        self.run(&root, &["plan", "-input=false", "-detailed-exitcode"], Some(&counter.url)).await?;
        let requests = counter.counted() - before;
        reconciler.stop().await?;
        Ok(requests)
    }

    async fn root(&self, contestant: Contestant, resources: usize) -> Result<TempDir> {
        let root = tempfile::Builder::new().prefix("root-").tempdir_in(self.folder.path())?;
        std::fs::write(root.path().join("main.tf"), contestant.configuration(resources))?;
        self.run(&root, &["init", "-input=false"], None).await?;
        Ok(root)
    }

    /// Runs Terraform and answers how many seconds it took. The harness's own way to run it looks for its end now and
    /// then, which is too coarse here.
    async fn run(&self, root: &TempDir, arguments: &[&str], endpoint: Option<&str>) -> Result<f64> {
        let mut command = command(&self.terraform.program);
        command.args(arguments).arg("-no-color").current_dir(root.path());
        command.envs(self.terraform.environment.iter().map(|(name, value)| (name, value)));
        command.envs(endpoint.map(|url| ("SHADOW_ENDPOINT", url)));
        command.stdin(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        let began = Instant::now();
        let output = tokio::time::timeout(RUN_TIMEOUT, command.kill_on_drop(true).output()).await;
        let seconds = began.elapsed().as_secs_f64();
        let what = arguments.join(" ");
        let output = output.with_context(|| format!("terraform {what} did not end in time"))??;
        ensure!(output.status.success(), "terraform {what}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(seconds)
    }
}
