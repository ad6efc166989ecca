//! A process of the harness: in a group of its own, with a log file, killed when its guard is dropped. It never
//! outlives the test or the demo that started it.

use crate::wait;
use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// As much of a log as helps in an error message.
const LOG_TAIL_LINES: usize = 15;

/// A running process and its group.
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
    /// Whether the rest of the group goes when this guard goes.
    ends_group: bool,
}

/// Where a process writes.
pub struct Outlets {
    /// File for its standard output.
    pub stdout: PathBuf,
    /// File for its standard error; may be the same, and is quoted in error messages.
    pub stderr: PathBuf,
}

impl Outlets {
    /// Both streams in one file.
    pub fn merged(log: &Path) -> Self {
        Self { stdout: log.to_owned(), stderr: log.to_owned() }
    }
}

/// A command with an empty environment, so that a run does not depend on the caller's settings.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

impl Child {
    /// Starts `command` in a process group of its own; the logs are appended to.
    ///
    /// # Errors
    /// When the program cannot be started or a log cannot be written.
    pub fn start(name: &str, command: &mut Command, outlets: &Outlets) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let append = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.with_context(|| format!("opening {}", path.display()))
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(append(&outlets.stdout)?)
            .stderr(append(&outlets.stderr)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}: {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), process, log: outlets.stderr.clone(), ends_group: true })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until `condition` holds.
    ///
    /// # Errors
    /// When the process ends first or `within` passes; the message quotes the end of the log.
    pub async fn ready(&mut self, within: Duration, mut condition: impl AsyncFnMut() -> bool) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        let outcome = wait::until_ok(&what, within, async || match self.exit_status()? {
            Some(status) => Err(anyhow!("{} ended at once with {status}", self.name)),
            None => Ok(condition().await.then_some(())),
        })
        .await;
        outcome.map_err(|error| error.context(self.log_tail()))
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// When `within` passes.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        wait::until_ok(&what, within, async || self.exit_status()).await
    }

    /// Asks the process to end; after `grace` it and its group are killed.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub async fn stop(mut self, grace: Duration) -> Result<()> {
        if self.exit_status()?.is_none() {
            kill_process(self.pid(), Signal::TERM).with_context(|| format!("asking {} to end", self.name))?;
            // Whether it ended in time or not, dropping the guard ends what is left of the group.
            self.ended(grace).await.ok();
        }
        Ok(())
    }

    /// Kills the process alone, as `kill -9` does; what it started lives on.
    ///
    /// # Errors
    /// When it cannot be signalled or waited for.
    pub fn kill_hard(mut self) -> Result<()> {
        self.ends_group = false;
        self.process.kill().with_context(|| format!("killing {}", self.name))?;
        self.process.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Sends `signal` to the process alone.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal).with_context(|| format!("sending {signal:?} to {}", self.name))
    }

    fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.process.try_wait().with_context(|| format!("asking whether {} runs", self.name))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..).unwrap_or_default();
        format!("{} ends with:\n{}", self.log.display(), tail.join("\n"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ends_group {
            // Errors mean that nothing is left to kill or to wait for.
            kill_process_group(self.pid(), Signal::KILL).ok();
            self.process.wait().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn shell(script: &str, folder: &Path) -> Child {
        let mut command = command("/bin/sh");
        command.args(["-c", script]).current_dir(folder);
        Child::start("shell", &mut command, &Outlets::merged(&folder.join("log"))).unwrap()
    }

    async fn written_pid(folder: &Path) -> i32 {
        let path = folder.join("pid");
        wait::until("a pid file", SOON, async || std::fs::read_to_string(&path).ok()?.trim().parse().ok())
            .await
            .unwrap()
    }

    /// A grandchild that was killed may stay a zombie until the init process reaps it.
    fn runs(pid: i32) -> bool {
        let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.state != 'Z')
    }

    #[tokio::test]
    async fn dropping_the_guard_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell("sleep 60 & echo $! > pid.new; mv pid.new pid; wait", folder.path());
        let grandchild = written_pid(folder.path()).await;
        assert!(runs(grandchild));
        drop(child);
        wait::until("the grandchild to end", SOON, async || (!runs(grandchild)).then_some(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_hard_kill_spares_what_the_process_started() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell("sleep 60 & echo $! > pid.new; mv pid.new pid; wait", folder.path());
        let grandchild = written_pid(folder.path()).await;
        child.kill_hard().unwrap();
        assert!(runs(grandchild));
        kill_process(Pid::from_raw(grandchild).unwrap(), Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_process_that_ends_before_it_is_ready_is_reported_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = shell("echo the port is taken >&2; exit 3", folder.path());
        let error = format!("{:#}", child.ready(SOON, async || false).await.unwrap_err());
        assert!(error.contains("exit status: 3") && error.contains("the port is taken"), "{error}");
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_to_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            shell("trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 1; done", folder.path());
        let pid = written_pid(folder.path()).await;
        child.ready(SOON, async || runs(pid)).await.unwrap();
        child.stop(Duration::from_millis(200)).await.unwrap();
        assert!(!runs(pid));
    }
}
