//! One child process: started with its output in files, awaited within bounds, asked to stop once.

use super::error::TerraformError;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Becomes true when the reconciler is stopping.
pub type Stop = watch::Receiver<bool>;

/// Time between looks at the output of a run: below what people notice, far above what it costs.
const TAIL_INTERVAL: Duration = Duration::from_millis(100);

/// Longest line that is understood, in bytes: a line with all outputs of a root fits many times.
const LINE_LENGTH_MAX: usize = 8 * 1024 * 1024;

/// Time for the kernel to end a killed process; one in an uninterruptible call may take longer and
/// is then left to itself.
const KILL_TIME: Duration = Duration::from_secs(10);

/// How long a run may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Until it is interrupted.
    pub(super) limit: Duration,
    /// From the interrupt until it is killed.
    pub(super) grace: Duration,
}

/// Where a run's output goes.
#[derive(Debug, Clone)]
pub(super) struct OutputFiles {
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// Absent if a signal ended it.
    pub(super) code: Option<i32>,
    /// Whether it was asked to stop before it was done.
    pub(super) cut: Option<Cut>,
}

/// Why a run was asked to stop, and whether it had to be killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) overdue: bool,
    pub(super) killed: bool,
}

/// Runs a command to its end. If this future is dropped, or the reconciler dies, the command goes
/// on: it has its own process group and writes to files.
pub(super) async fn run(
    mut command: Command,
    output: &OutputFiles,
    bounds: Bounds,
    stop: &Stop,
    on_line: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Ended, TerraformError> {
    command.stdin(Stdio::null()).stdout(private_file(&output.stdout)?).stderr(private_file(&output.stderr)?);
    command.process_group(0).kill_on_drop(false);
    let mut child = command.spawn().map_err(|error| not_started(error, &command))?;
    let mut tail = Tail::open(&output.stdout)?;
    let ended = tokio::select! {
        ended = wait(&mut child, bounds, stop.clone()) => ended,
        never = follow(&mut tail, on_line) => match never? {},
    };
    tail.read_lines(on_line)?;
    ended.map_err(TerraformError::io("wait for", &output.stdout))
}

/// Opens a file that only this user can read: output may contain secrets.
fn private_file(path: &Path) -> Result<File, TerraformError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    opened.map_err(TerraformError::io("write", path))
}

fn not_started(error: std::io::Error, command: &Command) -> TerraformError {
    let binary = PathBuf::from(command.as_std().get_program());
    let is_missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
    if is_missing { TerraformError::NotFound { binary } } else { TerraformError::io("start", &binary)(error) }
}

/// Interrupts once: a second interrupt makes Terraform drop what it is doing and lose its state.
async fn wait(child: &mut Child, bounds: Bounds, stop: Stop) -> std::io::Result<Ended> {
    let overdue = tokio::select! {
        status = child.wait() => return Ok(Ended { code: status?.code(), cut: None }),
        () = tokio::time::sleep(bounds.limit) => true,
        () = stopping(stop) => false,
    };
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        // Only Terraform itself: it tells its providers, and an interrupt of theirs would count twice.
        signal(|| kill_process(pid, Signal::INT));
    }
    if let Ok(status) = tokio::time::timeout(bounds.grace, child.wait()).await {
        return Ok(Ended { code: status?.code(), cut: Some(Cut { overdue, killed: false }) });
    }
    if let Some(pid) = pid {
        signal(|| kill_process_group(pid, Signal::KILL));
    }
    let status: Option<ExitStatus> = tokio::time::timeout(KILL_TIME, child.wait()).await.ok().transpose()?;
    Ok(Ended { code: status.and_then(|status| status.code()), cut: Some(Cut { overdue, killed: true }) })
}

/// A process that has just ended cannot be signalled, and need not be.
fn signal(send: impl FnOnce() -> rustix::io::Result<()>) {
    if let Err(error) = send() {
        tracing::debug!(%error, "terraform ended before it was signalled");
    }
}

async fn stopping(mut stop: Stop) {
    if stop.wait_for(|stopping| *stopping).await.is_err() {
        // Whoever could have told us to stop is gone, so nobody will.
        std::future::pending::<()>().await;
    }
}

