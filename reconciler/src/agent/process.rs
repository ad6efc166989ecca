//! The life of one declared process: what was declared, what runs, and how the two are brought
//! together. Every change is recorded before it is made, so that it is finished after a kill.

use super::home::Home;
use super::identity::{DIGEST, Identity, Marked, kill_all};
use super::ports;
use super::probe::{Prober, Reading, Target};
use super::record::{Exit, Life, Record};
use super::refusal::Refusal;
use super::run::{Run, start_digest, stop_stray};
use super::{log_file, record};
use anyhow::Context as _;
use shadow_core::model::process::{ProcessGoal, ProcessSpec, ProcessState, ProcessStatus, Restart, StopSpec};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Delay before the first restart; doubles with each further one.
const RESTART_DELAY_MIN: Duration = Duration::from_secs(1);
/// Longest delay before a restart: a service whose dependency is back should not wait much longer.
const RESTART_DELAY_MAX: Duration = Duration::from_secs(60);
/// A run as long as the longest delay shows that the cause of earlier ends is over.
const STABLE: Duration = RESTART_DELAY_MAX;

/// Where others see what is known of a process.
#[derive(Debug, Clone)]
pub(super) struct Board {
    /// The process, once there is one.
    pub status: watch::Sender<Option<ProcessStatus>>,
    /// What probing has shown.
    pub reading: watch::Sender<Reading>,
}

/// A declared process.
#[derive(Debug)]
pub(super) struct Process {
    home: Home,
    record: Record,
    run: Option<Run>,
    since: Instant,
    restart_delay: Duration,
    restart_at: Option<Instant>,
    prober: Option<Prober>,
    board: Board,
}

impl Process {
    fn new(home: Home, record: Record, run: Option<Run>, board: Board) -> Self {
        let restart_delay = RESTART_DELAY_MIN;
        Self { home, record, run, since: Instant::now(), restart_delay, restart_at: None, prober: None, board }
    }

    /// Makes a process that did not exist. Leaves no process and no record behind if it fails.
    ///
    /// # Errors
    /// The declaration cannot be carried out, or the process ended at once.
    pub(super) async fn create(home: Home, spec: ProcessSpec, board: Board) -> Result<Self, Refusal> {
        if let Some(stray) = home.context.stray(&home.name) {
            if let Some(port) = port_of_same(&stray, &spec) {
                return Self::take_over(home, spec, port, stray, board).await;
            }
            stop_stray(&home, stray, &spec.stop).await?;
        }
        let port = home.context.ports.take(&home.name, &spec.address, spec.port).await?;
        let mut process = Self::new(home, Record::new(spec, port), None, board);
        let begun = match process.commit(process.record.clone()).await {
            Ok(()) => process.converge().await,
            Err(refusal) => Err(refusal),
        };
        match begun {
            Ok(()) => Ok(process),
            Err(refusal) => {
                process.undo_creation();
                Err(refusal)
            }
        }
    }

    async fn take_over(home: Home, spec: ProcessSpec, port: u16, run: Identity, board: Board) -> Result<Self, Refusal> {
        tracing::info!(process = home.name, pid = run.pid, "adopted; it runs what is declared");
        home.context.ports.keep(&home.name, &spec.address, port);
        let started_at = run.started_at();
        let record = Record { life: Life::Running { run: run.clone() }, started_at, ..Record::new(spec, port) };
        let run = Run::adopt(&home, run)?;
        let mut process = Self::new(home, record.clone(), Some(run), board);
        process.commit(record).await?;
        process.home.context.forget_stray(&process.home.name);
        process.converge().await?;
        Ok(process)
    }

