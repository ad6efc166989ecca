//! One pass for one group: look, decide, remember, then set to work what the decision wants.
//! Behaviour does not live here: what is decided is in `shadow_core::decision`, what is done in
//! `roots` and `warmup`.

use crate::app::App;
use crate::board::View;
use crate::feedback::Keeper;
use crate::journal::{Entry, Kind};
use crate::roots::{RootJob, RootWork, by_slot, instances, weights_output};
use crate::sample::{GroupSample, Sampler};
use crate::store::{Command, RootRecord, Stored};
use crate::terraform::Aim;
use crate::warmup::Warmups;
use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::json;
use shadow_core::decision::{Context, Decision, RootGoal, decide};
use shadow_core::feedback::Evaluation;
use shadow_core::model::group::{GroupSpec, PrimarySpec};
use shadow_core::model::slot::{Endpoint, Instance, Role, Slot};
use shadow_core::model::{Group, Phase, Policy, SlotId};
use shadow_core::observation::{Observation, RouteObservation};
use shadow_core::rendering::{RootKind, render_capacity, render_traffic};
use shadow_core::state::{Evidence, GroupState, LeavingStage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is to follow a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next cycle, at the latest after that time.
    After(Duration),
    /// Nothing: the group is gone.
    Gone,
}

/// Runs the cycles of one group.
pub struct Runner {
    app: Arc<App>,
    name: String,
    sampler: Sampler,
    sample: Option<GroupSample>,
    capacity: RootJob,
    traffic: RootJob,
    warmups: Warmups,
    feedback: Keeper,
    /// Whether the remembered state was taken over by this process.
    leads: bool,
}

/// What is remembered outside of the group's state.
struct Records {
    capacity: RootRecord,
    traffic: RootRecord,
}

impl Runner {
    /// A runner that has not yet looked at its group.
    pub fn new(app: Arc<App>, name: String) -> Self {
        Self {
            app,
            name,
            sampler: Sampler::default(),
            sample: None,
            capacity: RootJob::default(),
            traffic: RootJob::default(),
            warmups: Warmups::default(),
            feedback: Keeper::default(),
            leads: false,
        }
    }

    /// One pass.
    ///
    /// # Errors
    /// When the store cannot be read or written; then nothing was started.
    pub async fn run_once(&mut self, now: Timestamp) -> anyhow::Result<Next> {
        let Some(declared) = self.app.store.group(&self.name)? else { return Ok(self.forget()) };
        let (group, declared) = self.declaration(declared)?;
        let policy = self.feedback.adapted(&self.app, &self.name, &declared);
        let (mut state, mut entries) = self.remembered(&group.spec, now)?;
        let before = state.clone();
        let commands_taken = self.take_commands(&mut state, &mut entries)?;
        let records = self.records()?;
        let observation = self.observe(&group, &policy, &state, &records, now).await?;
        let fleet = self.app.board.fleet(&self.name, policy.spec.failover_priority);
        let context = Context { group: &group, policy: &policy, observation: &observation, fleet: &fleet, now };
        let decision = decide(context, &state);
        entries.extend(self.entries(&before, &decision, &observation));
        entries.extend(self.learn(&group, &declared, &observation, &decision, now));
        if !entries.is_empty() || without_evidence(&before) != without_evidence(&decision.state) || !self.leads {
            self.app.store.save_state(&self.name, &decision.state, now, &entries, commands_taken)?;
        }
        self.leads = true;
        let next = self.act(&group, &decision, &records, now)?;
        if next != Next::Gone {
            self.publish(observation, decision, &policy);
        }
        Ok(next)
    }

    /// Compares what was said before with what came.
    fn learn(
        &mut self,
        group: &Group,
        policy: &Policy,
        observation: &Observation,
        decision: &Decision,
        now: Timestamp,
    ) -> Vec<Entry> {
        let Some(sample) = &self.sample else { return Vec::new() };
        let evaluation = Evaluation { group, policy, observation, state: &decision.state, now };
        self.feedback.learn(&self.app, evaluation, sample, &self.sampler)
    }

