//! One run of a process: how it is spawned, how its end is noticed and how it is stopped. Keeps
//! no record and decides nothing.

use super::home::Home;
use super::identity::{DIGEST, EndOf, Identity, MARKER, gone, kill_all};
use super::launch;
use super::log_file;
use super::record::{Exit, Record};
use anyhow::Context as _;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shadow_core::model::check::parse_duration;
use shadow_core::model::process::{ProcessSpec, StopSpec};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout_at};

/// `PATH` of processes when the agent itself has none.
pub(super) const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// Longest time from spawning to running the declared program: milliseconds, unless the host is
/// overloaded; after that the process is left alone and judged by its probe.
const LAUNCH_MAX: Duration = Duration::from_secs(5);

/// A process that ends within this time did not start: a bad flag, a missing file, a port in use.
const SETTLE: Duration = Duration::from_millis(200);

/// Time between looks whether the launcher has become the declared program.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// A process that runs.
#[derive(Debug)]
pub(super) struct Run {
    /// The main process.
    pub identity: Identity,
    marker: String,
    end: End,
}

/// How the end of a run is noticed.
#[derive(Debug)]
enum End {
    /// This agent started it and gets its exit code.
    Child(Box<Child>),
    /// A former agent started it.
    Adopted(EndOf),
}

impl Run {
    /// Starts the process that `record` declares.
    ///
    /// # Errors
    /// The output file or the launcher cannot be opened, or the host refuses another process.
    pub(super) fn spawn(home: &Home, record: &Record) -> anyhow::Result<Self> {
        let output = home.output();
        let log = log_file::open(&output).with_context(|| format!("cannot write {}", output.display()))?;
        let spec = &record.spec;
        let launcher = &home.context.launcher;
        #[expect(clippy::disallowed_methods, reason = "the agent starts processes")]
        let child = Command::new(launcher)
            .args(launch::arguments(&spec.limits, &spec.command))
            .env_clear()
            .envs(environment(home, record))
            .current_dir(home.working_directory(spec.working_directory.as_deref()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("the output file cannot be shared")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {} for process {:?}", launcher.display(), home.name))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("the process has no id")?;
        // One that has ended already is a zombie until it is asked for its exit code below; its
        // identity is of use to nobody then.
        let identity = Identity::of(pid).unwrap_or_else(|| Identity { pid, start_ticks: 0, boot_id: String::new() });
        Ok(Self { identity, marker: home.marker(), end: End::Child(Box::new(child)) })
    }

    /// Takes charge of a process that a former agent started.
    ///
    /// # Errors
    /// The process cannot be watched.
    pub(super) fn adopt(home: &Home, identity: Identity) -> anyhow::Result<Self> {
        let end = EndOf::new(&identity).with_context(|| format!("process {} cannot be watched", identity.pid))?;
        Ok(Self { identity, marker: home.marker(), end: End::Adopted(end) })
    }

    /// Completes when the main process has ended, and again at once each time it is asked. May be
    /// dropped before.
    pub(super) async fn ended(&mut self) -> Exit {
        match &mut self.end {
            End::Child(child) => match child.wait().await {
                Ok(status) => exit_of(status),
                Err(error) => {
                    tracing::warn!(%error, pid = self.identity.pid, "the end of a process cannot be awaited");
                    Exit::default()
                }
            },
            End::Adopted(end) => {
                end.wait().await;
                Exit::default()
            }
        }
    }

    /// Awaits that the process has become its program and has lasted for a moment; or how it ended.
    pub(super) async fn settled(&mut self, home: &Home) -> Result<(), Exit> {
        let identity = self.identity.clone();
        let settled = async {
            let deadline = Instant::now() + LAUNCH_MAX;
            while is_launcher(&identity, home) && Instant::now() < deadline {
                sleep(LOOK_INTERVAL).await;
            }
            sleep(SETTLE).await;
        };
        tokio::select! {
            exit = self.ended() => Err(exit),
            () = settled => Ok(()),
        }
    }

    /// Signals the group, waits, and ends without mercy what is left after the grace time.
    ///
    /// # Errors
    /// Something of the process is still there.
    pub(super) async fn stop(&mut self, stop: &StopSpec) -> anyhow::Result<Exit> {
        let deadline = Instant::now() + grace_of(stop);
        self.identity.signal_group(signal_of(stop)).context("the process cannot be signalled")?;
        let by_itself = async {
            self.ended().await;
            gone(&self.marker, self.identity.pid).await;
        };
        if timeout_at(deadline, by_itself).await.is_err() {
            tracing::warn!(pid = self.identity.pid, grace = stop.grace, "still there after its grace time; SIGKILL");
        }
        kill_all(&self.marker, Some(self.identity.pid)).await?;
        Ok(self.ended().await)
    }
}

/// Stops a process that has no record.
///
/// # Errors
/// Something of the process is still there.
pub(super) async fn stop_stray(home: &Home, stray: Identity, stop: &StopSpec) -> anyhow::Result<()> {
    Run::adopt(home, stray)?.stop(stop).await.map(|_unknown_exit| ())
}

/// Digest of what a process reads at its start, or the kernel fixes then. While it stays the same,
/// a changed declaration needs no restart; the port, which may be chosen, is compared apart.
pub(super) fn start_digest(spec: &ProcessSpec) -> String {
    let ProcessSpec { command, environment, inherit_environment, working_directory, address, limits, .. } = spec;
    // Secrets count by their version: the digest stands where others may read it.
    let secrets = spec.secret_environment_wo_version;
    let read = json!([command, environment, inherit_environment, secrets, working_directory, address, limits]);
    let digest = Sha256::digest(read.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn environment(home: &Home, record: &Record) -> BTreeMap<String, String> {
    let spec = &record.spec;
    let own = &home.context.environment;
    let path = own.get("PATH").map_or(PATH_DEFAULT, String::as_str);
    let inherited = spec.inherit_environment.iter().filter_map(|name| Some((name.clone(), own.get(name)?.clone())));
    let declared = spec.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    let secret = spec.secret_environment_wo.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    // Later ones replace earlier ones: the agent's word on address, port and marker is final.
    let mut environment = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
    environment.extend(inherited.chain(declared).chain(secret));
    environment.extend([
        ("ADDRESS".to_owned(), spec.address.clone()),
        ("PORT".to_owned(), record.port.to_string()),
        (MARKER.to_owned(), home.marker()),
        (DIGEST.to_owned(), start_digest(spec)),
    ]);
    environment
}

fn is_launcher(identity: &Identity, home: &Home) -> bool {
    let command = identity.command().unwrap_or_default();
    matches!(command.as_slice(), [program, subcommand, ..]
        if *program == home.context.launcher.to_string_lossy() && subcommand == launch::SUBCOMMAND)
}

pub(super) fn exit_of(status: ExitStatus) -> Exit {
    Exit { code: status.code(), signal: status.signal() }
}

fn grace_of(stop: &StopSpec) -> Duration {
    parse_duration(&stop.grace).ok().and_then(|grace| grace.try_into().ok()).unwrap_or_default()
}

fn signal_of(stop: &StopSpec) -> Signal {
    match stop.signal.as_str() {
        "SIGINT" => Signal::INT,
        "SIGQUIT" => Signal::QUIT,
        _ => Signal::TERM,
    }
}
