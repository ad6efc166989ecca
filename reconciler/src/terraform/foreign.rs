//! Runs of Terraform in a root that this reconciler did not start: left over from one that was
//! killed, or started by a human. They are waited for, never interrupted.

use super::error::TerraformError;
use super::lock::{self, LockRecord};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between looks at the process table.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Time for a provider whose Terraform was killed to finish the request it is at. Nobody is left to
/// take its answer, so it is then killed; what it made is found by its tags.
const PROVIDER_TIME: Duration = Duration::from_secs(5);

/// Words of a command line that are shown: the program and the command, but no variables, which may
/// hold secrets.
const WORDS_SHOWN: usize = 2;

/// A process of somebody else's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignProcess {
    /// Its id.
    pub pid: i32,
    /// Its user's id.
    pub uid: u32,
    /// The beginning of its command line.
    pub command: String,
    /// Whether it is a provider rather than Terraform itself.
    pub is_provider: bool,
}

/// What was found and has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignRun {
    /// Processes that were waited for.
    pub processes: Vec<ForeignProcess>,
    /// The record of a dead holder's lock, which was removed.
    pub lock_removed: Option<LockRecord>,
}

/// Waits until no process of Terraform works in `root`, then removes the lock record of a holder
/// that is proved dead. The lock itself needs no removal: the kernel ends it with its process.
///
/// # Errors
/// `ForeignRun` naming those that are still at work after `limit`; `Locked` when the lock is held by
/// a process that cannot be seen, such as one in another container.
pub async fn wait_for_foreign_run(root: &Path, limit: Duration) -> Result<ForeignRun, TerraformError> {
    let folder = root.canonicalize().map_err(TerraformError::io("open", root))?;
    let began = Instant::now();
    let mut seen: Vec<ForeignProcess> = Vec::new();
    let mut alone_since = None;
    loop {
        let processes = processes_in(&folder)?;
        if processes.is_empty() {
            break;
        }
        if began.elapsed() >= limit {
            return Err(TerraformError::ForeignRun { root: folder, processes });
        }
        if processes.iter().any(|process| !process.is_provider) {
            alone_since = None;
        } else if alone_since.get_or_insert_with(Instant::now).elapsed() >= PROVIDER_TIME {
            processes.iter().for_each(kill);
        }
        seen.extend(processes.into_iter().filter(|process| !seen.contains(process)).collect::<Vec<_>>());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(ForeignRun { processes: seen, lock_removed: lock::remove_left_over(&folder)? })
}

fn processes_in(folder: &Path) -> Result<Vec<ForeignProcess>, TerraformError> {
    let unreadable = TerraformError::unreadable("process table", Path::new("/proc"));
    let processes = procfs::process::all_processes().map_err(unreadable)?;
    // A process that ends while it is looked at, or that belongs to somebody whose processes may
    // not be looked at, is skipped: the lock tells in the end.
    Ok(processes.filter_map(Result::ok).filter_map(|process| terraform_in(folder, &process)).collect())
}

fn terraform_in(folder: &Path, process: &Process) -> Option<ForeignProcess> {
    // The folder of a process that ended and was not yet reaped cannot be read: it counts as gone.
    if process.cwd().ok()? != folder {
        return None;
    }
    let program = process.exe().ok()?.file_name()?.to_str()?.to_owned();
    let is_provider = program.starts_with("terraform-provider-");
    let is_terraform = ["terraform", "tofu"].iter().any(|name| program.starts_with(name));
    let words = process.cmdline().ok()?;
    (is_provider || is_terraform).then(|| ForeignProcess {
        pid: process.pid(),
        uid: process.uid().unwrap_or_default(),
        command: words.iter().take(WORDS_SHOWN).cloned().collect::<Vec<_>>().join(" "),
        is_provider,
    })
}

fn kill(process: &ForeignProcess) {
    tracing::warn!(%process, "killing a provider whose terraform is gone");
    if let Some(pid) = Pid::from_raw(process.pid)
        && let Err(error) = kill_process(pid, Signal::KILL)
    {
        tracing::debug!(%error, %process, "it cannot be killed");
    }
}

impl fmt::Display for ForeignProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (process {}, user {})", self.command, self.pid, self.uid)
    }
}
