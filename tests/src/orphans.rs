//! Finds what a world leaves behind: processes and locks. It looks at processes of this world only, and ends none
//! that belongs to another.

use anyhow::{Context, Result};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The variable that the agent sets on each process that it starts.
const MARKER: &str = "SHADOW_PROCESS";

/// Deepest folder that is searched for locks: Terraform's own are three deep in a root.
const SEARCH_DEPTH_MAX: u32 = 12;

/// Rounds of ending processes: what one of them starts meanwhile is found in the next.
const SWEEPS: u32 = 5;

/// What was left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Processes that nobody knows: id and command line.
    pub processes: Vec<String>,
    /// Lock files of Terraform, with no Terraform running in this world that could hold them.
    pub locks: Vec<PathBuf>,
}

impl Orphans {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.processes.len() + self.locks.len()
    }

    /// Each of them in one line.
    pub fn descriptions(&self) -> Vec<String> {
        let locks = self.locks.iter().map(|lock| format!("lock {}", lock.display()));
        self.processes.iter().map(|process| format!("process {process}")).chain(locks).collect()
    }
}

/// Looks for processes of the world in `folder` other than `known`, and for stuck locks.
///
/// # Errors
/// When the processes cannot be listed or the folder cannot be read.
pub fn find(folder: &Path, known: &BTreeSet<u32>) -> Result<Orphans> {
    let processes = processes_of(folder)?;
    let unknown = processes.iter().filter(|process| {
        let id = u32::try_from(process.pid()).unwrap_or_default();
        !known.contains(&id)
    });
    let terraform_runs = processes.iter().any(is_terraform);
    let locks = if terraform_runs { Vec::new() } else { locks_below(folder, SEARCH_DEPTH_MAX)? };
    Ok(Orphans { processes: unknown.map(describe).collect(), locks })
}

/// Ends every process of the world in `folder`, as far as that is possible.
pub fn end_all(folder: &Path) {
    for _ in 0..SWEEPS {
        let processes = processes_of(folder).unwrap_or_default();
        if processes.is_empty() {
            return;
        }
        kill_all(&processes.iter().map(Process::pid).collect::<Vec<_>>());
    }
}

/// A run of Terraform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerraformProcess {
    /// Folder of the root.
    pub root: PathBuf,
    /// Its arguments, without the program.
    pub arguments: Vec<String>,
}

/// The runs of Terraform in the world in `folder`.
///
/// # Errors
/// When the processes cannot be listed.
pub fn terraform_runs(folder: &Path) -> Result<Vec<TerraformProcess>> {
    let run = |process: &Process| {
        let arguments = process.cmdline().ok()?.into_iter().skip(1).collect();
        Some(TerraformProcess { root: process.cwd().ok()?, arguments })
    };
    Ok(processes_of(folder)?.iter().filter(|process| is_terraform(process)).filter_map(run).collect())
}

/// Ids of the processes that `ancestor` started, of those that these started, and so on.
///
/// # Errors
/// When the processes cannot be listed.
pub fn descendants(ancestor: u32) -> Result<Vec<i32>> {
    let stats = procfs::process::all_processes().context("listing processes")?;
    let parents: Vec<(i32, i32)> = stats
        .filter_map(|process| process.and_then(|process| process.stat()).ok())
        .map(|stat| (stat.pid, stat.ppid))
        .collect();
    let mut family = vec![i32::try_from(ancestor).context("reading a process id")?];
    let mut looked_at = 0;
    while let Some(parent) = family.get(looked_at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        looked_at += 1;
    }
    Ok(family.split_off(1))
}

/// Kills processes as `kill -9` does.
pub fn kill_all(ids: &[i32]) {
    for pid in ids.iter().filter_map(|id| Pid::from_raw(*id)) {
        // An error means that it has ended by itself.
        kill_process(pid, Signal::KILL).ok();
    }
}

