//! Terraform's commands on one root, each one attempt: plan, apply, read. The order in
//! which they are run, and whether again, is decided elsewhere.

use super::command::Invocation;
use super::environment::Environment;
use super::error::TerraformError;
use super::messages::{Changes, Outputs, Progress};
use super::process::{OutputFiles, Stop};
use super::state::{self, ERRORED_STATE_FILE, Recovery};
use super::workspace::{PLAN_FILE, Workspace, remove_if_there};
use serde::Deserialize;
use shadow_core::guard::{ApprovedPlan, PlanIdentity, Stale, StateIdentity};
use shadow_core::plan::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How Terraform is run; from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name or path of the program.
    pub binary: PathBuf,
    /// Its environment.
    pub environment: Environment,
    /// Where modules may come from: see [`allowed`].
    pub module_sources: Vec<String>,
    /// Time to wait for somebody else's lock.
    pub lock_timeout: Duration,
    /// Time for installing modules and providers, which may have to be downloaded.
    pub init_timeout: Duration,
    /// Time for planning or reading.
    pub plan_timeout: Duration,
    /// Time for applying.
    pub apply_timeout: Duration,
    /// Time from the one interrupt until a run is killed.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            binary: PathBuf::from("terraform"),
            environment: Environment::default(),
            module_sources: Vec::new(),
            lock_timeout: Duration::from_secs(30),
            init_timeout: minutes(10),
            plan_timeout: minutes(5),
            // The longest that cloud providers commonly take to make a database instance.
            apply_timeout: minutes(60),
            // Providers finish the request they are at, which may be a creation.
            grace: minutes(10),
        }
    }
}

/// Runs Terraform.
#[derive(Debug, Clone)]
pub struct Terraform {
    pub(super) settings: Settings,
    pub(super) stop: Stop,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Reaching what the files describe.
    Reach,
    /// Removing everything in the root.
    Destroy,
}

/// A plan that was made, for the guard to review.
#[derive(Debug)]
pub struct Planned {
    /// What Terraform would do.
    pub plan: Plan,
    /// What exactly was planned, and on top of what.
    pub identity: PlanIdentity,
    /// How long it took.
    pub took: Duration,
}

/// What an apply did.
#[derive(Debug)]
pub struct Applied {
    /// How many resources were touched.
    pub changes: Changes,
    /// The outputs after it.
    pub outputs: Outputs,
    /// The state after it.
    pub state: StateIdentity,
    /// How long it took.
    pub took: Duration,
}

impl Terraform {
    /// `stop` becoming true interrupts every run.
    pub fn new(settings: Settings, stop: Stop) -> Self {
        Self { settings, stop }
    }

    /// The version of Terraform itself.
    ///
    /// # Errors
    /// `NotFound`, or what Terraform said.
    pub async fn version(&self) -> Result<String, TerraformError> {
        #[derive(Deserialize)]
        struct Version {
            terraform_version: String,
        }
        let folder = tempfile::tempdir().map_err(TerraformError::io("create", Path::new("a temporary folder")))?;
        let output = OutputFiles { stdout: folder.path().join("out"), stderr: folder.path().join("err") };
        let version: Version = self.read_json(folder.path(), &output, &Invocation::Version).await?;
        Ok(version.terraform_version)
    }

    /// Makes a plan, which stays in the folder until it is applied or another is made.
    ///
    /// # Errors
    /// `Plan` with Terraform's diagnostics, `Locked`, `UnreadablePlan` and others.
    pub async fn plan(&self, workspace: &Workspace, epoch: u64, aim: Aim) -> Result<Planned, TerraformError> {
        let began = Instant::now();
        workspace.remove_plan();
        let before = workspace.state_identity()?;
        let lock_timeout = self.settings.lock_timeout;
        let invocation = Invocation::Plan { file: PLAN_FILE, destroy: aim == Aim::Destroy, lock_timeout };
        self.stream(workspace, &invocation, &mut |_| {}).await?;
        let output = workspace.output_files("show");
        let json = self.capture(workspace.folder(), &output, &Invocation::Show { file: PLAN_FILE }).await;
        // It contains every value of the state in clear.
        remove_if_there(&output.stdout);
        let plan = Plan::parse(&json?)?;
        // If somebody wrote the state meanwhile, the earlier version makes the plan stale at once.
        let identity = PlanIdentity { state: before, ..workspace.identity(epoch)? };
        Ok(Planned { plan, identity, took: began.elapsed() })
    }

