//! Starts one command of Terraform, keeps what it says, and tells what a failure means.

use super::command::{Invocation, command};
use super::error::TerraformError;
use super::messages::{Diagnostics, Messages, Progress};
use super::process::{self, Bounds, Cut, Ended, OutputFiles};
use super::run::Terraform;
use super::workspace::{Workspace, plain_message, read_bounded};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;

impl Terraform {
    /// Runs a command that reports its progress as lines of JSON.
    pub(super) async fn stream(
        &self,
        workspace: &Workspace,
        invocation: &Invocation<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Messages, TerraformError> {
        let output = workspace.output_files(invocation.name());
        let mut messages = Messages::default();
        let mut on_line = |line: &[u8]| messages.take(line).into_iter().for_each(&mut *progress);
        let ended = self.execute(workspace.folder(), &output, invocation, &mut on_line).await?;
        if succeeded(ended, invocation) {
            return Ok(messages);
        }
        let said = messages.diagnostics;
        let said = if said.0.is_empty() { plain_message(&output) } else { said };
        if said.mention("terraform init") {
            // Something that was installed is gone or does not fit any more.
            workspace.forget_installed();
        }
        Err(self.failure(workspace.folder(), invocation, ended, said))
    }

    /// Runs a command and answers with what it printed.
    pub(super) async fn capture(
        &self,
        folder: &Path,
        output: &OutputFiles,
        invocation: &Invocation<'_>,
    ) -> Result<Vec<u8>, TerraformError> {
        let ended = self.execute(folder, output, invocation, &mut |_| {}).await?;
        if succeeded(ended, invocation) {
            return read_bounded(&output.stdout);
        }
        Err(self.failure(folder, invocation, ended, plain_message(output)))
    }

    /// Runs a command that prints one document of JSON.
    pub(super) async fn read_json<T: DeserializeOwned>(
        &self,
        folder: &Path,
        output: &OutputFiles,
        invocation: &Invocation<'_>,
    ) -> Result<T, TerraformError> {
        let json = self.capture(folder, output, invocation).await?;
        serde_json::from_slice(&json).map_err(TerraformError::unreadable("output of terraform", &output.stdout))
    }

    async fn execute(
        &self,
        folder: &Path,
        output: &OutputFiles,
        invocation: &Invocation<'_>,
        on_line: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Ended, TerraformError> {
        tracing::debug!(command = invocation.name(), folder = %folder.display(), "starting terraform");
        let command = command(&self.settings.binary, folder, &self.settings.environment, invocation);
        let bounds = Bounds { limit: self.limit(invocation), grace: self.settings.grace };
        process::run(command, output, bounds, &self.stop, on_line).await
    }

    fn limit(&self, invocation: &Invocation<'_>) -> Duration {
        match invocation {
            Invocation::Init { .. } => self.settings.init_timeout,
            Invocation::Apply { .. } => self.settings.apply_timeout,
            Invocation::Plan { .. }
            | Invocation::Show { .. }
            | Invocation::Output
            | Invocation::StatePush { .. }
            | Invocation::Version => self.settings.plan_timeout,
        }
    }

    fn failure(
        &self,
        folder: &Path,
        invocation: &Invocation<'_>,
        ended: Ended,
        diagnostics: Diagnostics,
    ) -> TerraformError {
        let command = invocation.name();
        if let Some(Cut { overdue, killed }) = ended.cut {
            return if overdue {
                TerraformError::Timeout { command, limit: self.limit(invocation), killed }
            } else {
                TerraformError::Stopped { command, killed }
            };
        }
        if diagnostics.mention("no space left on device") {
            return TerraformError::DiskFull { path: folder.to_owned() };
        }
        if let Some((who, since)) = lock_holder(&diagnostics) {
            return TerraformError::Locked { who, since };
        }
        match invocation {
            Invocation::Init { .. } => {
                TerraformError::Init { root: folder.to_owned(), message: diagnostics.to_string() }
            }
            Invocation::Plan { .. } => TerraformError::Plan { diagnostics },
            Invocation::Apply { .. } => TerraformError::Apply { diagnostics },
            Invocation::Show { .. } | Invocation::Output | Invocation::StatePush { .. } | Invocation::Version => {
                TerraformError::Other { command, diagnostics }
            }
        }
    }
}

/// A run that was asked to stop and finished all the same has succeeded.
fn succeeded(ended: Ended, invocation: &Invocation<'_>) -> bool {
    let changes = matches!(invocation, Invocation::Plan { .. }).then_some(2);
    ended.code.is_some_and(|code| code == 0 || Some(code) == changes)
}

/// Who holds the lock and since when, if that is why a command failed. Terraform tells it in the
/// text of its diagnostic, one `Name: value` a line.
fn lock_holder(diagnostics: &Diagnostics) -> Option<(String, String)> {
    let diagnostic = diagnostics.0.iter().find(|diagnostic| {
        let anywhere = [&diagnostic.summary, &diagnostic.detail];
        anywhere.iter().any(|text| text.contains("Error acquiring the state lock"))
    })?;
    let text = format!("{}\n{}", diagnostic.summary, diagnostic.detail);
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(name));
        value.map_or_else(|| "an unknown time or holder".to_owned(), |value| value.trim().to_owned())
    };
    Some((field("Who:"), field("Created:")))
}
