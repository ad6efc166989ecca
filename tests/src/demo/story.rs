//! The two stories: a primary that leaks until it dies, and one that is killed. Each step waits for what should be
//! seen, and fails when it is not.

use super::stage::{GROUP, Stage};
use super::victim::Victim;
use super::{Fault, Options};
use crate::client::Request;
use crate::load::{Load, LoadConfig};
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::time::Duration;

/// Requests before the fault: 45 seconds at the default rate, for a baseline of latency and a history to forecast from.
const BASELINE_REQUESTS: u64 = 45 * 250;

/// The first roots must be provisioned and Envoy told of the listener.
const SETUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Twice the time that the baseline takes, and the first score.
const BASELINE_TIMEOUT: Duration = Duration::from_secs(120);

/// A leak takes about two minutes from start to crash; the hand-over lies between.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(180);

/// A shadow is a process that starts within a second and is warmed for a few.
const SHADOW_TIMEOUT: Duration = Duration::from_secs(90);

/// The crash, the watch, the new shadow and the removal of the old one.
const AFTERMATH_TIMEOUT: Duration = Duration::from_secs(180);

/// Two roots are destroyed by Terraform.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// Tells the story of the fault.
pub(super) async fn tell(stage: &mut Stage<'_>, options: &Options) -> Result<()> {
    apply_example(stage, options).await?;
    start_load(stage).await?;
    see_baseline(stage).await?;
    match options.fault {
        Fault::Leak => leak(stage, options.leak_mib_per_second).await,
        Fault::Kill => kill(stage).await,
    }
}

/// Removes what was made, as a user would: asks for the group's retirement, then destroys the own root.
pub(super) async fn tidy_up(stage: &mut Stage<'_>) -> Result<()> {
    let Some(mut root) = stage.user_root.take() else { return Ok(()) };
    stage.screen.line("retiring the group, then terraform destroy");
    let retired = retire(stage).await;
    let destroyed = root.destroy().await;
    stage.evidence.user_runs = root.runs;
    retired.and(destroyed)?;
    // The runs of the retirement belong into the report.
    stage.read_journal().await
}

async fn apply_example(stage: &mut Stage<'_>, options: &Options) -> Result<()> {
    stage.screen.line("terraform init and apply of examples/local-failover");
    let mut variables = stage.world.example_variables();
    variables["memory_limit_mib"] = options.memory_limit_mib.into();
    let root = stage.world.example("local-failover", &variables)?;
    let root = stage.user_root.insert(root);
    root.init().await?;
    let changes = root.apply().await?.changes().unwrap_or_default();
    let empty = root.plan_is_empty().await?;
    stage.evidence.plan_empty_after_apply = Some(empty);
    stage.screen.line(&format!("applied: {changes} changes; plan afterwards: {}", plan_text(empty)));
    Ok(())
}

async fn start_load(stage: &mut Stage<'_>) -> Result<()> {
    stage.world.listener_ready(SETUP_TIMEOUT).await?;
    let config = LoadConfig::to(stage.world.listener());
    stage.screen.line(&format!("load: {} requests/s to http://{}", config.rate, config.target));
    stage.load = Some(Load::start(&config)?);
    Ok(())
}

async fn see_baseline(stage: &mut Stage<'_>) -> Result<()> {
    let known = |stage: &Stage<'_>| stage.evidence.status.as_ref().is_some_and(|it| it.primary_instance().is_some());
    stage.follow("the primary to be known", SETUP_TIMEOUT, known).await?;
    let status = stage.evidence.status.as_ref().context("there is no status of the group")?;
    let instance = status.primary_instance().context("the primary has no instance")?;
    stage.evidence.old_primary = Some(status.primary.clone());
    stage.victim = Some(Victim::at(&instance.endpoint, &stage.agent).await?);
    let healthy = |stage: &Stage<'_>| {
        let requests = stage.load.as_ref().map_or(0, |load| load.progress().requests);
        let scored = stage.evidence.status.as_ref().is_some_and(|it| it.phase == "idle" && it.score().is_some());
        requests >= BASELINE_REQUESTS && scored
    };
    stage.follow("a healthy baseline with a score", BASELINE_TIMEOUT, healthy).await
}

async fn leak(stage: &mut Stage<'_>, mib_per_second: u32) -> Result<()> {
    let victim = stage.victim.as_ref().context("there is no primary")?;
    victim.leak(mib_per_second).await?;
    stage.evidence.fault_at = Some(Timestamp::now());
    stage.screen.line(&format!("fault: the primary leaks {mib_per_second} MiB/s; the reconciler sees metrics only"));
    stage.follow("the hand-over", HANDOVER_TIMEOUT, |stage| stage.evidence.handed_over().is_some()).await?;
    check_plan_after_handover(stage).await?;
    let over = |stage: &Stage<'_>| {
        let evidence = &stage.evidence;
        evidence.died_at.is_some() && evidence.has_new_shadow() && evidence.old_primary_is_gone()
    };
    stage.follow("the crash, a new shadow and the end of the old primary", AFTERMATH_TIMEOUT, over).await
}

/// Before the crash: a dead process is drift, and a plan is right to show it.
async fn check_plan_after_handover(stage: &mut Stage<'_>) -> Result<()> {
    let root = stage.user_root.as_mut().context("there is no root of the user's")?;
    let empty = root.plan_is_empty().await?;
    stage.evidence.plan_empty_after_handover = Some(empty);
    stage.screen.line(&format!("handed over; plan of the user's root: {}", plan_text(empty)));
    Ok(())
}

async fn kill(stage: &mut Stage<'_>) -> Result<()> {
    stage.reconciler.request(GROUP, Request::Prepare).await?;
    let ready = |stage: &Stage<'_>| stage.evidence.status.as_ref().is_some_and(|status| status.phase == "ready");
    stage.follow("a shadow to be ready", SHADOW_TIMEOUT, ready).await?;
    let victim = stage.victim.as_ref().context("there is no primary")?;
    stage.evidence.fault_at = Some(Timestamp::now());
    victim.kill()?;
    stage.screen.line("fault: the primary is killed");
    let committed = |stage: &Stage<'_>| stage.evidence.first_entry("committed").is_some();
    stage.follow("the new primary to be committed", AFTERMATH_TIMEOUT, committed).await
}

async fn retire(stage: &mut Stage<'_>) -> Result<()> {
    stage.reconciler.request(GROUP, Request::Retire).await?;
    let retired = async || match stage.reconciler.status(GROUP).await? {
        Some(status) if status.slots.values().any(|slot| slot.managed) => Ok(None),
        _ => Ok(Some(())),
    };
    crate::wait::until_ok("the group to be retired", RETIRE_TIMEOUT, retired).await
}

fn plan_text(empty: bool) -> &'static str {
    if empty { "empty" } else { "NOT empty" }
}
