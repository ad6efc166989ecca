//! One-off commands on the host, such as the warm-up of a service: awaited, bounded in number,
//! time and output, and gone with everything they started when they end.

use super::check::{check_command, check_environment};
use super::context::Context;
use super::identity::{MARKER, kill_all};
use super::launch;
use super::refusal::Refusal;
use super::run::{PATH_DEFAULT, exit_of};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use shadow_core::model::check::Problems;
use shadow_core::model::process::ProcessLimits;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// Tasks at the same time: warming up a few shadows at once must not starve the services.
const TASKS_MAX: usize = 4;

/// Longest time of a task: a warm-up that needs more is a service.
const TIMEOUT_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Bytes of output that are kept: the last screenful says how it ended.
const OUTPUT_MAX: usize = 4 << 10;

/// Time to read what is left of the output when nothing can write to it any more.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// A command to run once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// Variables of the task, besides `PATH`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Time after which it is ended, at most an hour.
    #[serde(default = "minute")]
    pub timeout: String,
}

fn minute() -> String {
    "1m".to_owned()
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskResult {
    /// Exit code, if it exited.
    pub exit_code: Option<i32>,
    /// Signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// The last 4 KiB that it printed.
    pub output: String,
}

/// Runs tasks, a few at a time.
#[derive(Debug)]
pub(super) struct Tasks {
    turns: Semaphore,
    begun: AtomicU64,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { turns: Semaphore::new(TASKS_MAX), begun: AtomicU64::new(0) }
    }
}

impl Tasks {
    /// Runs a task to its end. Dropping the future ends the task too.
    ///
    /// # Errors
    /// The task cannot be started.
    pub(super) async fn run(&self, spec: &TaskSpec, context: &Context) -> Result<TaskResult, Refusal> {
        let limit = check(spec, context)?;
        let _turn = self.turns.acquire().await.context("the agent is ending")?;
        let marker = context.task_marker(self.begun.fetch_add(1, Ordering::Relaxed));
        let (child, output) = start(spec, context, &marker)?;
        let (reply, result) = oneshot::channel();
        // A task of the runtime, because the future of a request is dropped when its sender leaves.
        tokio::spawn(attend(child, output, marker, limit, reply));
        Ok(result.await.context("the end of the task was not seen")?.context("the task has not ended properly")?)
    }
}

fn start(spec: &TaskSpec, context: &Context, marker: &str) -> anyhow::Result<(Child, pipe::Receiver)> {
    // One pipe for both, so that the output stays in the order in which it was printed.
    let (output, input) = std::io::pipe().context("no pipe for the output")?;
    #[expect(clippy::disallowed_methods, reason = "the agent runs tasks")]
    let child = Command::new(&context.launcher)
        .args(launch::arguments(&ProcessLimits::default(), &spec.command))
        .env_clear()
        .env("PATH", path_of(context))
        .envs(&spec.environment)
        .env(MARKER, marker)
        .stdin(Stdio::null())
        .stdout(input.try_clone().context("no pipe for the output")?)
        .stderr(input)
        .spawn()
        .with_context(|| format!("cannot start {}", context.launcher.display()))?;
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output)).context("the output cannot be read")?;
    Ok((child, output))
}

type Reply = oneshot::Sender<anyhow::Result<TaskResult>>;

async fn attend(mut child: Child, output: pipe::Receiver, marker: String, limit: Duration, mut reply: Reply) {
    let leader = child.id().and_then(|pid| i32::try_from(pid).ok());
    let tail = tokio::spawn(read_tail(output));
    let timed_out = tokio::select! {
        _ended = child.wait() => false,
        () = sleep(limit) => true,
        () = reply.closed() => false,
    };
    let result = async {
        kill_all(&marker, leader).await?;
        let exit = exit_of(child.wait().await?);
        let tail = timeout(DRAIN_MAX, tail).await.context("the output does not end")??;
        let output = String::from_utf8_lossy(&tail).into_owned();
        Ok(TaskResult { exit_code: exit.code, signal: exit.signal, timed_out, output })
    };
    // Nobody may be waiting any more.
    reply.send(result.await).ok();
}

async fn read_tail(mut output: pipe::Receiver) -> Vec<u8> {
    let mut tail = VecDeque::with_capacity(2 * OUTPUT_MAX);
    let mut part = vec![0; OUTPUT_MAX];
    while let Ok(length @ 1..) = output.read(&mut part).await {
        tail.extend(part.iter().take(length));
        tail.drain(..tail.len().saturating_sub(OUTPUT_MAX));
    }
    tail.into()
}

fn path_of(context: &Context) -> &str {
    context.environment.get("PATH").map_or(PATH_DEFAULT, String::as_str)
}

fn check(spec: &TaskSpec, context: &Context) -> Result<Duration, Problems> {
    let mut problems = Problems::default();
    problems.require(!spec.command.is_empty(), "command", "the command is empty", "name a program, then its arguments");
    let path = spec.environment.get("PATH").map_or_else(|| path_of(context), String::as_str);
    check_command(&spec.command, path, &mut problems);
    check_environment(&spec.environment, &mut problems);
    let limit = problems.duration("timeout", &spec.timeout);
    problems.require(limit <= TIMEOUT_MAX, "timeout", format!("{limit:#} is too long"), "choose at most \"1h\"");
    problems.into_result(limit.unsigned_abs())
}