    /// Applies an approved plan, once, after looking whether everything is still as approved.
    /// `epoch` is the group's as of now; `progress` is told what happens meanwhile.
    ///
    /// # Errors
    /// `Stale` when something changed, and then nothing was done; `Apply` when part of it may have
    /// been done; `Locked` and others.
    pub async fn apply(
        &self,
        workspace: &Workspace,
        approved: ApprovedPlan,
        epoch: u64,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Applied, TerraformError> {
        let began = Instant::now();
        approved.still_valid(&workspace.identity(epoch)?)?;
        workspace.back_up_state()?;
        let invocation = Invocation::Apply { file: PLAN_FILE, lock_timeout: self.settings.lock_timeout };
        let result = self.stream(workspace, &invocation, progress).await;
        workspace.remove_plan();
        let messages = result.map_err(|error| self.as_stale(error, workspace, &approved))?;
        Ok(Applied {
            changes: messages.changes,
            outputs: messages.outputs,
            state: workspace.state_identity()?,
            took: began.elapsed(),
        })
    }

    /// The outputs of a root as of its last apply.
    ///
    /// # Errors
    /// What Terraform said.
    pub async fn outputs(&self, workspace: &Workspace) -> Result<Outputs, TerraformError> {
        #[derive(Deserialize)]
        struct Output {
            value: serde_json::Value,
        }
        let output = workspace.output_files("output");
        let outputs: BTreeMap<String, Output> =
            self.read_json(workspace.folder(), &output, &Invocation::Output).await?;
        Ok(outputs.into_iter().map(|(name, output)| (name, output.value)).collect())
    }

    /// Takes up a state that an earlier run could not write where it belongs. It becomes the state
    /// only if it follows from it; otherwise it is set aside, and never lost.
    ///
    /// # Errors
    /// What Terraform said, or errors of the operating system.
    pub async fn recover_state(&self, workspace: &Workspace) -> Result<Recovery, TerraformError> {
        let path = workspace.folder().join(ERRORED_STATE_FILE);
        if !path.exists() {
            return Ok(Recovery::Nothing);
        }
        let (errored, current) = (state::identity(&path)?, workspace.state_identity()?);
        let follows = state::follows(&errored, &current);
        if follows {
            workspace.back_up_state()?;
            let lock_timeout = self.settings.lock_timeout;
            let invocation = Invocation::StatePush { file: ERRORED_STATE_FILE, lock_timeout };
            let output = workspace.output_files(invocation.name());
            self.capture(workspace.folder(), &output, &invocation).await?;
        }
        let kept = path.with_file_name(format!("errored-{}.tfstate", errored.serial));
        std::fs::rename(&path, &kept).map_err(TerraformError::io("rename", &path))?;
        if follows { Ok(Recovery::Pushed(errored)) } else { Ok(Recovery::SetAside { path: kept, errored, current }) }
    }

    /// Somebody may write the state between our look and Terraform's own.
    fn as_stale(&self, error: TerraformError, workspace: &Workspace, approved: &ApprovedPlan) -> TerraformError {
        let TerraformError::Apply { diagnostics } = &error else { return error };
        if diagnostics.with_summary("Saved plan is stale").is_none() {
            return error;
        }
        let planned = approved.identity().state.clone();
        workspace.state_identity().map_or_else(|error| error, |now| Stale::State { planned, now }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn can_be_spawned<T: Send>(_future: &T) {}

    /// The loop runs groups side by side on several threads.
    #[expect(dead_code, reason = "it is checked by being compiled")]
    fn runs_can_be_spawned(terraform: &Terraform, workspace: &Workspace, approved: ApprovedPlan) {
        can_be_spawned(&terraform.plan(workspace, 0, Aim::Reach));
        can_be_spawned(&terraform.apply(workspace, approved, 0, &mut |_| {}));
        can_be_spawned(&terraform.recover_state(workspace));
        can_be_spawned(&crate::terraform::wait_for_foreign_run(workspace.folder(), Duration::ZERO));
    }
}