    fn undo_creation(&mut self) {
        self.home.context.ports.release(&self.home.name);
        let path = self.home.folder().join(record::FILE);
        // The output stays: it may say more than fits into an error.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "the record of a process that did not start remains");
            }
            Ok(()) | Err(_) => {}
        }
        self.board.status.send_replace(None);
    }

    /// Goes on with a process that a former agent left, found by its record or by its marker.
    /// Only looks; [`Self::converge`] acts.
    pub(super) fn resume(home: Home, mut record: Record, marked: Option<Marked>, board: Board) -> Self {
        home.context.ports.keep(&home.name, &record.spec.address, record.port);
        let found = match &record.life {
            Life::Running { run } | Life::Stopping { run } => Some(run.clone()).filter(Identity::is_alive),
            // Killed between spawning and recording.
            Life::Starting => marked.map(|marked| marked.identity),
            Life::Stopped | Life::Ended => None,
        };
        let run = found.and_then(|identity| match Run::adopt(&home, identity) {
            Ok(run) => Some(run),
            Err(error) => {
                tracing::error!(process = home.name, error = format!("{error:#}"), "not adopted");
                None
            }
        });
        if let Some(run) = &run {
            record.started_at = run.identity.started_at();
            let run = run.identity.clone();
            record.life = match record.life {
                Life::Stopping { .. } => Life::Stopping { run },
                Life::Starting | Life::Running { .. } | Life::Stopped | Life::Ended => Life::Running { run },
            };
        }
        let process = Self::new(home, record, run, board);
        process.publish();
        process
    }

    /// Brings what runs to what is recorded. Does nothing where both agree.
    ///
    /// # Errors
    /// What is left does not end, or what should run does not start.
    pub(super) async fn converge(&mut self) -> Result<(), Refusal> {
        self.arrange_probe();
        if let Life::Stopping { .. } = self.record.life {
            self.stop().await?;
        }
        match self.record.life {
            Life::Starting => self.start().await?,
            Life::Running { .. } if self.run.is_none() => self.after_end(Exit::default()).await,
            Life::Ended if self.restart_at.is_none() => self.arrange_restart(),
            Life::Running { .. } | Life::Stopping { .. } | Life::Stopped | Life::Ended => {}
        }
        self.publish();
        Ok(())
    }

    /// Puts a declaration in force.
    ///
    /// # Errors
    /// `create_only` and the declaration differs; or it cannot be carried out.
    pub(super) async fn declare(&mut self, spec: ProcessSpec, create_only: bool) -> Result<(), Refusal> {
        let spec = spec.with_secrets_of(&self.record.spec);
        if create_only && spec != self.record.spec {
            return Err(Refusal::Different(self.home.name.clone()));
        }
        let port = self.port_for(&spec).await?;
        let restart = port != self.record.port || start_digest(&self.record.spec) != start_digest(&spec);
        let life = self.life_for(spec.desired_state, restart);
        let next = Record { spec, port, life, ..self.record.clone() };
        if next != self.record {
            self.restart_at = None;
            self.restart_delay = RESTART_DELAY_MIN;
            self.commit(next).await?;
        }
        self.converge().await
    }

    async fn port_for(&self, spec: &ProcessSpec) -> Result<u16, Refusal> {
        let ports = &self.home.context.ports;
        if spec.port == 0 || spec.port == self.record.port {
            ports.keep(&self.home.name, &spec.address, self.record.port);
            return Ok(self.record.port);
        }
        Ok(ports.take(&self.home.name, &spec.address, spec.port).await?)
    }

    fn life_for(&self, goal: ProcessGoal, restart: bool) -> Life {
        match (&self.run, goal) {
            (Some(_), ProcessGoal::Running) if !restart => self.record.life.clone(),
            (Some(run), _) => Life::Stopping { run: run.identity.clone() },
            (None, ProcessGoal::Running) => Life::Starting,
            (None, ProcessGoal::Stopped) => Life::Stopped,
        }
    }

    /// Stops the process and forgets it.
    ///
    /// # Errors
    /// Something of it is still there, or its folder cannot be removed.
    pub(super) async fn delete(&mut self) -> Result<(), Refusal> {
        self.restart_at = None;
        let spec = ProcessSpec { desired_state: ProcessGoal::Stopped, ..self.record.spec.clone() };
        let next = Record { life: self.life_for(ProcessGoal::Stopped, false), spec, ..self.record.clone() };
        if let Err(error) = self.commit(next.clone()).await {
            // A full disk must not keep a process from being deleted.
            tracing::warn!(process = self.home.name, %error, "deleting without a record of it");
            self.record = next;
        }
        self.converge().await?;
        forget(&self.home)?;
        self.board.status.send_replace(None);
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Refusal> {
        self.publish();
        let exit = match &mut self.run {
            Some(run) => run.stop(&self.record.spec.stop).await?,
            None => {
                kill_all(&self.home.marker(), None).await?;
                Exit::default()
            }
        };
        tracing::info!(process = self.home.name, %exit, "stopped");
        self.run = None;
        let life = self.life_for(self.record.spec.desired_state, false);
        let next = Record { life, exit, ..self.record.clone() };
        self.commit(next).await
    }

    async fn start(&mut self) -> Result<(), Refusal> {
        let started = self.try_start().await;
        match started {
            Ok(()) => Ok(()),
            Err((exit, refusal)) => {
                self.after_end(exit).await;
                Err(refusal)
            }
        }
    }

    async fn try_start(&mut self) -> Result<(), (Exit, Refusal)> {
        let unseen = |refusal: Refusal| (Exit::default(), refusal);
        let address = &self.record.spec.address;
        ports::ensure_free(address, self.record.port).await.map_err(|problems| unseen(problems.into()))?;
        let run = Run::spawn(&self.home, &self.record).map_err(|error| unseen(error.into()))?;
        tracing::info!(process = self.home.name, pid = run.identity.pid, port = self.record.port, "started");
        let next = Record {
            life: Life::Running { run: run.identity.clone() },
            started_at: Some(crate::clock::now()),
            exit: Exit::default(),
            ..self.record.clone()
        };
        self.since = Instant::now();
        let run = self.run.insert(run);
        run.settled(&self.home).await.map_err(|exit| (exit, ended_at_once(&self.home, &self.record.spec, exit)))?;
        if let Err(error) = self.commit(next.clone()).await {
            // It runs and carries its marker, by which it is found without this record.
            tracing::warn!(process = self.home.name, %error, "started without a record of its process id");
            self.record = next;
        }
        Ok(())
    }

    /// The next thing that happens by itself. May be dropped before.
    pub(super) async fn next_event(&mut self) -> Event {
        let ended = async {
            match &mut self.run {
                Some(run) => run.ended().await,
                None => std::future::pending().await,
            }
        };
        let restart = async {
            match self.restart_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            exit = ended => Event::Ended(exit),
            () = restart => Event::RestartDue,
        }
    }

    /// Answers what happened by itself.
    pub(super) async fn handle(&mut self, event: Event) {
        match event {
            Event::Ended(exit) => {
                tracing::warn!(process = self.home.name, %exit, "ended by itself");
                if self.since.elapsed() >= STABLE {
                    self.restart_delay = RESTART_DELAY_MIN;
                }
                self.after_end(exit).await;
            }
            Event::RestartDue => self.restart().await,
        }
        self.publish();
    }

    async fn restart(&mut self) {
        self.restart_at = None;
        let next = Record { life: Life::Starting, restarts: self.record.restarts + 1, ..self.record.clone() };
        let begun = match self.commit(next).await {
            Ok(()) => self.converge().await,
            Err(error) => Err(error),
        };
        if let Err(refusal) = begun {
            tracing::warn!(process = self.home.name, %refusal, "not started again");
            self.arrange_restart();
        }
    }

    async fn after_end(&mut self, exit: Exit) {
        // What it left behind, such as workers that hold its port, must not outlive it.
        let leader = self.run.take().map(|run| run.identity.pid);
        if let Err(error) = kill_all(&self.home.marker(), leader).await {
            tracing::error!(process = self.home.name, error = format!("{error:#}"), "not cleared");
        }
        let life = match self.record.spec.desired_state {
            ProcessGoal::Running => Life::Ended,
            ProcessGoal::Stopped => Life::Stopped,
        };
        let next = Record { life, exit, ..self.record.clone() };
        if let Err(error) = self.commit(next.clone()).await {
            tracing::warn!(process = self.home.name, %error, "ended without a record of it");
            self.record = next;
        }
        self.arrange_restart();
        self.publish();
    }

    fn arrange_restart(&mut self) {
        let wanted = self.record.spec.restart == Restart::OnFailure && self.record.exit.is_failure();
        if !wanted || self.restart_at.is_some() || self.record.spec.desired_state == ProcessGoal::Stopped {
            return;
        }
        self.restart_at = Some(Instant::now() + self.restart_delay);
        self.restart_delay = (self.restart_delay * 2).min(RESTART_DELAY_MAX);
    }

    /// Probes as long as the process should run, whether it does or not: silence is a reading too.
    fn arrange_probe(&mut self) {
        let spec = &self.record.spec;
        let probe = spec.probe.clone().filter(|_| spec.desired_state == ProcessGoal::Running);
        let target = probe.map(|probe| Target { address: spec.address.clone(), port: self.record.port, probe });
        if self.prober.as_ref().map(|prober| &prober.target) != target.as_ref() {
            self.prober = None;
            self.board.reading.send_modify(|reading| reading.newest = None);
            self.prober = target.map(|target| Prober::start(target, self.board.reading.clone()));
        }
    }

    /// Bounds the output file.
    pub(super) fn bound_output(&self) {
        let path = self.home.output();
        if let Err(error) = log_file::bound(&path) {
            tracing::warn!(path = %path.display(), %error, "the output file cannot be set aside");
        }
    }

    /// Writes the record, then believes it.
    async fn commit(&mut self, next: Record) -> Result<(), Refusal> {
        let folder = self.home.folder();
        let written = next.clone();
        // Waits for the disk, which must not keep other processes waiting.
        let saved = tokio::task::spawn_blocking(move || written.save(&folder)).await;
        saved.context("the record could not be written")??;
        self.record = next;
        Ok(())
    }

    /// What is known of the process, apart from its probe.
    pub(super) fn status(&self) -> ProcessStatus {
        let Record { spec, port, started_at, exit, restarts, .. } = self.record.clone();
        ProcessStatus {
            spec: spec.without_secrets(),
            state: self.state(),
            pid: self.run.as_ref().map(|run| run.identity.pid.unsigned_abs()),
            port,
            started_at,
            exit_code: exit.code,
            exit_signal: exit.signal,
            restarts,
            healthy: None,
        }
    }

    fn state(&self) -> ProcessState {
        match self.record.life {
            Life::Running { .. } => ProcessState::Running,
            Life::Stopping { .. } => ProcessState::Stopping,
            Life::Stopped => ProcessState::Stopped,
            Life::Ended if self.restart_at.is_none() => ProcessState::Exited,
            Life::Ended | Life::Starting => ProcessState::Backoff,
        }
    }

    fn publish(&self) {
        self.board.status.send_replace(Some(self.status()));
    }
}

