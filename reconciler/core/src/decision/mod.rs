//! What to do next, and why. `decide` takes everything it needs as values and answers with a new
//! remembered state, what should exist, and a report; it makes at most one transition, so that
//! each one is written down before the next is thought of.

mod aftermath;
mod anomalies;
mod criteria;
mod evidence;
mod failure;
mod human;
mod shifting;
mod staging;
mod step;

use crate::desired::{DesiredCapacity, DesiredSlot, DesiredState, DesiredTraffic, InstanceGoal};
use crate::model::group::Group;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::{Mode, Policy};
use crate::model::slot::Role;
use crate::model::split::{Backend, BackendState, MirrorSpec};
use crate::observation::Observation;
use crate::report::Report;
use crate::state::{GroupState, LeavingStage};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use step::Step;

/// What a decision is made from, besides the remembered state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The group as declared.
    pub group: &'a Group,
    /// Its policy.
    pub policy: &'a Policy,
    /// What was seen.
    pub observation: &'a Observation,
    /// The other groups.
    pub fleet: &'a Fleet,
    /// The time of the decision.
    pub now: Timestamp,
}

/// The other groups, as far as they limit this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fleet {
    /// Declared groups, this one included.
    pub groups: usize,
    /// Other groups that are on their way somewhere.
    pub in_flight: usize,
    /// Groups whose score is over their shadowing threshold, this one included.
    pub alarmed: usize,
    /// Other groups that want to start moving and have a higher `failover_priority`.
    pub ahead: usize,
}

/// Groups in flight at once: a tenth of the fleet, at least one. A storm of forecasts is more
/// often one common cause than many failing services.
const IN_FLIGHT_SHARE: usize = 10;

/// Share of the fleet over its threshold at which a common cause is suspected, in percent, and
/// the least fleet for which that says anything.
const COMMON_CAUSE_PERCENT: usize = 30;
const COMMON_CAUSE_GROUPS_MIN: usize = 5;

impl Fleet {
    /// Whether one more group may start moving.
    pub fn has_budget(&self) -> bool {
        self.in_flight + self.ahead < (self.groups / IN_FLIGHT_SHARE).max(1)
    }

    /// Whether so many groups are alarmed at once that one cause is likelier than many.
    pub fn suspects_common_cause(&self) -> bool {
        self.groups >= COMMON_CAUSE_GROUPS_MIN && self.alarmed * 100 > self.groups * COMMON_CAUSE_PERCENT
    }
}

/// What to do next, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decision {
    /// The state to remember.
    pub state: GroupState,
    /// Where the group went, if it went anywhere.
    pub transition: Option<Transition>,
    /// What should exist.
    pub desired: DesiredState,
    /// What to do about the capacity root.
    pub capacity: RootGoal,
    /// What to do about the traffic root.
    pub traffic: RootGoal,
    /// Warm-up tasks to start.
    pub warm_up: Option<SlotId>,
    /// Why.
    pub report: Report,
    /// When to look again at the latest, and what for.
    pub wake: Wake,
}

/// A change of phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Transition {
    /// Where it was.
    pub from: Phase,
    /// Where it went.
    pub to: Phase,
    /// Why.
    pub reason: String,
}

/// When to look again at the latest, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Wake {
    /// Milliseconds from now.
    pub after_ms: u64,
    /// What is looked for.
    pub why: String,
}

/// What to do about a Terraform root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RootGoal {
    /// Leave it as it is, whatever is desired: nothing may be done, or nothing was ever made.
    Untouched,
    /// Make it match the rendering.
    Present,
    /// Destroy what is in it.
    Absent,
}

/// Decides.
pub fn decide(context: Context<'_>, state: &GroupState) -> Decision {
    let mut step = Step::new(context, state.clone());
    step.absorb_instances();
    step.weigh_evidence();
    step.tell_of_anomalies();
    let moved = !step.is_held() && (step.obey() || step.react_to_failure() || step.advance());
    step.finish(moved)
}

impl Step<'_> {
    /// One step along the main path.
    fn advance(&mut self) -> bool {
        match self.state.phase {
            Phase::Observing => self.establish_route(),
            Phase::Idle => self.consider_staging(),
            Phase::Planning
            | Phase::EmergencyProvision
            | Phase::Provisioning
            | Phase::ProvisionFailed
            | Phase::Syncing
            | Phase::SyncStalled
            | Phase::Warming => self.bring_up_shadow(),
            Phase::Ready => self.consider_mirroring(),
            Phase::Mirroring => self.consider_first_shift(),
            Phase::Shifting(index) => self.consider_next_shift(index),
            Phase::HandingOver => self.confirm_handover(),
            Phase::RollingBack => self.confirm_rollback(),
            Phase::Watching => self.watch_new_primary(),
            Phase::Committed => self.settle(),
            Phase::Reprotecting => self.reprotect(),
            Phase::FailbackReady => self.consider_failback(),
            Phase::Decommissioning => self.decommission(),
            Phase::Retiring => self.retire(),
            Phase::Retired => false,
        }
    }
}

/// What should exist, given what is remembered.
pub fn desired_state(group: &Group, policy: &Policy, state: &GroupState) -> DesiredState {
    DesiredState {
        group: group.name.clone(),
        epoch: state.epoch,
        capacity: desired_capacity(group, state),
        traffic: desired_traffic(group, policy, state),
    }
}

