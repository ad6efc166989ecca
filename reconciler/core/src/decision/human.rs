//! What humans want comes first: requests, holds, and weights that somebody set by hand.

use super::step::Step;
use crate::model::phase::Phase;
use crate::model::slot::Role;
use crate::state::{Cause, Hold, Leaving, LeavingStage, Request};

/// Samples in a row with foreign weights until they count as a human's: one may be a read-back
/// that was under way while we wrote.
const FOREIGN_WEIGHTS_MIN: u32 = 2;

impl Step<'_> {
    /// Starts what a human asked for, once the group is where it can be started.
    pub(super) fn obey(&mut self) -> bool {
        match self.state.request {
            Some(Request::Retire | Request::RetireWithRoute) => self.start_retiring(),
            Some(Request::Failover) => self.start_failover(),
            Some(Request::Failback) => self.start_failback(),
            Some(Request::Prepare) => self.start_preparing(),
            None => false,
        }
    }

    fn start_retiring(&mut self) -> bool {
        if matches!(self.state.phase, Phase::Retiring | Phase::Retired) {
            return false;
        }
        let (original, primary) = (self.state.original.clone(), self.state.primary().clone());
        let with_route = self.state.request == Some(Request::RetireWithRoute);
        let serves = primary == original;
        let inputs = format!("slot {primary} serves, slot {original} is the user's own");
        if !self.report.guard("the user's own instance serves", serves || with_route, inputs) {
            return self
                .wait("retiring waits until the user's own instance serves again, or until the route may go as well");
        }
        self.state.route_removed = with_route;
        self.state.mirroring = false;
        self.state.leaving = None;
        if self.state.weight(&primary) == 0 {
            // A hand-over is under way: it is undone, and who was to write in its epoch writes no more.
            self.state.epoch += 1;
        }
        self.send_all_to(&primary);
        self.go(Phase::Retiring, "the group's declaration was removed")
    }

    fn start_failover(&mut self) -> bool {
        if !can_hand_over(self.state.phase) {
            return self.start_preparing_for("a human asked for a failover and there is no shadow yet");
        }
        let Some(to) = self.usable_candidate() else {
            return self.wait("the failover that was asked for waits until the shadow is well and in sync");
        };
        self.state.request = None;
        self.state.cooldown_until = None;
        self.begin_handover(&to, Cause::Human, "a human asked for a failover")
    }

    fn start_failback(&mut self) -> bool {
        let standby = self.state.slot_with(Role::Standby).cloned();
        let Some(standby) = standby.filter(|_| self.state.phase == Phase::FailbackReady) else {
            return self.wait("the failback that was asked for waits for a standby to be ready");
        };
        let well = self.state.health(&standby).well >= self.context.policy.spec.ready_probes;
        if !self.report.guard("standby is well", well, format!("slot {standby}")) {
            return self.wait("the failback that was asked for waits until the standby is well");
        }
        self.state.request = None;
        self.state.cooldown_until = None;
        self.begin_handover(&standby, Cause::Human, "a human asked for a failback")
    }

    fn start_preparing(&mut self) -> bool {
        if can_hand_over(self.state.phase) {
            self.state.request = None;
            return false;
        }
        self.start_preparing_for("a human asked for a shadow")
    }

    fn start_preparing_for(&mut self, reason: &str) -> bool {
        if !matches!(self.state.phase, Phase::Observing | Phase::Idle) || self.state.shadow().is_some() {
            return false;
        }
        if self.context.observation.traffic.applied.is_none() {
            return self.wait("the request waits until the route is set up");
        }
        self.add_shadow();
        self.go(Phase::Planning, reason)
    }

    /// Whether the group keeps still: somebody holds it, or a human has just set the weights.
    pub(super) fn is_held(&mut self) -> bool {
        let now = self.now();
        if let Some(hold) = self.state.hold.clone() {
            let over = hold.until.is_some_and(|until| until <= now);
            self.report.guard("not held", over, format!("{} since {}", hold.reason, hold.since));
            if over {
                self.state.end_hold();
            } else {
                self.report.wait("somebody holds this group: `release` lets it go on");
            }
            return !over;
        }
        if self.state.evidence.foreign_weights < FOREIGN_WEIGHTS_MIN {
            return false;
        }
        let until = now.checked_add(self.context.policy.hold_after_human).ok();
        let reason = "the weights were changed by somebody else: the human wins".to_owned();
        self.report.alert(reason.clone());
        self.state.hold = Some(Hold { reason, since: now, until });
        true
    }

    /// Takes away what was made for a group whose declaration was removed.
    pub(super) fn retire(&mut self) -> bool {
        let absent =
            self.context.observation.traffic.applied.is_none() && self.context.observation.traffic.running.is_none();
        let route_is_done = if self.state.route_removed { absent } else { self.weights_are_read_back() || absent };
        if !route_is_done {
            return self.wait("the route is returned to the user's own instance first");
        }
        if self.state.leaving.is_some() {
            return self.decommission();
        }
        let original = self.state.original.clone();
        let mut others = self.state.slots.iter().filter(|(id, slot)| slot.is_managed() || **id != original);
        match others.next().map(|(id, _)| id.clone()) {
            // Without a route there is no traffic to drain.
            Some(slot) if self.state.route_removed => {
                self.state.leaving = Some(Leaving { slot, stage: LeavingStage::Removing, then: Phase::Retiring });
                true
            }
            Some(slot) => self.start_leaving(slot, Phase::Retiring),
            None => self.go(Phase::Retired, "nothing that was made for the group is left"),
        }
    }
}

/// Whether a shadow or standby is there that could take over.
fn can_hand_over(phase: Phase) -> bool {
    matches!(phase, Phase::Ready | Phase::Mirroring | Phase::Shifting(_) | Phase::FailbackReady)
}