/// Processes that run in the world's folder, run a program from it, or are the agent's and were told of it.
fn processes_of(folder: &Path) -> Result<Vec<Process>> {
    let own_id = std::process::id();
    let processes = procfs::process::all_processes().context("listing processes")?;
    let of_world = |process: &Process| {
        u32::try_from(process.pid()).is_ok_and(|id| id != own_id) && runs(process) && belongs(process, folder)
    };
    Ok(processes.filter_map(Result::ok).filter(of_world).collect())
}

/// A zombie has ended and waits only for its parent to notice.
fn runs(process: &Process) -> bool {
    process.stat().is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Processes of other users cannot be looked into, and are none of ours.
fn belongs(process: &Process, folder: &Path) -> bool {
    let inside = |path: procfs::ProcResult<PathBuf>| path.is_ok_and(|path| path.starts_with(folder));
    inside(process.cwd()) || inside(process.exe()) || was_told_of(process, folder)
}

fn was_told_of(process: &Process, folder: &Path) -> bool {
    let Ok(environment) = process.environ() else { return false };
    let mentions =
        |text: &[u8]| text.windows(folder.as_os_str().len()).any(|part| part == folder.as_os_str().as_bytes());
    let marked = environment.keys().any(|name| name == MARKER);
    marked && environment.values().any(|value| mentions(value.as_bytes()))
}

fn is_terraform(process: &Process) -> bool {
    process.exe().is_ok_and(|exe| exe.ends_with("terraform"))
}

fn describe(process: &Process) -> String {
    format!("{} {}", process.pid(), process.cmdline().unwrap_or_default().join(" "))
}

/// Terraform's local backend locks a state by a file beside it: `.terraform.tfstate.lock.info`.
fn locks_below(folder: &Path, depth: u32) -> Result<Vec<PathBuf>> {
    let mut locks = Vec::new();
    let Some(depth) = depth.checked_sub(1) else { return Ok(locks) };
    for entry in folder.read_dir().with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            locks.extend(locks_below(&entry.path(), depth)?);
        } else if entry.file_name().as_bytes().ends_with(b".lock.info") {
            locks.push(entry.path());
        }
    }
    Ok(locks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{Child, Outlets, command};
    use crate::wait;
    use std::time::Duration;

    fn sleeper(cwd: &Path, log: &Path, variables: &[(&str, &str)]) -> Child {
        let mut command = command("/bin/sleep");
        command.arg("60").current_dir(cwd).envs(variables.iter().copied());
        Child::start("sleep", &mut command, &Outlets::merged(&log.join("log"))).unwrap()
    }

    #[test]
    fn unknown_processes_and_stuck_locks_are_found_and_others_are_not() {
        let (world, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (world, elsewhere) = (world.path(), elsewhere.path());
        let name = world.join("agent").display().to_string();
        let known = sleeper(world, elsewhere, &[]);
        let lost = sleeper(world, elsewhere, &[]);
        let marked = sleeper(elsewhere, elsewhere, &[(MARKER, "web"), ("DATA", &name)]);
        let _foreign = sleeper(elsewhere, elsewhere, &[(MARKER, "web")]);
        std::fs::create_dir_all(world.join("roots/a")).unwrap();
        let lock = world.join("roots/a/.terraform.tfstate.lock.info");
        std::fs::write(&lock, "{}").unwrap();

        let orphans = find(world, &BTreeSet::from([known.id()])).unwrap();
        let ids: BTreeSet<String> = [&lost, &marked].map(|child| format!("{} /bin/sleep 60", child.id())).into();
        assert_eq!(BTreeSet::from_iter(orphans.processes), ids);
        assert_eq!(orphans.locks, [lock]);
    }

    #[tokio::test]
    async fn a_sweep_ends_the_processes_of_one_world_only() {
        let (world, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut inside = sleeper(world.path(), elsewhere.path(), &[]);
        let mut outside = sleeper(elsewhere.path(), elsewhere.path(), &[]);
        end_all(world.path());
        inside.ended(Duration::from_secs(5)).await.unwrap();
        let gone = async || find(world.path(), &BTreeSet::new()).ok().filter(|found| found.count() == 0);
        wait::until("the sweep", Duration::from_secs(5), gone).await.unwrap();
        outside.ready(Duration::from_secs(1), async || true).await.unwrap();
    }
}