    /// Keeps what was measured and waits for what is still running, at the end.
    pub async fn finish(&mut self) {
        self.sampler.keep(&self.app, &self.name).await;
        self.feedback.save(&self.app, &self.name);
        self.capacity.finish().await;
        self.traffic.finish().await;
    }

    fn forget(&self) -> Next {
        self.app.board.remove(&self.name);
        self.app.histories.forget(&self.name);
        Next::Gone
    }

    fn declaration(&self, declared: Stored<GroupSpec>) -> anyhow::Result<(Group, Policy)> {
        let group = declared.spec.check(declared.generation)?;
        let name = &group.spec.policy;
        let policy = self.app.store.policy(name)?.with_context(|| format!("there is no policy {name:?}"))?;
        Ok((group, policy.spec.check()?))
    }

    /// The remembered state. The first time in this process it is taken over: what an earlier
    /// process had seen counts no more.
    fn remembered(&mut self, spec: &GroupSpec, now: Timestamp) -> anyhow::Result<(GroupState, Vec<Entry>)> {
        match self.app.store.state(&self.name)? {
            Some(state) if self.leads => {
                // Evidence is not worth a write with each sample: it is kept here between cycles.
                let evidence = self.app.board.view(&self.name).decision.map(|decision| decision.state.evidence);
                Ok((GroupState { evidence: evidence.unwrap_or_default(), ..state }, Vec::new()))
            }
            Some(state) => {
                let message = format!("taken over in phase {}", state.phase);
                let data = json!({"epoch": state.epoch});
                let entry = Entry { kind: Kind::Takeover, phase: state.phase.name().to_owned(), message, data };
                Ok((state.taken_over(now), vec![entry]))
            }
            None => {
                let original = SlotId::new("a").context("the first slot")?;
                let mut state = GroupState::new(original, original_slot(&spec.primary, now), now);
                // A route that an earlier group of this name left behind knows a higher epoch.
                state.epoch += self.app.store.split(&self.name)?.map_or(0, |split| split.epoch);
                Ok((state, Vec::new()))
            }
        }
    }

    fn take_commands(&self, state: &mut GroupState, entries: &mut Vec<Entry>) -> anyhow::Result<i64> {
        let (commands, last) = self.app.store.commands(&self.name)?;
        for command in commands {
            let message = match command {
                Command::Hold(hold) => {
                    let message = format!("held: {}", hold.reason);
                    state.hold = Some(hold);
                    message
                }
                Command::Release => {
                    state.end_hold();
                    "released".to_owned()
                }
                Command::Request(request) => {
                    state.request = Some(request);
                    format!("asked for {request:?}").to_lowercase()
                }
                Command::Acknowledge => {
                    state.cooldown_until = None;
                    "the cooldown was acknowledged".to_owned()
                }
            };
            let phase = state.phase.name().to_owned();
            entries.push(Entry { kind: Kind::Human, phase, message, data: json!({}) });
        }
        Ok(last)
    }

    fn records(&self) -> anyhow::Result<Records> {
        let root = |kind: RootKind| self.app.store.root(&self.name, kind.as_str());
        Ok(Records { capacity: root(RootKind::Capacity)?, traffic: root(RootKind::Traffic)? })
    }

    async fn observe(
        &mut self,
        group: &Group,
        policy: &Policy,
        state: &GroupState,
        records: &Records,
        now: Timestamp,
    ) -> anyhow::Result<Observation> {
        let due = self.sample.as_ref().is_none_or(|sample| now.duration_since(sample.at) >= policy.interval);
        if due {
            self.sample = Some(self.sampler.sample(&self.app, group, policy, state, now).await);
        }
        let sample = self.sample.as_ref().context("a sample was just taken")?;
        let (route, answers) = self.route(records).await?;
        let mut health = sample.health.clone();
        for (slot, well) in answers {
            health.entry(slot).or_default().data_plane = Some(well);
        }
        Ok(Observation {
            sampled_at: sample.at,
            score: Some(sample.foreseen.score.clone()),
            metrics_outage: sample.metrics_outage.clone(),
            anomalies: sample.anomalies.clone(),
            expected_event: sample.expected_event.clone(),
            signals: sample.signals.clone(),
            health,
            route,
            capacity: self.capacity.observe(&records.capacity),
            traffic: self.traffic.observe(&records.traffic),
            instances: instances(&records.capacity.outputs),
            needs: sample.foreseen.needs.clone(),
            lag: sample.lag,
            warmups: self.warmups.observe(),
        })
    }

