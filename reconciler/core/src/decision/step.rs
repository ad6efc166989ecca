//! The working value of one decision: the state as it becomes, and the report as it grows.

use super::{Context, Decision, Transition, desired_state, root_goals, wake};
use crate::desired::DesiredState;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::Mode;
use crate::model::slot::{Making, Role, Slot, SyncSource};
use crate::observation::RootObservation;
use crate::rendering::{Rendering, render_capacity, render_traffic};
use crate::report::Report;
use crate::shares::{ALL, route_weights};
use crate::state::{GroupState, Streak};
use jiff::{SignedDuration, Timestamp};

/// One decision in the making.
pub(super) struct Step<'a> {
    pub(super) context: Context<'a>,
    pub(super) state: GroupState,
    pub(super) report: Report,
    pub(super) warm_up: Option<SlotId>,
    before: Phase,
}

impl<'a> Step<'a> {
    pub(super) fn new(context: Context<'a>, state: GroupState) -> Self {
        let before = state.phase;
        Self { context, state, report: Report::default(), warm_up: None, before }
    }

    pub(super) fn finish(self, moved: bool) -> Decision {
        let Self { context, state, report, warm_up, before } = self;
        let transition = (before != state.phase).then(|| Transition {
            from: before,
            to: state.phase,
            reason: state.phase_reason.clone(),
        });
        let (capacity, traffic) = root_goals(context, &state);
        let desired = desired_state(context.group, context.policy, &state);
        let wake = wake(context.policy, &state, moved);
        Decision { state, transition, desired, capacity, traffic, warm_up, report, wake }
    }

    /// Goes to another phase. Verdicts of the phase that ends do not count in the one that begins.
    pub(super) fn go(&mut self, phase: Phase, reason: impl Into<String>) -> bool {
        self.state.phase = phase;
        self.state.phase_since = self.context.now;
        self.state.phase_reason = reason.into();
        self.state.evidence.judge = Streak::default();
        true
    }

    /// Notes what is waited for; always answers that nothing moved.
    pub(super) fn wait(&mut self, what: impl Into<String>) -> bool {
        self.report.wait(what);
        false
    }

    pub(super) fn mode_is_at_least(&mut self, mode: Mode) -> bool {
        let actual = self.context.policy.spec.mode;
        self.report.guard("mode", actual >= mode, format!("policy says {actual:?}, {mode:?} is needed"))
    }

    pub(super) fn metrics_are_fresh(&mut self) -> bool {
        let outage = &self.context.observation.metrics_outage;
        let inputs = outage.clone().unwrap_or_else(|| "all signals are fresh".to_owned());
        self.report.guard("metrics are fresh", outage.is_none(), inputs)
    }

    pub(super) fn for_at_least(&self, duration: SignedDuration) -> bool {
        self.in_phase_for() >= duration
    }

    pub(super) fn in_phase_for(&self) -> SignedDuration {
        self.context.now.duration_since(self.state.phase_since)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Whether the data plane itself reports the wanted weights.
    pub(super) fn weights_are_read_back(&mut self) -> bool {
        let route = &self.context.observation.route;
        let wanted: Vec<(&SlotId, u32)> = self.state.weights.iter().map(|(id, weight)| (id, *weight)).collect();
        let matches = route
            .weights
            .as_ref()
            .is_some_and(|seen| wanted.iter().all(|(id, weight)| seen.get(id).copied().unwrap_or(0) == *weight));
        let inputs = format!(
            "wanted {}, read back {}",
            weights_text(Some(&self.state.weights)),
            weights_text(route.weights.as_ref())
        );
        self.report.guard("weights read back", matches, inputs)
    }

    /// Whether the capacity root stands as it should: applied, and nothing running in it.
    pub(super) fn capacity_is_settled(&mut self) -> bool {
        let root = &self.context.observation.capacity;
        let settled = is_settled(root, &render_capacity(&self.desired()));
        self.report.guard("capacity root is applied", settled, root_text(root))
    }

    /// Whether the traffic root stands as it should.
    pub(super) fn traffic_is_settled(&self) -> bool {
        is_settled(&self.context.observation.traffic, &render_traffic(&self.desired()))
    }

    fn desired(&self) -> DesiredState {
        desired_state(self.context.group, self.context.policy, &self.state)
    }

    /// Moves all weight to one slot.
    pub(super) fn send_all_to(&mut self, slot: &SlotId) {
        self.share(slot, ALL);
    }

    /// Gives `slot` a share in percent and the primary (or, for the primary itself, nobody) the rest.
    pub(super) fn share(&mut self, slot: &SlotId, percent: u32) {
        let primary = self.state.primary().clone();
        let known = self.state.slots.iter().filter(|(_, s)| s.instance.is_some()).map(|(id, _)| id.clone());
        self.state.weights = route_weights(primary, slot.clone(), percent, known);
    }

    /// Adds a slot for a new shadow of the present primary.
    pub(super) fn add_shadow(&mut self) -> SlotId {
        let id = SlotId::next_after([&self.state.newest_slot]);
        let spec = &self.context.group.spec;
        let source = self.state.primary();
        let endpoint = self.state.slots.get(source).and_then(|slot| slot.instance.as_ref()).map(|i| i.endpoint.clone());
        let synchronization = &self.context.policy.spec.synchronization;
        let making = Making {
            generation: self.context.group.generation,
            size: self.size_of_new_shadow(),
            placement: spec.placement.clone(),
            params: spec.instance.params.clone(),
            sync: SyncSource {
                method: synchronization.method.clone(),
                source_slot: Some(source.clone()),
                source_endpoint: endpoint,
                interval: synchronization.interval.clone(),
            },
        };
        let slot = Slot {
            role: Role::Shadow,
            epoch: self.state.epoch,
            since: self.context.now,
            made: Some(making),
            instance: None,
        };
        self.state.slots.insert(id.clone(), slot);
        self.state.newest_slot = id.clone();
        self.state.evidence.sync = None;
        self.state.evidence.lag = None;
        id
    }

    /// Gives a slot another role, in the present epoch.
    pub(super) fn give_role(&mut self, slot: &SlotId, role: Role) {
        let epoch = self.state.epoch;
        if let Some(slot) = self.state.slots.get_mut(slot) {
            slot.role = role;
            slot.epoch = epoch;
        }
    }
}

fn is_settled(root: &RootObservation, wanted: &Rendering) -> bool {
    root.running.is_none() && root.applied.as_ref() == Some(&wanted.digest)
}

/// Weights as `a=90 b=10`.
pub(super) fn weights_text(weights: Option<&std::collections::BTreeMap<SlotId, u32>>) -> String {
    let Some(weights) = weights else { return "unknown".to_owned() };
    let parts: Vec<String> = weights.iter().map(|(slot, weight)| format!("{slot}={weight}")).collect();
    parts.join(" ")
}

pub(super) fn root_text(root: &RootObservation) -> String {
    match (&root.running, &root.failure) {
        (Some(run), _) if run.applying => format!("terraform has been applying since {}", run.since),
        (Some(run), _) => format!("terraform has been planning since {}", run.since),
        (None, Some(failure)) => format!("attempt {} failed: {}", failure.attempts, failure.message),
        (None, None) => "nothing is running".to_owned(),
    }
}
