//! What can go wrong with a run of Terraform, in words that an operator can act on.

use super::contract::Breach;
use super::foreign::ForeignProcess;
use super::messages::Diagnostics;
use super::source::ModuleNotAllowed;
use shadow_core::guard::Stale;
use shadow_core::plan::PlanError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a run of Terraform, or work in its folder, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    /// There is no such program.
    #[error("{binary:?} cannot be started: install terraform 1.5 or later, or name its path with --terraform")]
    NotFound {
        /// As configured.
        binary: PathBuf,
    },
    /// Modules or providers could not be installed.
    #[error("terraform init failed in {root:?}: {message}")]
    Init {
        /// The root's folder.
        root: PathBuf,
        /// The end of what Terraform said.
        message: String,
    },
    /// Planning failed; nothing was changed.
    #[error("terraform plan failed: {diagnostics}")]
    Plan {
        /// What Terraform said.
        diagnostics: Diagnostics,
    },
    /// Applying failed; part of the plan may have been carried out.
    #[error("terraform apply failed, and part of the plan may have been carried out: {diagnostics}")]
    Apply {
        /// What Terraform said.
        diagnostics: Diagnostics,
    },
    /// Another command failed; nothing was changed.
    #[error("terraform {command} failed: {diagnostics}")]
    Other {
        /// The command.
        command: &'static str,
        /// What Terraform said.
        diagnostics: Diagnostics,
    },
    /// Somebody else holds the state.
    #[error("the state is locked by {who} since {since}: wait for that run to end, it is not interrupted")]
    Locked {
        /// User and host.
        who: String,
        /// When it was locked, as Terraform prints it.
        since: String,
    },
    /// The approval is void; nothing was changed.
    #[error("the approved plan is no longer valid")]
    Stale(#[from] Stale),
    /// It ran for too long and was asked to stop.
    #[error("terraform {command} did not end within {} s: it was {}", limit.as_secs(), ending(*killed))]
    Timeout {
        /// The command.
        command: &'static str,
        /// The time it was given.
        limit: Duration,
        /// Whether it had to be killed after it ignored one interrupt for the grace period.
        killed: bool,
    },
    /// The reconciler is shutting down and asked it to stop.
    #[error("terraform {command} was {} because the reconciler is stopping", ending(*killed))]
    Stopped {
        /// The command.
        command: &'static str,
        /// Whether it had to be killed after it ignored one interrupt for the grace period.
        killed: bool,
    },
    /// There is no room left.
    #[error("no space is left for {path:?}: free some, nothing else is wrong")]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
    },
    /// A module does not keep the contract.
    #[error("module {module:?} does not keep the module contract: {}", list(breaches))]
    ContractBroken {
        /// The module's folder.
        module: PathBuf,
        /// Everything that is wrong with it.
        breaches: Vec<Breach>,
    },
    /// A module comes from where none may come from; it was not run.
    #[error(transparent)]
    ModuleNotAllowed(#[from] ModuleNotAllowed),
    /// A run that was not started by this reconciler did not end in time.
    #[error("{} still at work in {root:?}: wait for it to end, or end it by hand", list(processes))]
    ForeignRun {
        /// The root's folder.
        root: PathBuf,
        /// Who.
        processes: Vec<ForeignProcess>,
    },
    /// A plan cannot be read.
    #[error("the plan cannot be judged")]
    UnreadablePlan(#[from] PlanError),
    /// A file is not of the form that it should have.
    #[error("{path:?} is not a readable {what}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {path:?}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl TerraformError {
    /// For `map_err`: an error of the operating system, with what was tried and on what.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            let is_full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            if is_full { Self::DiskFull { path } } else { Self::Io { action, path, source } }
        }
    }

    /// For `map_err`: a file that is not of the form it should have.
    pub(super) fn unreadable<E: ToString>(what: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |reason| Self::Unreadable { path, what, reason: reason.to_string() }
    }
}

fn ending(killed: bool) -> &'static str {
    if killed { "interrupted, then killed" } else { "interrupted and ended by itself" }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