    /// What the data plane says: our own is asked, any other's module was, after the last apply.
    async fn route(&self, records: &Records) -> anyhow::Result<(RouteObservation, BTreeMap<SlotId, bool>)> {
        let Some(split) = self.app.store.split(&self.name)? else {
            let weights = weights_output(&records.traffic.outputs);
            return Ok((RouteObservation { weights, ..RouteObservation::default() }, BTreeMap::new()));
        };
        let status = self.app.control_plane.status(&split).await;
        let mut health = BTreeMap::new();
        let mut active_requests = BTreeMap::new();
        for (slot, backend) in status.backends {
            let Ok(slot) = SlotId::new(slot) else { continue };
            active_requests.insert(slot.clone(), backend.active_requests);
            if let Some(well) = backend.healthy {
                health.insert(slot, well);
            }
        }
        let weights = status.applied_weights.and_then(by_slot);
        let route =
            RouteObservation { weights, epoch: status.applied_epoch, active_requests, rejected: status.rejected };
        Ok((route, health))
    }

    /// Journal entries for what this decision changed.
    fn entries(&self, before: &GroupState, decision: &Decision, observation: &Observation) -> Vec<Entry> {
        let after = &decision.state;
        let phase = after.phase.name().to_owned();
        let mut entries = Vec::new();
        if let Some(transition) = &decision.transition {
            let message = format!("{} → {}: {}", transition.from, transition.to, transition.reason);
            let score = observation.score.as_ref();
            let longest = score.and_then(|score| score.horizons.last());
            let data = json!({
                "from": transition.from.name(), "to": transition.to.name(), "reason": transition.reason,
                "score": longest.map(|h| h.probability), "lower": longest.map(|h| h.lower),
                "parts": score.map(|score| &score.parts), "guards": decision.report.guards,
                "weights": after.weights, "epoch": after.epoch,
                "switch_seconds": switch_seconds(before, after), "cause": after.switch.as_ref().map(|s| s.cause),
                "decided_at": after.switch.as_ref().map(|s| s.decided_at),
            });
            entries.push(Entry { kind: Kind::Transition, phase: phase.clone(), message, data });
        }
        if let Some(resized) = after.resized.as_ref().filter(|resized| before.resized.as_ref() != Some(*resized)) {
            let data = json!({"slot": resized.slot, "needs": after.evidence.needs, "guards": decision.report.guards});
            entries.push(Entry { kind: Kind::Size, phase: phase.clone(), message: resized.reason.clone(), data });
        }
        if before.hold.is_none() && after.hold.is_some() && decision.transition.is_none() {
            let message = after.hold.as_ref().map(|hold| hold.reason.clone()).unwrap_or_default();
            entries.push(Entry { kind: Kind::Hold, phase: phase.clone(), message, data: json!({}) });
        }
        let known = self.app.board.view(&self.name).decision.map(|decision| decision.report.alerts).unwrap_or_default();
        let new_alerts = decision.report.alerts.iter().filter(|alert| !known.contains(alert));
        entries.extend(new_alerts.map(|alert| Entry {
            kind: Kind::Alert,
            phase: phase.clone(),
            message: alert.clone(),
            data: json!({}),
        }));
        entries
    }