fn desired_capacity(group: &Group, state: &GroupState) -> DesiredCapacity {
    let removing = leaving_from(state, LeavingStage::Removing);
    let slots = state.slots.iter().filter(|(id, _)| Some(*id) != removing).filter_map(|(id, slot)| {
        let made = slot.made.as_ref()?;
        let desired = DesiredSlot {
            generation: made.generation,
            role: slot.role,
            state: InstanceGoal::Running,
            size: made.size.clone(),
            placement: made.placement.clone(),
            sync: made.sync.clone(),
            params: made.params.clone(),
            epoch: slot.epoch,
        };
        Some((id.clone(), desired))
    });
    DesiredCapacity { module: group.spec.instance.clone(), slots: slots.collect() }
}

fn desired_traffic(group: &Group, policy: &Policy, state: &GroupState) -> DesiredTraffic {
    let detached = leaving_from(state, LeavingStage::Detaching);
    let backends = state.slots.iter().filter(|(id, _)| Some(*id) != detached).filter_map(|(id, slot)| {
        let endpoint = &slot.instance.as_ref()?.endpoint;
        let fenced = matches!(slot.role, Role::Standby | Role::Quarantined);
        let backend = Backend {
            address: endpoint.address.clone(),
            port: endpoint.port,
            weight: state.weight(id),
            state: if fenced && state.weight(id) == 0 { BackendState::Drain } else { BackendState::Active },
        };
        Some((id.clone(), backend))
    });
    DesiredTraffic {
        module: group.spec.traffic.clone(),
        backends: backends.collect(),
        writer: desired_writer(policy, state),
        mirror: desired_mirror(policy, state),
    }
}

/// While the traffic is shared the primary alone is written to. Who takes everything takes the writes
/// as well: a slot gets them in the very change that raises the epoch and gives it all the weight, well
/// before it has the role, and a roll-back returns them in the same way.
fn desired_writer(policy: &Policy, state: &GroupState) -> Option<SlotId> {
    if policy.spec.shift.split_writes {
        return None;
    }
    let takes_all = state.weights.iter().find(|(_, weight)| **weight == 100).map(|(slot, _)| slot);
    Some(takes_all.unwrap_or(state.primary()).clone())
}

/// The slot that is leaving, if it has reached that stage.
fn leaving_from(state: &GroupState, stage: LeavingStage) -> Option<&SlotId> {
    state.leaving.as_ref().filter(|leaving| leaving.stage as u8 >= stage as u8).map(|leaving| &leaving.slot)
}

/// Copies whose answers nobody waits for: bounded so that a slow shadow cannot pile them up.
const MIRROR_CONCURRENCY_MAX: u32 = 64;
const MIRROR_TIMEOUT_MS: u32 = 1000;

fn desired_mirror(policy: &Policy, state: &GroupState) -> Option<MirrorSpec> {
    let shadow = state.shadow().filter(|_| state.mirroring)?;
    Some(MirrorSpec {
        from: state.primary().as_str().to_owned(),
        to: shadow.as_str().to_owned(),
        percent: policy.spec.mirror.percent,
        methods: policy.spec.mirror.methods.clone(),
        max_concurrency: MIRROR_CONCURRENCY_MAX,
        timeout_ms: MIRROR_TIMEOUT_MS,
    })
}

/// How soon to look again while the data plane's answer to a switch is awaited.
const READ_BACK_EVERY: SignedDuration = SignedDuration::from_millis(100);

/// When to look again: soon while a read-back is awaited, else at the next evaluation.
fn wake(policy: &Policy, state: &GroupState, moved: bool) -> Wake {
    let awaits_read_back = matches!(state.phase, Phase::HandingOver | Phase::RollingBack);
    let (after, why) = match (moved, awaits_read_back) {
        (true, _) => (SignedDuration::ZERO, "a step was made"),
        (false, true) => (READ_BACK_EVERY, "read back the weights"),
        (false, false) => (policy.interval, "next evaluation"),
    };
    Wake { after_ms: u64::try_from(after.as_millis()).unwrap_or(0), why: why.to_owned() }
}

/// What to do about the two roots. Nothing at all while somebody holds the group, and nothing
/// where nothing was made yet and nothing is wanted.
fn root_goals(context: Context<'_>, state: &GroupState) -> (RootGoal, RootGoal) {
    if state.hold.is_some() {
        return (RootGoal::Untouched, RootGoal::Untouched);
    }
    let Context { policy, observation, .. } = context;
    // Nothing is destroyed on the word of metrics that are no longer there.
    let removing = leaving_from(state, LeavingStage::Removing).is_some() && state.phase != Phase::Retiring;
    let interrupted = removing && observation.metrics_outage.is_some();
    let managed = state.slots.values().any(crate::model::slot::Slot::is_managed);
    let capacity = match &observation.capacity.applied {
        _ if interrupted => RootGoal::Untouched,
        None if !managed && observation.capacity.running.is_none() => RootGoal::Untouched,
        _otherwise => RootGoal::Present,
    };
    let wanted = policy.spec.mode >= Mode::Provision || observation.traffic.applied.is_some();
    let traffic = match (state.route_removed, wanted) {
        (true, _) => RootGoal::Absent,
        (false, true) => RootGoal::Present,
        (false, false) => RootGoal::Untouched,
    };
    (capacity, traffic)
}
