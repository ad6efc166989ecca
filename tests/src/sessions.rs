//! The group of `examples/local-failover` in a world of its own, applied, watched and removed as a user would. Every
//! integration test starts from it. It never acts for the reconciler.

use crate::agent::Agent;
use crate::client::{GroupStatus, Reconciler, Record, Request};
use crate::load::{Load, LoadConfig};
use crate::terraform::UserRoot;
use crate::wait;
use crate::world::{self, World};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::MutexGuard;

/// The group that the example declares.
pub const GROUP: &str = "sessions";

/// Terraform and the first cycles take seconds; a machine that builds at the same time may need many.
const SETUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Two roots are destroyed by Terraform.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// A run of Terraform that goes on after the reconciler has what it wants ends within seconds.
const QUIET_TIMEOUT: Duration = Duration::from_secs(30);

/// As much as shows a failed request, and little enough for a machine with two cores and kills.
const LOAD_RATE: u32 = 100;

/// A world in which the example is applied.
pub struct Sessions {
    /// Its parts.
    pub world: World,
    /// The user's root.
    pub root: UserRoot,
    /// The reconciler's API; it stays valid over restarts.
    pub reconciler: Reconciler,
    /// The agent's API; it stays valid over restarts.
    pub agent: Agent,
    /// Dropped last: the next world starts when this one is gone.
    _alone: MutexGuard<'static, ()>,
}

impl Sessions {
    /// Starts every part, applies the example and waits until its group is idle.
    ///
    /// # Errors
    /// When a part or Terraform fails, or the group does not become idle.
    pub async fn start() -> Result<Self> {
        let alone = world::alone().await;
        let mut world = World::temporary()?;
        world.start_all().await?;
        let mut root = world.example("local-failover", &world.example_variables())?;
        root.init().await?;
        root.apply().await?;
        let (reconciler, agent) = (world.reconciler()?, world.agent()?);
        let sessions = Self { world, root, reconciler, agent, _alone: alone };
        sessions.world.listener_ready(SETUP_TIMEOUT).await?;
        sessions.reached("idle", SETUP_TIMEOUT).await?;
        Ok(sessions)
    }

    /// Starts load on the service, through Envoy.
    ///
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn start_load(&self) -> Result<Load> {
        Load::start(&LoadConfig { rate: LOAD_RATE, ..LoadConfig::to(self.world.listener()) })
    }

    /// Asks for something as a human.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn ask(&self, request: Request) -> Result<()> {
        self.reconciler.request(GROUP, request).await
    }

    /// The group.
    ///
    /// # Errors
    /// When the reconciler does not answer or does not know it.
    pub async fn status(&self) -> Result<GroupStatus> {
        self.reconciler.status(GROUP).await?.context("the group is not known")
    }

    /// Records of the group's journal after the one with id `after`.
    ///
    /// # Errors
    /// When the reconciler does not answer.
    pub async fn journal(&self, after: u64) -> Result<Vec<Record>> {
        self.reconciler.journal(GROUP, after).await
    }

    /// Waits until the group is as `condition` wants it. A reconciler that does not answer is asked again.
    ///
    /// # Errors
    /// When that takes longer than `within`; the message tells how the group is.
    pub async fn until(
        &self,
        what: &str,
        within: Duration,
        condition: impl Fn(&GroupStatus) -> bool,
    ) -> Result<GroupStatus> {
        let met = wait::until(what, within, async || self.status().await.ok().filter(&condition)).await;
        match met {
            Ok(status) => Ok(status),
            Err(error) => Err(error.context(self.story().await)),
        }
    }

    /// Waits until the group is in `phase`.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub async fn reached(&self, phase: &str, within: Duration) -> Result<GroupStatus> {
        self.until(phase, within, |status| status.phase == phase).await
    }

    /// Waits until the group rests with `primary` in charge of all traffic and a shadow ready.
    ///
    /// # Errors
    /// When that takes longer than `within`.
    pub async fn at_rest(&self, primary: &str, within: Duration) -> Result<GroupStatus> {
        let what = format!("the group to rest with {primary} in charge");
        self.until(&what, within, |status| rests(status, primary)).await
    }

    /// Waits until nothing of Terraform runs, then checks that nothing is left over and nothing is there twice.
    ///
    /// # Errors
    /// Naming what is left over, missing or there twice.
    pub async fn check_tidy(&self) -> Result<()> {
        let quiet = async || self.world.terraform_runs().ok().filter(Vec::is_empty);
        wait::until("every run of terraform to end", QUIET_TIMEOUT, quiet).await?;
        let orphans = self.world.orphans().await?;
        ensure!(orphans.count() == 0, "left over: {:?}", orphans.descriptions());
        let status = self.status().await?;
        let mut processes_by_slot = BTreeMap::new();
        for process in self.agent.processes().await? {
            if let Some(slot) = process.spec.tags.get("shadow:slot") {
                processes_by_slot.entry(slot.clone()).or_insert_with(Vec::new).push(process.spec.name);
            }
        }
        let expected: BTreeMap<String, Vec<String>> = status
            .slots
            .iter()
            .filter(|(_, slot)| slot.managed)
            .filter_map(|(id, slot)| Some((id.clone(), vec![slot.instance.as_ref()?.instance_id.clone()])))
            .collect();
        ensure!(processes_by_slot == expected, "processes {processes_by_slot:?}, slots {expected:?}");
        Ok(())
    }

    /// Retires the group with its route, destroys the user's root, and checks that no process is left.
    ///
    /// # Errors
    /// When one of it fails, or something is left.
    pub async fn remove(mut self) -> Result<()> {
        self.ask(Request::Retire).await?;
        let retired = async || {
            let status = self.reconciler.status(GROUP).await.ok()?;
            status.is_none_or(|status| status.slots.values().all(|slot| !slot.managed)).then_some(())
        };
        wait::until("the group to be retired", RETIRE_TIMEOUT, retired).await?;
        self.root.destroy().await?;
        let processes = self.agent.processes().await?;
        ensure!(processes.is_empty(), "processes are left: {processes:?}");
        self.world.stop_all().await?;
        let orphans = self.world.orphans().await?;
        ensure!(orphans.count() == 0, "left over: {:?}", orphans.descriptions());
        Ok(())
    }

    /// How the group is and how it came there, for messages.
    async fn story(&self) -> String {
        let status = self.status().await;
        let records = self.journal(0).await.unwrap_or_default();
        let lines = records.iter().rev().take(25).rev().map(|record| format!("{} {}", record.at, record.message));
        format!("the group is {status:#?}\nafter\n{}", lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Whether `primary` has all traffic, and a shadow protects it.
fn rests(status: &GroupStatus, primary: &str) -> bool {
    let weights = status.weights.clone().unwrap_or_default();
    let shares: u32 = weights.values().sum();
    status.phase == "ready" && status.primary == primary && weights.get(primary) == Some(&100) && shares == 100
}
