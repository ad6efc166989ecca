//! Takes Prometheus away, stopped or frozen, in every phase of a failover. While it is out nothing is scaled down, taken
//! off the route or removed; when it is back the group goes on. A dead primary is left all the same.

#![expect(clippy::print_stdout, reason = "the figures that a test measures are part of what it says")]

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use shadow_tests::client::{GroupStatus, Request};
use shadow_tests::http;
use shadow_tests::sessions::{GROUP, Sessions};
use shadow_tests::wait;
use shadow_tests::world::Part;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A step of a failover takes seconds; on a busy machine many.
const STEP_TIMEOUT: Duration = Duration::from_secs(90);

/// The policy's interval is a second, and three without a value count as an outage.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

/// Longer than each time that the example's policy sets for a step: watch 5 s, mirror and hold 3 s, a shift 2 s.
const OUT_FOR: Duration = Duration::from_secs(7);

/// Between two looks while nothing may change.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Fast enough to be over in a minute and a half, slow enough for two outages before the end.
const LEAK_MIB_PER_SECOND: u32 = 4;

/// How Prometheus goes out.
#[derive(Debug, Clone, Copy)]
enum Outage {
    /// Its port is closed.
    Stopped,
    /// It accepts and never answers.
    Frozen,
}

impl Outage {
    async fn begin(self, sessions: &mut Sessions) -> Result<()> {
        match self {
            Self::Stopped => sessions.world.kill(Part::Prometheus)?,
            Self::Frozen => sessions.world.freeze(Part::Prometheus)?,
        }
        let noticed = async || sessions.reconciler.metrics_outage(GROUP).await.ok().flatten();
        wait::until("the outage to be noticed", NOTICED_WITHIN, noticed).await.map(drop)
    }

