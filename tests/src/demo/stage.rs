//! Follows the group while a story runs: reads the journal and the status, watches the old primary, shows how it goes.
//! It only looks.

use super::evidence::Evidence;
use super::screen::Screen;
use super::victim::Victim;
use crate::agent::Agent;
use crate::client::Reconciler;
use crate::load::Load;
use crate::terraform::UserRoot;
use crate::world::World;
use anyhow::{Result, bail};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The group that `examples/local-failover` declares.
pub(super) const GROUP: &str = "sessions";

/// Often enough to see each phase while it lasts and to know the crash to a tenth of a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The reconciler may be busy or restarting; silence for longer ends the run.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The demo's view of a world.
pub(super) struct Stage<'a> {
    pub(super) world: &'a World,
    pub(super) screen: &'a mut Screen,
    pub(super) evidence: &'a mut Evidence,
    pub(super) reconciler: Reconciler,
    pub(super) agent: Agent,
    pub(super) load: Option<Load>,
    pub(super) victim: Option<Victim>,
    pub(super) user_root: Option<UserRoot>,
    heard_at: Instant,
}

impl<'a> Stage<'a> {
    pub(super) fn new(world: &'a World, screen: &'a mut Screen, evidence: &'a mut Evidence) -> Result<Self> {
        let (reconciler, agent) = (world.reconciler()?, world.agent()?);
        let heard_at = Instant::now();
        Ok(Self { world, screen, evidence, reconciler, agent, load: None, victim: None, user_root: None, heard_at })
    }

    /// Looks again and again until `condition` holds.
    pub(super) async fn follow(
        &mut self,
        what: &str,
        within: Duration,
        condition: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        self.heard_at = Instant::now();
        let deadline = Instant::now() + within;
        while !condition(self) {
            if Instant::now() >= deadline {
                bail!("waited {} s in vain for {what}", within.as_secs());
            }
            self.look().await?;
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Ends the load and keeps its report.
    pub(super) async fn end_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.evidence.load = Some(load.finish().await);
        }
    }

    async fn look(&mut self) -> Result<()> {
        match self.ask().await {
            Ok(()) => self.heard_at = Instant::now(),
            Err(error) if self.heard_at.elapsed() > SILENCE_MAX => return Err(error),
            Err(_) => {}
        }
        self.watch_victim();
        let progress = self.progress();
        self.screen.progress(&progress);
        Ok(())
    }

    async fn ask(&mut self) -> Result<()> {
        if let Some(status) = self.reconciler.status(GROUP).await? {
            self.evidence.status = Some(status);
        }
        self.read_journal().await
    }

    /// Keeps what the journal has gained, and shows changes of phase.
    pub(super) async fn read_journal(&mut self) -> Result<()> {
        let last = self.evidence.records.last().map_or(0, |record| record.id);
        for record in self.reconciler.journal(GROUP, last).await? {
            if let Some(transition) = record.transition() {
                let progress = self.progress();
                self.screen.line(&format!("{:<15} {}\n{:>12}{progress}", transition.to, transition.reason, ""));
            }
            self.evidence.records.push(record);
        }
        Ok(())
    }

    fn watch_victim(&mut self) {
        let gone = self.victim.as_ref().is_some_and(|victim| !victim.is_alive());
        if gone && self.evidence.died_at.is_none() {
            self.evidence.died_at = Some(Timestamp::now());
            self.screen.line("the old primary's process is gone");
        }
    }

    /// Score, weights, requests and the old primary's memory, in one line.
    fn progress(&self) -> String {
        let status = self.evidence.status.as_ref();
        let phase = status.map_or("no group yet", |status| status.phase.as_str());
        let score = status.and_then(|status| status.score()).map_or("-".to_owned(), |score| format!("{score:.2}"));
        let weights = status.map_or("-".to_owned(), |status| status.weights_text());
        let memory = self.victim.as_ref().map(|victim| {
            victim.memory_mib().map_or("  old primary gone".to_owned(), |mib| format!("  first primary {mib} MiB"))
        });
        let load = self.load.as_ref().map(Load::progress).map(|load| {
            let p99 = load.p99_ms.map_or("-".to_owned(), |p99| format!("{p99:.0}"));
            format!("  {} requests, {} failed, p99 {p99} ms", load.requests, load.failed)
        });
        let [load, memory] = [load, memory].map(Option::unwrap_or_default);
        format!("[{phase}]  score {score}  weights {weights}{load}{memory}")
    }
}