async fn follow(tail: &mut Tail, on_line: &mut (dyn FnMut(&[u8]) + Send)) -> Result<Infallible, TerraformError> {
    loop {
        tail.read_lines(on_line)?;
        tokio::time::sleep(TAIL_INTERVAL).await;
    }
}

/// Reads the lines that are appended to a file.
struct Tail {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
}

impl Tail {
    fn open(path: &Path) -> Result<Self, TerraformError> {
        let file = File::open(path).map_err(TerraformError::io("read", path))?;
        Ok(Self { path: path.to_owned(), file, pending: Vec::new() })
    }

    /// Hands over each line that is complete by now. A line that is too long is given up.
    fn read_lines(&mut self, on_line: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), TerraformError> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let length = self.file.read(&mut chunk).map_err(TerraformError::io("read", &self.path))?;
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                if self.pending.len() + piece.len() <= LINE_LENGTH_MAX {
                    self.pending.extend_from_slice(piece);
                }
                if piece.ends_with(b"\n") {
                    on_line(&self.pending);
                    self.pending.clear();
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests start programs")]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Run {
        ended: Ended,
        lines: Vec<String>,
        took: Duration,
    }

    /// Runs a shell script that is asked to stop after `stop_after`, or when overdue.
    async fn run_script(script: &str, limit: Duration, grace: Duration, stop_after: Option<Duration>) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFiles { stdout: folder.path().join("out"), stderr: folder.path().join("err") };
        // Who was started in the background has interrupts ignored, and so would the script. The reconciler listens for
        // them as well.
        let _listening = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let (sender, stop) = watch::channel(false);
        let mut lines = Vec::new();
        let mut on_line = |line: &[u8]| lines.push(String::from_utf8_lossy(line).trim().to_owned());
        let began = Instant::now();
        let stopper = async {
            match stop_after {
                Some(time) => {
                    tokio::time::sleep(time).await;
                    sender.send_replace(true);
                    std::future::pending::<()>().await;
                }
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = run(command, &output, Bounds { limit, grace }, &stop, &mut on_line) => ended.unwrap(),
            () = stopper => unreachable!("it never ends"),
        };
        Run { ended, lines, took: began.elapsed() }
    }

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn lines_are_handed_over_and_the_exit_code_is_told() {
        let run = run_script("echo one; echo two; printf three; exit 3", LONG, LONG, None).await;
        assert_eq!(run.lines, ["one", "two"]);
        assert_eq!((run.ended.code, run.ended.cut.is_none()), (Some(3), true));
    }

    #[tokio::test]
    async fn an_overdue_run_is_interrupted_once_and_awaited() {
        // Waits in steps, since a shell handles a signal only between two commands; then for a second one.
        let script = "n=0; trap 'n=$((n+1))' INT; while [ $n -eq 0 ]; do sleep 0.1; done; \
            i=0; while [ $i -lt 5 ]; do sleep 0.1; i=$((i+1)); done; echo $n; exit 7";
        let run = run_script(script, SHORT, LONG, None).await;
        assert_eq!(run.lines, ["1"]);
        assert_eq!(run.ended.code, Some(7));
        assert!(run.ended.cut.is_some_and(|cut| cut.overdue && !cut.killed));
    }

    #[tokio::test]
    async fn a_run_that_ignores_the_interrupt_is_killed_with_its_children_after_the_grace() {
        let run = run_script("trap '' INT; sleep 60; sleep 60", LONG, SHORT, Some(SHORT)).await;
        assert_eq!(run.ended.code, None);
        assert!(run.ended.cut.is_some_and(|cut| !cut.overdue && cut.killed));
        assert!(run.took >= SHORT * 2 && run.took < LONG, "{:?}", run.took);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFiles { stdout: folder.path().join("out"), stderr: folder.path().join("err") };
        let (_sender, stop) = watch::channel(false);
        let bounds = Bounds { limit: LONG, grace: LONG };
        let error = run(Command::new("no-such-terraform"), &output, bounds, &stop, &mut |_| {}).await.unwrap_err();
        assert!(matches!(&error, TerraformError::NotFound { binary } if binary == Path::new("no-such-terraform")));
        assert!(error.to_string().contains("--terraform"), "{error}");
    }
}