    async fn end(self, sessions: &mut Sessions) -> Result<()> {
        match self {
            Self::Stopped => sessions.world.start(Part::Prometheus).await,
            Self::Frozen => sessions.world.thaw(Part::Prometheus),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_down_while_prometheus_is_stopped() {
    through_two_failovers(Outage::Stopped).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_down_while_prometheus_is_frozen() {
    through_two_failovers(Outage::Frozen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_share_is_moved_while_prometheus_is_stopped() {
    while_the_primary_leaks(Outage::Stopped).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_share_is_moved_while_prometheus_is_frozen() {
    while_the_primary_leaks(Outage::Frozen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_primary_is_left_while_prometheus_is_stopped() {
    primary_dies(Outage::Stopped).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_primary_is_left_while_prometheus_is_frozen() {
    primary_dies(Outage::Frozen).await.unwrap();
}

/// Outages while a shadow is ready, while a new primary is watched, and while an instance that the reconciler made is
/// removed, which takes a second failover.
async fn through_two_failovers(outage: Outage) -> Result<()> {
    let mut sessions = Sessions::start().await?;
    sessions.ask(Request::Prepare).await?;
    nothing_changes_in(&mut sessions, "ready", outage).await?;
    sessions.ask(Request::Failover).await?;
    nothing_changes_in(&mut sessions, "watching", outage).await?;
    sessions.at_rest("b", STEP_TIMEOUT).await?;
    sessions.ask(Request::Failover).await?;
    nothing_changes_in(&mut sessions, "decommissioning", outage).await?;
    sessions.at_rest("c", STEP_TIMEOUT).await?;
    sessions.check_tidy().await?;
    sessions.remove().await
}

/// Outages in the phases that only a forecast leads to.
async fn while_the_primary_leaks(outage: Outage) -> Result<()> {
    let mut sessions = Sessions::start().await?;
    let status = sessions.until("a score", STEP_TIMEOUT, |status| status.score().is_some()).await?;
    leak(&status).await?;
    nothing_changes_in(&mut sessions, "mirroring", outage).await?;
    nothing_changes_in(&mut sessions, "shifting", outage).await?;
    sessions.at_rest("b", STEP_TIMEOUT).await?;
    sessions.check_tidy().await?;
    sessions.remove().await
}

async fn primary_dies(outage: Outage) -> Result<()> {
    let mut sessions = Sessions::start().await?;
    sessions.ask(Request::Prepare).await?;
    sessions.reached("ready", STEP_TIMEOUT).await?;
    outage.begin(&mut sessions).await?;
    let began = Instant::now();
    kill_primary(&sessions).await?;
    let switched = |status: &GroupStatus| weight(status, "b") == 100 && weight(status, "a") == 0;
    sessions.until("the dead primary to be left", STEP_TIMEOUT, switched).await?;
    let seconds = began.elapsed();
    println!("{outage:?}: a dead primary was left in {:.1} s without metrics", seconds.as_secs_f64());
    outage.end(&mut sessions).await?;
    sessions.at_rest("b", STEP_TIMEOUT).await?;
    sessions.check_tidy().await?;
    sessions.remove().await
}

/// Takes Prometheus away in `phase`, sees that nothing goes down, and brings it back.
async fn nothing_changes_in(sessions: &mut Sessions, phase: &str, outage: Outage) -> Result<()> {
    sessions.reached(phase, STEP_TIMEOUT).await?;
    outage.begin(sessions).await?;
    // What was decided with metrics may still be on its way; nothing may follow it.
    let has_its_share = |status: &GroupStatus| phase != "shifting" || weight(status, "b") > 0;
    let before = sessions.until("the share to be read back", STEP_TIMEOUT, has_its_share).await?;
    let processes_before = running_processes(sessions).await?;
    let until = Instant::now() + OUT_FOR;
    while Instant::now() < until {
        let now = sessions.status().await?;
        let is_same = now.phase == before.phase && now.primary == before.primary && serving(&now) == serving(&before);
        ensure!(is_same, "{outage:?} in {phase}: from {before:#?} to {now:#?}");
        let gone: Vec<_> = before.slots.keys().filter(|slot| !now.slots.contains_key(*slot)).collect();
        ensure!(gone.is_empty(), "{outage:?} in {phase}: slots {gone:?} were removed");
        let processes = running_processes(sessions).await?;
        ensure!(processes.is_superset(&processes_before), "{outage:?} in {phase}: {processes:?} are left");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    println!("{outage:?} in {}: held for {} s at {}", before.phase, OUT_FOR.as_secs(), before.weights_text());
    ensure!(before.phase == phase, "the outage began in {} only", before.phase);
    outage.end(sessions).await
}

async fn running_processes(sessions: &Sessions) -> Result<BTreeSet<u32>> {
    Ok(sessions.agent.processes().await?.iter().filter_map(|process| process.pid).collect())
}

/// Makes the primary leak, through its own operator endpoint.
async fn leak(status: &GroupStatus) -> Result<()> {
    let endpoint = &status.primary_instance().context("the primary is not known")?.endpoint;
    let (address, port) = (&endpoint.address, endpoint.port);
    let url = format!("http://{address}:{port}/fault/leak?mib_per_second={LEAK_MIB_PER_SECOND}");
    http::client()?.put(url).send().await?.error_for_status()?;
    Ok(())
}

async fn kill_primary(sessions: &Sessions) -> Result<()> {
    let port = sessions.status().await?.primary_instance().context("the primary is not known")?.endpoint.port;
    let processes = sessions.agent.processes().await?;
    let pid = processes.iter().find(|process| process.port == port).and_then(|process| process.pid);
    let pid = Pid::from_raw(i32::try_from(pid.context("the primary does not run")?)?).context("no process id")?;
    kill_process(pid, Signal::KILL).context("killing the primary")
}

/// Who serves, and how much. A slot without traffic may leave the route by a run that began before the outage.
fn serving(status: &GroupStatus) -> Option<BTreeMap<String, u32>> {
    let weights = status.weights.clone()?;
    Some(weights.into_iter().filter(|(_, weight)| *weight > 0).collect())
}

fn weight(status: &GroupStatus, slot: &str) -> u32 {
    status.weights.as_ref().and_then(|weights| weights.get(slot)).copied().unwrap_or_default()
}
