//! From a ready shadow to all traffic on it, and back where that does not work out.

use super::evidence::number;
use super::step::{Step, root_text};
use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::policy::Mode;
use crate::model::slot::Role;
use crate::state::{Cause, Streak};
use jiff::SignedDuration;

impl Step<'_> {
    /// A ready shadow waits until it is called for, or until it is too old.
    pub(super) fn consider_mirroring(&mut self) -> bool {
        let Some(shadow) = self.state.shadow().cloned() else {
            return self.go(Phase::Idle, "there is no shadow");
        };
        if self.hand_over_if_critical() {
            return true;
        }
        if self.has_outlived_its_use(&shadow) {
            return self.start_leaving(shadow, Phase::Idle);
        }
        if self.follow_forecast(&shadow) {
            return false;
        }
        let guards = [
            self.staging_is_called_for(),
            self.metrics_are_fresh(),
            self.mode_is_at_least(Mode::Full),
            self.cooldown_is_over(),
            self.fleet_allows(),
            self.other_side_is_well(&shadow),
            self.weights_are_read_back(),
        ];
        // Only a shadow that is about to be used is brought to the very bound.
        let called_for = !guards.contains(&false);
        if called_for && !self.is_sized(&shadow) {
            return self.wait("the shadow is made large enough before it is used: see the guards");
        }
        if guards.contains(&false) {
            return self.wait("the shadow is ready and not called for, or something stands in its way: see the guards");
        }
        if self.context.policy.spec.mirror.percent <= 0.0 {
            return self.shift_to(&shadow, 0);
        }
        self.state.mirroring = true;
        let percent = self.context.policy.spec.mirror.percent;
        self.go(Phase::Mirroring, format!("{percent} % of safe requests are copied to slot {shadow}"))
    }

    /// Removing a shadow is a downward action: only with fresh metrics, and only when they are calm.
    fn has_outlived_its_use(&mut self, shadow: &SlotId) -> bool {
        let Some(slot) = self.state.slots.get(shadow) else { return false };
        let age = self.context.now.duration_since(slot.since);
        let old = age > self.context.policy.max_shadow_age;
        old && self.danger_has_passed() && self.metrics_are_fresh() && self.state.request.is_none()
    }

    pub(super) fn consider_first_shift(&mut self) -> bool {
        let Some(shadow) = self.state.shadow().cloned() else {
            return self.go(Phase::Idle, "the shadow is gone");
        };
        if let Some(moved) = self.leave_the_shift(&shadow) {
            return moved;
        }
        if self.is_too_small(&shadow) {
            self.state.mirroring = false;
            return self
                .go(Phase::Ready, format!("slot {shadow} is too small for what is forecast: it is resized first"));
        }
        if !self.has_proved_itself(&shadow, "mirrored long enough", self.context.policy.mirror_duration) {
            return self.wait("mirroring: the shadow is judged on copies of requests");
        }
        self.state.mirroring = false;
        self.shift_to(&shadow, 0)
    }

    pub(super) fn consider_next_shift(&mut self, index: u32) -> bool {
        let Some(shadow) = self.state.shadow().cloned() else {
            return self.go(Phase::Idle, "the shadow is gone");
        };
        if let Some(moved) = self.leave_the_shift(&shadow) {
            return moved;
        }
        if !self.has_proved_itself(&shadow, "long enough on this step", self.context.policy.step_duration) {
            return self.wait("shifting: the shadow is judged on its share of the traffic");
        }
        if index as usize + 1 >= self.context.policy.spec.shift.steps.len() {
            return self.wait("the last step is reached: all traffic moves when the score is critical");
        }
        self.shift_to(&shadow, index + 1)
    }

    /// Notes every guard on the way to more traffic; whether all of them let it pass.
    fn has_proved_itself(&mut self, shadow: &SlotId, long_enough: &'static str, needed: SignedDuration) -> bool {
        let since = format!("for {:#}, {needed:#} needed", self.in_phase_for());
        let guards = [
            self.report.guard(long_enough, self.for_at_least(needed), since),
            self.judge_has_passed(),
            self.weights_are_read_back(),
            self.metrics_are_fresh(),
            self.is_in_sync(),
            self.both_sides_are_sized(shadow),
        ];
        !guards.contains(&false)
    }

    fn shift_to(&mut self, shadow: &SlotId, index: u32) -> bool {
        let Some(percent) = self.context.policy.spec.shift.steps.get(index as usize).copied() else {
            return self.wait("the policy has no shift steps: all traffic moves when the score is critical");
        };
        self.share(shadow, percent);
        self.go(Phase::Shifting(index), format!("slot {shadow} takes {percent} % of the traffic"))
    }

    /// What ends mirroring or shifting early: the critical threshold, a shadow that fails, or a
    /// primary that has recovered. `None` when none of them applies.
    fn leave_the_shift(&mut self, shadow: &SlotId) -> Option<bool> {
        if self.shadow_has_failed(shadow) {
            return Some(self.drop_shadow(shadow));
        }
        if self.hand_over_if_critical() {
            return Some(true);
        }
        let primary = self.state.primary().clone();
        let recovered = self.danger_has_passed() && self.state.health(&primary).well > 0;
        if recovered && self.metrics_are_fresh() {
            self.state.mirroring = false;
            self.send_all_to(&primary);
            return Some(self.go(Phase::Ready, "the primary has recovered: the shadow stays ready"));
        }
        None
    }

    pub(super) fn hand_over_if_critical(&mut self) -> bool {
        if !self.handover_is_called_for() {
            return false;
        }
        let guards =
            [self.metrics_are_fresh(), self.mode_is_at_least(Mode::Full), self.cooldown_is_over(), self.fleet_allows()];
        let Some(to) = self.usable_candidate().filter(|_| !guards.contains(&false)) else { return false };
        let lower = number(self.fresh_score().and_then(|s| s.horizons.first()).map(|h| h.lower));
        self.begin_handover(&to, Cause::Forecast, &format!("the score is critical: at least {lower}"))
    }

    fn other_side_is_well(&mut self, slot: &SlotId) -> bool {
        let Streak { well, failed } = self.state.health(slot);
        self.report.guard(
            "other side is well",
            well > 0 && failed == 0,
            format!("slot {slot}: well {well}, failed {failed}"),
        )
    }

    fn judge_has_passed(&mut self) -> bool {
        let needed = self.context.policy.spec.shift.passes;
        let Streak { well, failed } = self.state.evidence.judge;
        self.report.guard("judge passes", well >= needed, format!("{well} in a row, {needed} needed, {failed} failed"))
    }

    /// Two bad verdicts in a row are one too many for a slot that takes traffic.
    fn shadow_has_failed(&mut self, shadow: &SlotId) -> bool {
        const VERDICTS_MAX: u32 = 2;
        let needed = self.context.policy.spec.failure.evaluations;
        let judged = self.state.evidence.judge.failed >= VERDICTS_MAX.max(self.context.policy.spec.shift.passes);
        judged || self.state.health(shadow).failed >= needed
    }

    /// Takes the traffic off a shadow that fails, in one step, if the primary can serve.
    fn drop_shadow(&mut self, shadow: &SlotId) -> bool {
        let primary = self.state.primary().clone();
        if self.state.health(&primary).failed > 0 {
            self.report.alert("both sides are unwell: the weights stay as they are");
            return self.wait("no side is better than the other: nothing is taken away");
        }
        self.state.mirroring = false;
        self.send_all_to(&primary);
        self.give_role(shadow, Role::Quarantined);
        self.go(Phase::RollingBack, format!("shadow {shadow} fails: slot {primary} serves everything"))
    }

    /// Waits until the data plane itself reports the hand-over; undoes it when that takes too long.
    pub(super) fn confirm_handover(&mut self) -> bool {
        let Some(switch) = self.state.switch.clone() else {
            return self.go(Phase::Idle, "there is no hand-over to confirm");
        };
        if self.weights_are_read_back() {
            return self.complete_handover();
        }
        let waited = self.context.now.duration_since(switch.decided_at);
        let limit = self.context.policy.switch_timeout;
        let left_side_is_well = self.state.health(&switch.from).failed == 0;
        let in_time = self.report.guard("within switch_timeout", waited <= limit, format!("{waited:#} of {limit:#}"));
        if in_time || !left_side_is_well {
            return self.wait("the data plane has not yet reported the hand-over");
        }
        self.state.epoch += 1;
        self.send_all_to(&switch.from);
        self.go(Phase::RollingBack, format!("the hand-over was not confirmed within {limit:#}"))
    }

    fn complete_handover(&mut self) -> bool {
        let now = self.now();
        let Some(switch) = &mut self.state.switch else { return false };
        switch.done_at = Some(now);
        let (from, to, cause) = (switch.from.clone(), switch.to.clone(), switch.cause);
        let seconds = now.duration_since(switch.decided_at).as_secs_f64();
        self.give_role(&from, Role::Standby);
        self.give_role(&to, Role::Primary);
        self.state.evidence.staging.clear();
        self.state.evidence.critical.clear();
        self.state.evidence.clear.clear();
        self.state.evidence.criteria.clear();
        if cause != Cause::Human {
            self.state.cooldown_until = now.checked_add(self.context.policy.cooldown).ok();
        }
        self.go(Phase::Watching, format!("slot {to} serves everything, {seconds:.2} s after the decision"))
    }

    /// Waits until the data plane reports that the better side serves everything, and that nothing is under way that
    /// would still change it: what is undone may have been on its way.
    pub(super) fn confirm_rollback(&mut self) -> bool {
        let settled = self.traffic_is_settled();
        let settled =
            self.report.guard("traffic root is applied", settled, root_text(&self.context.observation.traffic));
        if !self.weights_are_read_back() || !settled {
            return self.wait("the data plane has not yet reported the roll-back");
        }
        self.state.cooldown_until = self.now().checked_add(self.context.policy.cooldown).ok();
        if let Some(failed) = self.state.slot_with(Role::Quarantined).cloned() {
            return self.start_leaving(failed, Phase::Idle);
        }
        let next = if self.state.shadow().is_some() { Phase::Ready } else { Phase::Idle };
        self.go(next, "the roll-back is confirmed")
    }
}