    /// Sets to work what the decision wants. Everything here is repeated in the next cycle if it did
    /// not happen in this one.
    fn act(&mut self, group: &Group, decision: &Decision, records: &Records, now: Timestamp) -> anyhow::Result<Next> {
        let wake = Duration::from_millis(decision.wake.after_ms);
        if decision.state.phase == Phase::Retired {
            self.app.store.remove_group(&self.name)?;
            return Ok(self.forget());
        }
        if let Some(work) = root_work(group, decision, RootKind::Traffic) {
            self.traffic.start(&self.app, work, &records.traffic, now);
        }
        if let Some(work) = root_work(group, decision, RootKind::Capacity) {
            self.capacity.start(&self.app, work, &records.capacity, now);
        }
        if let Some(slot) = &decision.warm_up {
            let policy = self.app.store.policy(&group.spec.policy)?;
            let task = policy.and_then(|policy| policy.spec.warmup_task);
            let instance = decision.state.slots.get(slot).and_then(|slot| slot.instance.clone());
            if let (Some(task), Some(instance)) = (task, instance) {
                self.warmups.start(&self.app, &self.name, slot, task, instance);
            }
        }
        Ok(Next::After(wake))
    }

    fn publish(&self, observation: Observation, decision: Decision, policy: &Policy) {
        let required = policy.spec.evaluations.required as usize;
        let evidence = &decision.state.evidence;
        let view = View {
            alarmed: evidence.staging.count().max(evidence.anomalous.count()) >= required,
            priority: policy.spec.failover_priority,
            observation: Some(observation),
            feedback: self.feedback.view(),
            foreseen: self.sample.as_ref().map(|sample| sample.foreseen.clone()),
            decision: Some(decision),
            error: None,
        };
        self.app.board.publish(&self.name, view);
    }
}

/// What is to be done in a root, if anything may be.
fn root_work(group: &Group, decision: &Decision, root: RootKind) -> Option<RootWork> {
    let goal = match root {
        RootKind::Capacity => decision.capacity,
        RootKind::Traffic => decision.traffic,
    };
    let aim = match goal {
        RootGoal::Untouched => return None,
        RootGoal::Present => Aim::Reach,
        RootGoal::Absent => Aim::Destroy,
    };
    let (rendering, module) = match root {
        RootKind::Capacity => (render_capacity(&decision.desired), &group.spec.instance),
        RootKind::Traffic => (render_traffic(&decision.desired), &group.spec.traffic),
    };
    let state = &decision.state;
    let removing = state.leaving.as_ref().filter(|leaving| leaving.stage == LeavingStage::Removing);
    Some(RootWork {
        group: group.name.clone(),
        root,
        aim,
        rendering,
        module: module.clone(),
        desired: decision.desired.capacity.slots.keys().cloned().collect(),
        decommissioned: removing.map(|leaving| leaving.slot.clone()).into_iter().collect(),
        retiring: state.phase == Phase::Retiring,
        // Where a human asked for the route to go as well, nothing serves any more, and nothing is
        // protected but what is the user's own.
        primary: if state.route_removed { state.original.clone() } else { state.primary().clone() },
        epoch: state.epoch,
    })
}

fn without_evidence(state: &GroupState) -> GroupState {
    GroupState { evidence: Evidence::default(), ..state.clone() }
}

/// Seconds from the decision to hand over until the data plane reported it, when that was now.
fn switch_seconds(before: &GroupState, after: &GroupState) -> Option<f64> {
    let switch = after.switch.as_ref()?;
    let was_open = before.switch.as_ref().is_some_and(|before| before.done_at.is_none());
    let done_at = switch.done_at.filter(|_| was_open)?;
    Some(done_at.duration_since(switch.decided_at).as_secs_f64())
}

/// The user's own instance, as declared.
fn original_slot(primary: &PrimarySpec, now: Timestamp) -> Slot {
    let PrimarySpec { instance_id, address, port, health_path, zone } = primary.clone();
    let health_url = health_path.map(|path| format!("http://{address}:{port}{path}"));
    let instance = Instance {
        instance_id,
        endpoint: Endpoint { address, port },
        zone,
        size: shadow_core::model::size::Size::default(),
        health_url,
        agent_url: None,
        hourly_cost: None,
    };
    Slot { role: Role::Primary, epoch: 1, since: now, made: None, instance: Some(instance) }
}
