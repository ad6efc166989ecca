//! Kills the reconciler, Terraform, the provider and the agent while a group fails over. Whatever dies, the group
//! converges, nothing is left over or there twice, and no request is lost.

#![expect(clippy::print_stdout, reason = "the figures that a test measures are part of what it says")]

use anyhow::{Context, Result, ensure};
use shadow_tests::client::Request;
use shadow_tests::load::{Load, LoadReport};
use shadow_tests::orphans::TerraformProcess;
use shadow_tests::sessions::Sessions;
use shadow_tests::wait;
use shadow_tests::world::Part;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A failover takes half a minute by itself; kills multiply that.
const CONVERGES_WITHIN: Duration = Duration::from_secs(120);

/// The reconciler starts Terraform within seconds of a request.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Kills over one failover.
const RANDOM_KILLS: u32 = 30;

/// Longest time from a restart to the next random kill: two runs of Terraform.
const KILL_PAUSE_MAX_MS: u64 = 1_500;

/// Longest wait for a run of Terraform to kill the reconciler in: about one cycle and a read-back.
const RUN_AWAITED: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_step_boundary() {
    let mut sessions = Sessions::start().await.unwrap();
    let load = sessions.start_load().unwrap();
    let began = Instant::now();
    sessions.ask(Request::Failover).await.unwrap();
    let kills = kill_after_each_transition(&mut sessions).await.unwrap();
    // Planning to ready is eight boundaries even when two transitions share one look at the journal.
    assert!(kills >= 8, "only {kills} kills");
    finish(sessions, load, "step boundaries", kills, began).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments() {
    let mut sessions = Sessions::start().await.unwrap();
    let load = sessions.start_load().unwrap();
    let began = Instant::now();
    sessions.ask(Request::Failover).await.unwrap();
    let in_runs = kill_at_random(&mut sessions).await.unwrap();
    println!("{in_runs} of {RANDOM_KILLS} kills fell into a run of terraform");
    assert!(in_runs >= RANDOM_KILLS / 10, "only {in_runs} kills inside terraform runs");
    finish(sessions, load, "random moments", RANDOM_KILLS, began).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_tree_killed_in_an_apply_of_capacity() {
    let mut sessions = Sessions::start().await.unwrap();
    let began = Instant::now();
    sessions.ask(Request::Prepare).await.unwrap();
    let mut kills = 0;
    // Early, in the middle and late in the apply.
    for after in [0, 150, 400].map(Duration::from_millis) {
        if !apply_of_capacity_begins(&sessions).await.unwrap() {
            break;
        }
        tokio::time::sleep(after).await;
        sessions.world.kill_tree(Part::Reconciler).unwrap();
        sessions.world.start(Part::Reconciler).await.unwrap();
        kills += 1;
    }
    assert!(kills > 0, "no apply was seen");
    sessions.at_rest("a", CONVERGES_WITHIN).await.unwrap();
    println!("whole tree: {kills} kills, converged in {:.1} s", began.elapsed().as_secs_f64());
    sessions.check_tidy().await.unwrap();
    sessions.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_killed_while_it_provisions() {
    let mut sessions = Sessions::start().await.unwrap();
    let began = Instant::now();
    sessions.ask(Request::Prepare).await.unwrap();
    assert!(apply_of_capacity_begins(&sessions).await.unwrap());
    let before = pid_of_primary(&sessions).await.unwrap();
    sessions.world.kill(Part::Agent).unwrap();
    sessions.world.start(Part::Agent).await.unwrap();
    sessions.at_rest("a", CONVERGES_WITHIN).await.unwrap();
    println!("agent: converged in {:.1} s", began.elapsed().as_secs_f64());
    // The primary ran on and was recognised.
    assert_eq!(pid_of_primary(&sessions).await.unwrap(), before);
    sessions.check_tidy().await.unwrap();
    sessions.remove().await.unwrap();
}

/// Kills and restarts the reconciler whenever the journal has a new transition, until the group rests.
async fn kill_after_each_transition(sessions: &mut Sessions) -> Result<u32> {
    let deadline = Instant::now() + CONVERGES_WITHIN;
    let mut seen = 0;
    let mut kills = 0;
    for record in sessions.journal(0).await? {
        // What led to idle is past.
        seen = record.transition().filter(|it| it.to == "idle").map_or(seen, |_| record.id);
    }
    while Instant::now() < deadline {
        let transitions = new_transitions(sessions, &mut seen).await;
        if !transitions.is_empty() {
            sessions.world.kill(Part::Reconciler)?;
            sessions.world.start(Part::Reconciler).await?;
            kills += 1;
        }
        if transitions.iter().any(|(from, to)| from == "decommissioning" && to == "ready") {
            break;
        }
    }
    Ok(kills)
}

/// The transitions after record `seen`, which moves on. None when the reconciler does not answer in the moment.
async fn new_transitions(sessions: &Sessions, seen: &mut u64) -> Vec<(String, String)> {
    let records = wait::until("the journal", STARTS_WITHIN, async || sessions.journal(*seen).await.ok()).await;
    let records = records.unwrap_or_default();
    *seen = records.last().map_or(*seen, |record| record.id);
    records.iter().filter_map(|record| record.transition()).map(|it| (it.from, it.to)).collect()
}

/// Kills the reconciler again and again, every second time inside a run of Terraform if there is one. Answers how many
/// kills fell into one.
async fn kill_at_random(sessions: &mut Sessions) -> Result<u32> {
    let mut random = Random::seeded()?;
    let mut in_runs = 0;
    for kill in 0..RANDOM_KILLS {
        if kill % 2 == 0 {
            let runs = async || sessions.world.terraform_runs().ok().filter(|runs| !runs.is_empty());
            // There may be none to wait for: then this is a moment like any other.
            wait::until("a run of terraform", RUN_AWAITED, runs).await.ok();
        }
        tokio::time::sleep(Duration::from_millis(random.below(KILL_PAUSE_MAX_MS))).await;
        in_runs += u32::from(!sessions.world.terraform_runs()?.is_empty());
        sessions.world.kill(Part::Reconciler)?;
        sessions.world.start(Part::Reconciler).await?;
    }
    Ok(in_runs)
}

/// Waits for an apply in the capacity root; false when the group is ready without one.
async fn apply_of_capacity_begins(sessions: &Sessions) -> Result<bool> {
    wait::until_ok("an apply of capacity", STARTS_WITHIN, async || {
        let runs = sessions.world.terraform_runs()?;
        let applies = |run: &TerraformProcess| {
            run.root.ends_with("capacity") && run.arguments.iter().any(|argument| argument == "apply")
        };
        if runs.iter().any(applies) {
            return Ok(Some(true));
        }
        let ready = sessions.status().await.is_ok_and(|status| status.phase == "ready");
        Ok(ready.then_some(false))
    })
    .await
}

async fn pid_of_primary(sessions: &Sessions) -> Result<u32> {
    let processes = sessions.agent.processes().await?;
    let primary = processes.iter().find(|process| process.spec.name == "session-store");
    primary.and_then(|process| process.pid).context("the primary does not run")
}

/// Waits for the group to rest with the new primary, checks that no request was lost and removes everything.
async fn finish(sessions: Sessions, load: Load, what: &str, kills: u32, began: Instant) -> Result<()> {
    sessions.at_rest("b", CONVERGES_WITHIN).await?;
    let seconds = began.elapsed().as_secs_f64();
    let report = load.finish().await;
    println!("{what}: {kills} kills, {seconds:.1} s, {} requests, {} failed", report.requests, report.failed);
    none_failed(&report)?;
    sessions.check_tidy().await?;
    sessions.remove().await
}

fn none_failed(report: &LoadReport) -> Result<()> {
    ensure!(report.requests > 0, "no request was sent");
    ensure!(report.failed == 0, "{} requests failed: {:?} at {:?}", report.failed, report.failures, report.failed_at);
    Ok(())
}

/// Numbers that look random and come again with the same seed (splitmix64).
struct Random(u64);

impl Random {
    /// Seeded by `SHADOW_SEED`, or by the clock; the seed is printed.
    fn seeded() -> Result<Self> {
        let seed = match std::env::var("SHADOW_SEED") {
            Ok(text) => text.parse().context("SHADOW_SEED is no number")?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        println!("seed: SHADOW_SEED={seed}");
        Ok(Self(seed))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
