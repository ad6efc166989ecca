//! The reactive path: several independent observers see the primary fail. No ceremony then.

use super::step::Step;
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::Mode;
use crate::model::slot::Role;
use crate::state::{Cause, Switch};

impl Step<'_> {
    /// Hands over at once when the primary has failed and somebody else can serve.
    pub(super) fn react_to_failure(&mut self) -> bool {
        let primary = self.state.primary().clone();
        let Some(how) = self.how_it_failed(&primary).filter(|_| self.may_react()) else { return false };
        self.report.guard("primary has failed", true, format!("slot {primary}: {how}"));
        if !self.mode_is_at_least(Mode::Full) || !self.failure_may_move_traffic() {
            self.report.alert(format!("primary {primary} has failed and no automatic hand-over is allowed"));
            return false;
        }
        match self.usable_candidate() {
            Some(to) => self.begin_handover(&to, Cause::Failure, &format!("primary {primary} has failed: it {how}")),
            None => self.provision_in_an_emergency(&primary),
        }
    }

    fn how_it_failed(&self, primary: &SlotId) -> Option<String> {
        let needed = self.context.policy.spec.failure.evaluations;
        let failed = self.state.health(primary).failed;
        if failed >= needed {
            return Some(format!("failed in {failed} evaluations in a row, {needed} needed"));
        }
        self.met_criterion().map(|criterion| format!("meets the policy's criterion {criterion}"))
    }

    /// Phases that deal with a failure in their own way, or in which there is nobody to turn to.
    fn may_react(&self) -> bool {
        !matches!(
            self.state.phase,
            Phase::HandingOver | Phase::RollingBack | Phase::Watching | Phase::Retiring | Phase::Retired
        )
    }

    fn provision_in_an_emergency(&mut self, primary: &SlotId) -> bool {
        self.report.alert(format!("primary {primary} has failed and no other slot can serve"));
        if self.state.phase != Phase::Idle && self.state.phase != Phase::Observing {
            return false;
        }
        if self.state.shadow().is_none() {
            self.add_shadow();
        }
        self.go(Phase::EmergencyProvision, format!("primary {primary} has failed and there is no shadow"))
    }

    /// The slot that could serve at this moment: made ready before, well by the newest evaluation,
    /// and its data in sync.
    pub(super) fn usable_candidate(&mut self) -> Option<SlotId> {
        let shadow = self.state.shadow().filter(|_| self.shadow_was_made_ready()).cloned();
        let candidate = shadow.or_else(|| self.state.slot_with(Role::Standby).cloned())?;
        let streak = self.state.health(&candidate);
        let inputs = format!("slot {candidate}: well {} times in a row, failed {}", streak.well, streak.failed);
        let well = self.report.guard("other side is well", streak.well > 0 && streak.failed == 0, inputs);
        (well && self.data_may_be_used(&candidate)).then_some(candidate)
    }

    fn shadow_was_made_ready(&self) -> bool {
        matches!(self.state.phase, Phase::Ready | Phase::Mirroring | Phase::Shifting(_) | Phase::Decommissioning)
    }

    /// At most one automatic hand-over in the cooldown.
    pub(super) fn cooldown_is_over(&mut self) -> bool {
        let until = self.state.cooldown_until;
        let over = until.is_none_or(|until| until <= self.context.now);
        let inputs = until.map_or_else(|| "none".to_owned(), |until| format!("until {until}"));
        self.report.guard("no cooldown", over, inputs)
    }

    /// The cooldown counts from a hand-over that took effect. One that was undone before the data plane reported it
    /// keeps a forecast from trying again, and never keeps a group on a dead primary.
    fn failure_may_move_traffic(&mut self) -> bool {
        let undone = self.state.switch.as_ref().is_some_and(|switch| switch.done_at.is_none());
        if undone {
            return self.report.guard("no cooldown", true, "the last hand-over took no effect");
        }
        self.cooldown_is_over()
    }

    /// Starts to move all traffic. From here on the epoch fences whoever wrote before.
    pub(super) fn begin_handover(&mut self, to: &SlotId, cause: Cause, reason: &str) -> bool {
        let from = self.state.primary().clone();
        self.state.epoch += 1;
        self.state.mirroring = false;
        // A slot that was on its way out stays until the switch is over.
        self.state.leaving = None;
        self.send_all_to(to);
        let decided_at = self.now();
        self.state.switch = Some(Switch { from, to: to.clone(), cause, decided_at, done_at: None });
        self.go(Phase::HandingOver, reason)
    }
}
