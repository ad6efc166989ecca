//! After the switch: watch, roll back or commit, protect the new primary, let the old one go.

use super::step::Step;
use crate::calendar::is_open;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::{AfterHandover, Failback, Mode};
use crate::model::slot::Role;
use crate::state::{Cause, Leaving, LeavingStage};

impl Step<'_> {
    /// The new primary must do its job for the watch time, or the old one takes over again.
    pub(super) fn watch_new_primary(&mut self) -> bool {
        let primary = self.state.primary().clone();
        if self.new_primary_fails(&primary) {
            return self.roll_back_or_stay(&primary);
        }
        let watch = self.context.policy.watch;
        let watched = self.for_at_least(watch);
        let since = format!("for {:#}, {watch:#} needed", self.in_phase_for());
        let well = self.state.evidence.judge.well;
        let guards = [
            self.report.guard("watched long enough", watched, since),
            self.report.guard("judge passes", well > 0, format!("{well} in a row")),
            self.weights_are_read_back(),
            self.metrics_are_fresh(),
        ];
        if guards.contains(&false) {
            return self.wait("the new primary is watched");
        }
        self.go(Phase::Committed, format!("slot {primary} has done its job for {watch:#}"))
    }

    fn new_primary_fails(&mut self, primary: &SlotId) -> bool {
        let policy = &self.context.policy.spec;
        let judged = self.state.evidence.judge.failed >= policy.shift.passes.max(policy.failure.evaluations);
        judged || self.state.health(primary).failed >= policy.failure.evaluations
    }

    /// Goes back to the side that is well, whatever its name; if neither is, nothing is taken away.
    fn roll_back_or_stay(&mut self, primary: &SlotId) -> bool {
        let old = self.state.slot_with(Role::Standby).cloned();
        let well = old.filter(|old| {
            let streak = self.state.health(old);
            streak.well > 0 && streak.failed == 0
        });
        let Some(old) = well else {
            self.report.alert(format!("new primary {primary} fails and no other slot is well"));
            return self.wait("both sides are unwell: nothing is taken away");
        };
        self.state.epoch += 1;
        self.send_all_to(&old);
        self.give_role(primary, Role::Quarantined);
        self.give_role(&old, Role::Primary);
        self.go(Phase::RollingBack, format!("new primary {primary} fails: slot {old} serves again"))
    }

    /// What follows a final hand-over is the policy's choice.
    pub(super) fn settle(&mut self) -> bool {
        if self.state.slot_with(Role::Standby).is_none() {
            return self.go(Phase::Idle, "there is no old primary");
        }
        match self.context.policy.spec.after_handover {
            // Nothing is rebuilt or stopped yet: what such a policy asks for begins with a standby.
            AfterHandover::Standby | AfterHandover::Rebuild | AfterHandover::Stop => {
                self.go(Phase::FailbackReady, "the old primary stands by")
            }
            AfterHandover::Deprovision => {
                if self.state.shadow().is_none() {
                    self.add_shadow();
                }
                self.go(Phase::Reprotecting, "the new primary gets a shadow of its own")
            }
        }
    }

    /// The new primary's shadow is made ready before the old primary may go.
    pub(super) fn reprotect(&mut self) -> bool {
        let (Some(shadow), Some(old)) = (self.state.shadow().cloned(), self.state.slot_with(Role::Standby).cloned())
        else {
            return self.go(Phase::Idle, "there is nothing to protect with");
        };
        match self.is_ready(&shadow) {
            Ok(()) => {
                let moved = self.start_leaving(old, Phase::Ready);
                self.state.phase_reason =
                    format!("slot {shadow} protects the new primary; {}", self.state.phase_reason);
                moved
            }
            Err(what) => self.wait(format!("new shadow {shadow}: {what}")),
        }
    }

    /// With a standby there is no second slot to stage: a degrading primary hands over to it.
    pub(super) fn consider_failback(&mut self) -> bool {
        self.hand_over_if_critical()
            || self.fail_back_by_itself()
            || self.wait(
                "the old primary stands by: `failback` returns to it, and so does a critical score; see the guards",
            )
    }

    /// Returns to the original primary where the policy says so and it has been well for long enough.
    fn fail_back_by_itself(&mut self) -> bool {
        let policy = self.context.policy;
        let standby = self.state.slot_with(Role::Standby).cloned();
        let Some(original) = standby.filter(|standby| *standby == self.state.original) else { return false };
        let is_time = match policy.spec.failback {
            Failback::Manual => return false,
            Failback::Auto => true,
            Failback::Window => policy.failback_window.as_ref().is_some_and(|window| is_open(window, self.context.now)),
        };
        let evaluations = i32::try_from(self.state.health(&original).well).unwrap_or(i32::MAX);
        let well_for = policy.interval.saturating_mul(evaluations).min(self.in_phase_for());
        let needed = policy.failback_after;
        let guards = [
            self.report.guard("a failback is allowed now", is_time, format!("policy says {:?}", policy.spec.failback)),
            self.report.guard(
                "original is well for long enough",
                well_for >= needed,
                format!("{well_for:#} of {needed:#}"),
            ),
            self.metrics_are_fresh(),
            self.mode_is_at_least(Mode::Full),
            self.cooldown_is_over(),
            self.fleet_allows(),
        ];
        let Some(to) = self.usable_candidate().filter(|_| !guards.contains(&false)) else { return false };
        self.begin_handover(&to, Cause::Failback, &format!("original primary {to} has been well for {needed:#}"))
    }

    /// Begins to remove a slot that has no traffic. A slot with weight is never removed: it would
    /// be a destructive action on a serving instance.
    pub(super) fn start_leaving(&mut self, slot: SlotId, then: Phase) -> bool {
        if self.state.weight(&slot) > 0 || *self.state.primary() == slot {
            self.report.alert(format!("slot {slot} serves and cannot be removed"));
            return self.wait(format!("slot {slot} serves: it stays"));
        }
        let reason = format!("slot {slot} is drained and removed");
        self.state.leaving = Some(Leaving { slot, stage: LeavingStage::Draining, then });
        let phase = if then == Phase::Retiring { Phase::Retiring } else { Phase::Decommissioning };
        self.go(phase, reason)
    }

    /// Drain, detach, remove: each stage waits until the one before is seen to be done.
    pub(super) fn decommission(&mut self) -> bool {
        let Some(leaving) = self.state.leaving.clone() else {
            return self.go(Phase::Idle, "nothing is left to remove");
        };
        match leaving.stage {
            LeavingStage::Draining => self.drain(leaving),
            LeavingStage::Detaching => self.detach(leaving),
            LeavingStage::Removing => self.remove(leaving),
        }
    }

    fn drain(&mut self, leaving: Leaving) -> bool {
        let Leaving { slot, then, .. } = leaving;
        let route = &self.context.observation.route;
        let weight = route.weights.as_ref().map(|weights| weights.get(&slot).copied().unwrap_or(0));
        let active = route.active_requests.get(&slot).copied().unwrap_or(0);
        let held = self.has_been_held(&slot);
        let retiring = then == Phase::Retiring;
        let guards = [
            self.report.guard("weight 0 read back", weight == Some(0), format!("slot {slot}: {weight:?}")),
            self.report.guard("requests have ended", active == 0, format!("{active} in flight")),
            held,
            retiring || self.metrics_are_fresh(),
        ];
        if guards.contains(&false) {
            return self.wait(format!("slot {slot} is drained"));
        }
        self.next_stage(slot, LeavingStage::Detaching, then)
    }

    /// An old primary is kept for a while in case the new one disappoints.
    fn has_been_held(&mut self, slot: &SlotId) -> bool {
        let switch = self.state.switch.as_ref().filter(|switch| switch.from == *slot);
        let Some(done_at) = switch.and_then(|switch| switch.done_at) else { return true };
        let (held, needed) = (self.context.now.duration_since(done_at), self.context.policy.hold_old);
        self.report.guard("held long enough", held >= needed, format!("{held:#} of {needed:#}"))
    }

    fn detach(&mut self, leaving: Leaving) -> bool {
        let known = self.context.observation.route.weights.as_ref().map(|weights| weights.contains_key(&leaving.slot));
        let inputs = format!("slot {} on the route: {known:?}", leaving.slot);
        let off = self.report.guard("off the route", known == Some(false), inputs);
        let may_go_on = leaving.then == Phase::Retiring || self.metrics_are_fresh();
        if !off || !may_go_on {
            return self.wait(format!("slot {} is taken off the route", leaving.slot));
        }
        self.next_stage(leaving.slot, LeavingStage::Removing, leaving.then)
    }

    fn remove(&mut self, leaving: Leaving) -> bool {
        let Leaving { slot, then, .. } = leaving;
        let managed = self.state.slots.get(&slot).is_some_and(crate::model::slot::Slot::is_managed);
        if managed && !self.capacity_is_settled() {
            return self.wait(format!("slot {slot} is destroyed"));
        }
        self.state.slots.remove(&slot);
        self.state.weights.remove(&slot);
        self.state.leaving = None;
        let reason = if managed {
            format!("slot {slot} is gone")
        } else {
            format!("slot {slot} is off the route; it is the user's own and was not touched")
        };
        self.go(then, reason)
    }

    fn next_stage(&mut self, slot: SlotId, stage: LeavingStage, then: Phase) -> bool {
        self.state.leaving = Some(Leaving { slot, stage, then });
        true
    }
}
