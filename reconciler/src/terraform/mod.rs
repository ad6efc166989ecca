//! Runs Terraform: the only part of the reconciler that starts it, and the only one that knows its
//! arguments, files and messages. It decides nothing and applies nothing but an `ApprovedPlan`.
//!
//! A run must outlive the reconciler that started it: killing Terraform while a provider makes
//! something leaves an orphan behind. So its output goes to files, never to a pipe that breaks
//! with its reader, it has a process group of its own, and a new reconciler first waits for what an
//! old one left running ([`wait_for_foreign_run`]).

mod command;
mod contract;
mod environment;
mod error;
mod execute;
mod foreign;
mod install;
mod lock;
mod messages;
mod process;
mod run;
mod source;
mod state;
mod workspace;

pub use contract::{Breach, check_module};
pub use environment::Environment;
pub use error::TerraformError;
pub use foreign::{ForeignProcess, ForeignRun, wait_for_foreign_run};
pub use lock::LockRecord;
pub use messages::{Changes, Diagnostic, Diagnostics, Outputs, Progress};
pub use process::Stop;
pub use run::{Aim, Applied, Planned, Settings, Terraform};
pub use source::{ModuleNotAllowed, allowed};
pub use state::Recovery;
pub use workspace::Workspace;
