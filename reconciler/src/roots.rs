//! One attempt at a time to make a group's Terraform root what it should be: write, init, plan,
//! guard, apply, remember. It runs beside the cycles, which only see how far it is.

use crate::app::App;
use crate::journal::{Entry, Kind};
use crate::store::RootRecord;
use crate::terraform::{Aim, Changes, Outputs, Terraform, Workspace, wait_for_foreign_run};
use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shadow_core::guard::{GuardFacts, Verdict, review};
use shadow_core::model::group::ModuleSpec;
use shadow_core::model::slot::{Endpoint, Instance};
use shadow_core::model::{GroupName, SlotId};
use shadow_core::observation::{RootFailure, RootObservation, RootRun};
use shadow_core::rendering::{Rendering, RootKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What is to be done in a root, complete: the attempt makes no choices.
#[derive(Debug, Clone)]
pub struct RootWork {
    /// The group.
    pub group: GroupName,
    /// Which of its roots.
    pub root: RootKind,
    /// Whether everything in it goes.
    pub aim: Aim,
    /// The files.
    pub rendering: Rendering,
    /// The user's module, for the allow-list and the contract check.
    pub module: ModuleSpec,
    /// Slots that the desired state contains.
    pub desired: BTreeSet<SlotId>,
    /// Slots that the decision removes.
    pub decommissioned: BTreeSet<SlotId>,
    /// Whether the group is being retired.
    pub retiring: bool,
    /// The slot with the role primary.
    pub primary: SlotId,
    /// The group's epoch.
    pub epoch: u64,
}

/// The attempts at one root.
#[derive(Debug, Default)]
pub struct RootJob {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    since: Timestamp,
    applying: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Longest wait for somebody else's Terraform in our root: as long as the longest apply.
const FOREIGN_RUN_MAX: Duration = Duration::from_secs(3600);

/// Longest pause after failed attempts.
const PAUSE_MAX_S: u64 = 300;

impl RootJob {
    /// Where the root stands.
    pub fn observe(&mut self, record: &RootRecord) -> RootObservation {
        self.running.take_if(|running| running.task.is_finished());
        let running = self
            .running
            .as_ref()
            .map(|running| RootRun { since: running.since, applying: running.applying.load(Ordering::Relaxed) });
        RootObservation { applied: record.applied.clone(), running, failure: record.failure.clone() }
    }

    /// Starts an attempt, unless one is running, nothing is to do, or the last one failed a moment
    /// ago.
    pub fn start(&mut self, app: &Arc<App>, work: RootWork, record: &RootRecord, now: Timestamp) {
        let reached = match work.aim {
            Aim::Reach => record.applied.as_deref() == Some(work.rendering.digest.as_str()),
            Aim::Destroy => record.applied.is_none(),
        };
        if self.running.is_some() || reached || is_pausing(record, &work.rendering.digest, now) {
            return;
        }
        let applying = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(attempt(app.clone(), work, record.clone(), applying.clone()));
        self.running = Some(Running { since: now, applying, task });
    }

    /// Waits for the attempt that is running, if any.
    pub async fn finish(&mut self) {
        if let Some(running) = self.running.take()
            && let Err(error) = running.task.await
        {
            tracing::error!(%error, "a Terraform attempt ended in a panic");
        }
    }
}

/// After failures of the same files the next attempt waits, twice as long each time.
fn is_pausing(record: &RootRecord, digest: &str, now: Timestamp) -> bool {
    let Some(failure) = record.failure.as_ref().filter(|_| record.attempted.as_deref() == Some(digest)) else {
        return false;
    };
    let doublings = failure.attempts.saturating_sub(1).min(16);
    let pause = (1_u64 << doublings).min(PAUSE_MAX_S);
    let pause = SignedDuration::from_secs(i64::try_from(pause).unwrap_or(i64::MAX));
    now.duration_since(failure.at) < pause
}

/// One attempt, its bookkeeping, and the bell for the group's next cycle.
async fn attempt(app: Arc<App>, work: RootWork, before: RootRecord, applying: Arc<AtomicBool>) {
    let group = work.group.as_str();
    let started = tokio::time::Instant::now();
    let outcome = carry_out(&app, &work, &applying).await;
    let at = crate::clock::now();
    let (record, entry) = match outcome {
        Ok(done) => (done.record(&work), done.entry(&work, started.elapsed())),
        Err(error) => failure(&work, before, &error, at, started.elapsed()),
    };
    let label = if record.failure.is_some() { "failed" } else { "done" };
    app.metrics.terraform_run(group, work.root.as_str(), label);
    let saved = app.store.save_root(group, work.root.as_str(), &record);
    if let Err(error) = saved.and_then(|()| app.store.add_entry(group, at, &entry)) {
        tracing::error!(group, error = format!("{error:#}"), "the outcome of a Terraform run could not be stored");
    }
    app.board.wake(group);
}

/// What an attempt did.
struct Done {
    changes: Changes,
    outputs: Outputs,
    serial: u64,
    notes: Vec<String>,
}

impl Done {
    fn record(&self, work: &RootWork) -> RootRecord {
        let applied = (work.aim == Aim::Reach).then(|| work.rendering.digest.clone());
        RootRecord { applied, attempted: None, serial: Some(self.serial), outputs: json!(self.outputs), failure: None }
    }

    fn entry(&self, work: &RootWork, took: Duration) -> Entry {
        let Changes { add, change, remove } = self.changes;
        let message = format!("terraform {}: {add} added, {change} changed, {remove} destroyed", work.root);
        let data = json!({
            "root": work.root, "action": action(work), "seconds": took.as_secs_f64(), "outcome": "done",
            "changes": {"add": add, "change": change, "remove": remove}, "epoch": work.epoch, "notes": self.notes,
        });
        Entry { kind: Kind::Terraform, phase: String::new(), message, data }
    }
}

fn action(work: &RootWork) -> &'static str {
    match work.aim {
        Aim::Reach => "apply",
        Aim::Destroy => "destroy",
    }
}

fn failure(
    work: &RootWork,
    before: RootRecord,
    error: &anyhow::Error,
    at: Timestamp,
    took: Duration,
) -> (RootRecord, Entry) {
    let same = before.attempted.as_deref() == Some(work.rendering.digest.as_str());
    let attempts = before.failure.as_ref().filter(|_| same).map_or(0, |failure| failure.attempts) + 1;
    let message = format!("{error:#}");
    tracing::warn!(group = %work.group, root = %work.root, attempts, error = message, "terraform attempt failed");
    let failure = RootFailure { at, attempts, message: message.clone() };
    let record = RootRecord { attempted: Some(work.rendering.digest.clone()), failure: Some(failure), ..before };
    let data = json!({
        "root": work.root, "action": action(work), "seconds": took.as_secs_f64(), "outcome": "failed",
        "attempts": attempts, "epoch": work.epoch,
    });
    (
        record,
        Entry { kind: Kind::Error, phase: String::new(), message: format!("terraform {}: {message}", work.root), data },
    )
}

async fn carry_out(app: &App, work: &RootWork, applying: &AtomicBool) -> anyhow::Result<Done> {
    // A switch never queues behind provisioning.
    let _permit = match work.root {
        RootKind::Capacity => Some(app.terraform_runs.acquire().await?),
        RootKind::Traffic => None,
    };
    let workspace = Workspace::open(&app.config.data, &work.group, work.root)?;
    let foreign = wait_for_foreign_run(workspace.folder(), FOREIGN_RUN_MAX).await?;
    if !foreign.processes.is_empty() || foreign.lock_removed.is_some() {
        tracing::warn!(group = %work.group, root = %work.root, ?foreign, "somebody else's run has ended");
    }
    app.terraform.recover_state(&workspace).await?;
    workspace.write(&work.rendering)?;
    app.terraform.init(&workspace, &work.module).await?;
    let planned = app.terraform.plan(&workspace, work.epoch, work.aim).await?;
    let facts = GuardFacts {
        root: work.root,
        weights: route_weights(app, work.group.as_str()).await,
        primary: work.primary.clone(),
        desired: work.desired.clone(),
        decommissioned: work.decommissioned.clone(),
        retiring: work.retiring,
        identity: planned.identity,
    };
    match review(&planned.plan, &facts) {
        Verdict::NothingToDo => nothing_to_do(&app.terraform, &workspace).await,
        Verdict::Refused(notes) => {
            let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
            bail!("the guard refuses the plan, nothing was done: {}", notes.join("; "))
        }
        Verdict::Approved(approved) => {
            applying.store(true, Ordering::Relaxed);
            app.board.wake(work.group.as_str());
            let notes = approved.notes().iter().map(ToString::to_string).collect();
            let epoch = leading_epoch(app, work)?;
            let applied = app.terraform.apply(&workspace, approved, epoch, &mut |_progress| {}).await?;
            Ok(Done { changes: applied.changes, outputs: applied.outputs, serial: applied.state.serial, notes })
        }
    }
}

async fn nothing_to_do(terraform: &Terraform, workspace: &Workspace) -> anyhow::Result<Done> {
    let outputs = terraform.outputs(workspace).await?;
    let serial = workspace.state_identity()?.serial;
    Ok(Done { changes: Changes::default(), outputs, serial, notes: Vec::new() })
}

/// The group's epoch as remembered at this moment; a hold that came meanwhile voids the approval.
fn leading_epoch(app: &App, work: &RootWork) -> anyhow::Result<u64> {
    let state = app.store.state(work.group.as_str())?.context("the group is gone")?;
    if state.hold.is_some() {
        bail!("somebody holds the group: the approved plan was not applied");
    }
    Ok(state.epoch)
}

/// Weights as our own data plane reports them at this moment; for any other, as its module reported
/// them after the last apply.
pub async fn route_weights(app: &App, group: &str) -> Option<BTreeMap<SlotId, u32>> {
    if let Some(split) = app.store.split(group).ok()? {
        return by_slot(app.control_plane.status(&split).await.applied_weights?);
    }
    let traffic = app.store.root(group, RootKind::Traffic.as_str()).ok()?;
    // Without a route nothing gets traffic.
    if traffic.applied.is_none() { Some(BTreeMap::new()) } else { weights_output(&traffic.outputs) }
}

/// The weights that a traffic module reported after its last apply.
pub fn weights_output(outputs: &Value) -> Option<BTreeMap<SlotId, u32>> {
    by_slot(serde_json::from_value(outputs.get("applied_weights")?.clone()).ok()?)
}

/// Weights with checked keys.
pub fn by_slot(weights: BTreeMap<String, u32>) -> Option<BTreeMap<SlotId, u32>> {
    weights.into_iter().map(|(slot, weight)| Some((SlotId::new(slot).ok()?, weight))).collect()
}

/// The instances that a capacity root reports. A slot whose report cannot be read is left out, and
/// so never counts as ready.
pub fn instances(outputs: &Value) -> BTreeMap<SlotId, Instance> {
    let Some(slots) = outputs.get("slots").and_then(Value::as_object) else { return BTreeMap::new() };
    let read = |(slot, told): (&String, &Value)| Some((SlotId::new(slot.clone()).ok()?, instance(told)?));
    slots.iter().filter_map(read).collect()
}

fn instance(told: &Value) -> Option<Instance> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let endpoint = told.get("endpoint")?;
    let port = endpoint.get("port")?.as_u64()?;
    Some(Instance {
        instance_id: text(told.get("instance_id")?)?,
        endpoint: Endpoint { address: text(endpoint.get("address")?)?, port: u16::try_from(port).ok()? },
        zone: told.get("zone").and_then(text),
        size: told.get("size").cloned().and_then(|size| serde_json::from_value(size).ok()).unwrap_or_default(),
        health_url: told.pointer("/health/url").and_then(text),
        agent_url: told.get("agent").and_then(text),
        hourly_cost: told.get("hourly_cost").and_then(Value::as_f64),
    })
}