/// What happens to a process by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// Its main process ended.
    Ended(Exit),
    /// The delay before its restart is over.
    RestartDue,
}

/// Stops a process that has no record, and removes what is left of it.
///
/// # Errors
/// There is nothing of that name; or it does not end; or its folder cannot be removed.
pub(super) async fn delete_remains(home: &Home) -> Result<(), Refusal> {
    let stray = home.context.stray(&home.name);
    if stray.is_none() && !home.folder().exists() {
        return Err(Refusal::Unknown(home.name.clone()));
    }
    if let Some(stray) = stray {
        stop_stray(home, stray, &StopSpec::default()).await?;
    }
    forget(home)
}

fn forget(home: &Home) -> Result<(), Refusal> {
    let folder = home.folder();
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        Ok(()) | Err(_) => {}
    }
    home.context.ports.release(&home.name);
    Ok(())
}

/// The port of a stray that runs what `spec` declares.
fn port_of_same(stray: &Identity, spec: &ProcessSpec) -> Option<u16> {
    let port = stray.variable("PORT")?.parse().ok()?;
    let same = stray.variable(DIGEST)? == start_digest(spec)
        && [0, port].contains(&spec.port)
        && spec.desired_state == ProcessGoal::Running;
    same.then_some(port)
}

fn ended_at_once(home: &Home, spec: &ProcessSpec, exit: Exit) -> Refusal {
    let output = log_file::tail(&home.output());
    let output = spec.secret_environment_wo.values().fold(output, |output, secret| secret.mask_in(&output));
    let summary = format!("the process ended at once with {exit}");
    let remedy = if output.is_empty() { "it printed nothing".to_owned() } else { format!("it printed:\n{output}") };
    Refusal::problem("command", summary, remedy)
}
