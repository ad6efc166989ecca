//! Sizes of shadows that follow the forecast. A size changes only where that is safe: of a shadow
//! without traffic, while nothing else is done to the instances. What serves, or has served, keeps
//! the size that it was made with.

use super::step::Step;
use crate::model::Resource;
use crate::model::name::SlotId;
use crate::model::policy::Mode;
use crate::model::signal::SignalSpec;
use crate::model::size::Size;
use crate::model::slot::{Role, Slot};
use crate::sizing::needs::{Need, Needs};
use crate::state::Resized;

/// Share by which a granted size may be below the upper bound. The bound itself moves by some percent
/// from one evaluation to the next, and a shadow that chased it would never be ready.
const SLACK: f64 = 0.05;

impl Step<'_> {
    /// Takes over what is needed by the newest sample. Where the load may be less than usual because
    /// something is wrong, a need never falls; what could not be forecast stays as it was.
    pub(super) fn weigh_needs(&mut self) {
        let usual = self.doubt_about_load().is_none();
        let needs = &mut self.state.evidence.needs;
        for (resource, need) in &self.context.observation.needs {
            let known = needs.entry(*resource).or_insert_with(|| need.clone());
            *known = if usual { need.clone() } else { need.or_more(known) };
        }
        let signals = &self.context.group.spec.signals;
        needs.retain(|resource, _| signals.values().any(|signal| signal.resource == Some(*resource)));
    }

    /// Why little load may be no sign that little is needed: an outage looks calm as well.
    fn doubt_about_load(&self) -> Option<String> {
        let observation = self.context.observation;
        let primary = self.state.primary();
        if let Some(outage) = &observation.metrics_outage {
            return Some(format!("the metrics cannot be relied on: {outage}"));
        }
        if observation.health.get(primary).is_none_or(|health| health.failed() > 0) {
            return Some(format!("primary {primary} is not known to be well"));
        }
        if self.state.weight(primary) < crate::shares::ALL {
            return Some(format!("primary {primary} does not serve everything"));
        }
        let value = |name: &String| observation.signals.get(primary)?.get(name);
        let keeps = |(name, signal): &(&String, &SignalSpec)| value(name).is_some_and(|value| !signal.breaks(*value));
        let broken = self.context.group.spec.signals.iter().find(|it| !keeps(it));
        broken.map(|(name, _)| format!("signal {name} of primary {primary} is past its limit or unknown"))
    }

    /// The size of a new shadow: what the group asks for, and enough for what is forecast.
    pub(super) fn size_of_new_shadow(&self) -> Size {
        self.context.policy.spec.sizing.holding(&self.context.group.spec.size, &self.state.evidence.needs)
    }

    /// One step of the sizing rule for a shadow that waits. Answers whether its size changes.
    pub(super) fn follow_forecast(&mut self, shadow: &SlotId) -> bool {
        let Some(size) = self.size_asked(shadow).filter(|_| !self.state.evidence.needs.is_empty()) else {
            return false;
        };
        let sizing = &self.context.policy.spec.sizing;
        let smaller = sizing.following(&size, &self.state.evidence.needs, true);
        let may_shrink = smaller == sizing.following(&size, &self.state.evidence.needs, false) || self.may_shrink();
        let next = sizing.following(&size, &self.state.evidence.needs, may_shrink);
        self.resize(shadow, next)
    }

    fn may_shrink(&mut self) -> bool {
        let doubt = self.doubt_about_load();
        let calm = self.danger_has_passed();
        let inputs = doubt.clone().unwrap_or_else(|| format!("the load is as usual; the danger has passed: {calm}"));
        self.report.guard("size may shrink", doubt.is_none() && calm, inputs)
    }

    /// Whether a shadow that is about to be used was granted what the forecast says it will need; if not, more is asked
    /// for. A failed primary is not left waiting for a larger shadow.
    pub(super) fn is_sized(&mut self, slot: &SlotId) -> bool {
        if self.state.evidence.needs.is_empty() {
            return true;
        }
        let failing = self.state.health(self.state.primary()).failed > 0;
        let settled = !self.is_being_resized(slot) || self.capacity_is_settled();
        if (self.holds_needs(slot) && settled) || failing {
            return true;
        }
        if let Some(size) = self.size_asked(slot) {
            let next = self.context.policy.spec.sizing.holding(&size, &self.state.evidence.needs);
            self.resize(slot, next);
        }
        false
    }

    /// Whether both sides hold the load: the shadow what is forecast, and the primary what it used before anything moved,
    /// so that there is a way back.
    pub(super) fn both_sides_are_sized(&mut self, shadow: &SlotId) -> bool {
        let primary = self.state.primary().clone();
        let live = |_: Resource, need: &Need| need.live;
        let (back, inputs) = match self.short_of(&primary, live) {
            parts if parts.is_empty() => (true, format!("slot {primary} holds what it has served")),
            parts => (false, format!("slot {primary}: {}", parts.join(", "))),
        };
        let measured = !self.state.evidence.needs.is_empty();
        let back = !measured || self.report.guard("way back is sized", back, inputs);
        self.holds_needs(shadow) && back
    }

    /// Whether the size that was granted to a slot holds the upper bounds of the forecast, as far as the policy lets it grow.
    fn holds_needs(&mut self, slot: &SlotId) -> bool {
        if self.state.evidence.needs.is_empty() {
            return true;
        }
        self.tell_bounds(slot);
        let short = self.short_of_needs(slot);
        let too_dear = self.is_as_large_as_may_be(slot);
        let inputs = match (short.is_empty(), too_dear) {
            (true, _) => format!("slot {slot}: {}", self.needs_text(slot)),
            (false, true) => format!("slot {slot}: {}; the cost ceiling allows no more", short.join(", ")),
            (false, false) => format!("slot {slot}: {}", short.join(", ")),
        };
        self.report.guard("size holds the forecast", short.is_empty() || too_dear, inputs)
    }

    /// Whether a shadow is to be made larger before it takes traffic.
    pub(super) fn is_too_small(&self, slot: &SlotId) -> bool {
        !self.short_of_needs(slot).is_empty() && !self.is_as_large_as_may_be(slot)
    }

    /// Whether the cost ceiling forbids a size that would hold everything.
    fn is_as_large_as_may_be(&self, slot: &SlotId) -> bool {
        let enough = |size: Size| self.context.policy.spec.sizing.holding(&size, &self.state.evidence.needs);
        let wanted = self.size_asked(slot).map(enough);
        wanted.is_some_and(|size| self.expected_cost_beyond_ceiling(slot, &size).is_some())
    }

    fn short_of_needs(&self, slot: &SlotId) -> Vec<String> {
        self.short_of(slot, |resource, need| self.context.policy.spec.sizing.least(resource, need))
    }

    /// Parts of a granted size that are less than `least`. What the module does not tell is not limited.
    fn short_of(&self, slot: &SlotId, least: impl Fn(Resource, &Need) -> f64) -> Vec<String> {
        let granted = self.state.slots.get(slot).and_then(|slot| slot.instance.as_ref()).map(|it| &it.size);
        let short = |(resource, need): (&Resource, &Need)| {
            let (granted, least) = (resource.of(granted?)?, least(*resource, need));
            let text = format!("{granted:.2} {resource} granted, {least:.2} needed by signal {}", need.signal);
            (granted * (1.0 + SLACK) < least).then_some(text)
        };
        self.state.evidence.needs.iter().filter_map(short).collect()
    }

    fn needs_text(&self, slot: &SlotId) -> String {
        let granted = self.state.slots.get(slot).and_then(|slot| slot.instance.as_ref()).map(|it| &it.size);
        let part = |(resource, need): (&Resource, &Need)| {
            let granted = granted.and_then(|size| resource.of(size));
            let granted = granted.map_or_else(|| "no limit told".to_owned(), |granted| format!("{granted:.2} granted"));
            format!(
                "{resource}: {granted}, at most {:.2} needed within {:#} by signal {}",
                need.demand().upper,
                need.horizon,
                need.signal
            )
        };
        let parts: Vec<String> = self.state.evidence.needs.iter().map(part).collect();
        parts.join("; ")
    }

    /// Alerts where the policy's greatest size does not hold the forecast.
    fn tell_bounds(&mut self, slot: &SlotId) {
        let max = &self.context.policy.spec.sizing.max;
        let exceeds = |(resource, need): &(&Resource, &Need)| {
            resource.of(max).is_some_and(|max| max * (1.0 + SLACK) < need.demand().upper)
        };
        for (resource, _) in self.state.evidence.needs.iter().filter(exceeds) {
            let text = format!("sizing.max keeps {resource} of slot {slot} below what is forecast: raise it");
            if !self.report.alerts.contains(&text) {
                self.report.alert(text);
            }
        }
    }

    fn size_asked(&self, slot: &SlotId) -> Option<Size> {
        Some(self.state.slots.get(slot)?.made.as_ref()?.size.clone())
    }

    fn is_being_resized(&self, slot: &SlotId) -> bool {
        self.state.resized.as_ref().is_some_and(|resized| resized.slot == *slot)
    }

    /// Asks for another size of a shadow, if that is safe and nothing forbids it.
    fn resize(&mut self, slot: &SlotId, next: Size) -> bool {
        let Some(size) = self.size_asked(slot).filter(|size| *size != next) else { return false };
        let what = changes(&size, &next, &self.state.evidence.needs);
        let guards = [
            self.mode_is_at_least(Mode::Provision),
            self.carries_nothing(slot),
            self.sizing_interval_is_over(),
            self.capacity_is_settled(),
            self.cost_allows_size(slot, &next),
        ];
        if guards.contains(&false) {
            return false;
        }
        let Some(made) = self.state.slots.get_mut(slot).and_then(|slot| slot.made.as_mut()) else { return false };
        made.size = next;
        let reason = format!("slot {slot} is resized: {}", what.join(", "));
        self.report.wait(reason.clone());
        self.state.resized = Some(Resized { at: self.now(), slot: slot.clone(), reason });
        true
    }

    fn carries_nothing(&mut self, slot: &SlotId) -> bool {
        let is_shadow = self.state.slots.get(slot).is_some_and(|slot| slot.role == Role::Shadow && slot.is_managed());
        let leaves = self.state.leaving.as_ref().is_some_and(|leaving| leaving.slot == *slot);
        let seen = self.context.observation.route.weights.as_ref();
        let seen = seen.map(|weights| weights.get(slot).copied().unwrap_or(0));
        let nothing = self.state.weight(slot) == 0 && seen == Some(0) && !self.state.mirroring;
        self.report.guard(
            "a shadow without traffic",
            is_shadow && !leaves && nothing,
            format!("slot {slot}: weight {} wanted, {seen:?} read back", self.state.weight(slot)),
        )
    }

    fn sizing_interval_is_over(&mut self) -> bool {
        let needed = self.context.policy.sizing_interval;
        let since = self.state.resized.as_ref().map(|resized| self.context.now.duration_since(resized.at));
        let inputs =
            since.map_or_else(|| "no size was changed yet".to_owned(), |since| format!("{since:#} of {needed:#}"));
        self.report.guard("sizing interval is over", since.is_none_or(|since| since >= needed), inputs)
    }

    fn cost_allows_size(&mut self, slot: &SlotId, next: &Size) -> bool {
        let Some(ceiling) = self.context.policy.spec.cost_ceiling else { return true };
        let beyond = self.expected_cost_beyond_ceiling(slot, next);
        let alert = format!("cost_ceiling keeps slot {slot} smaller than what is forecast: raise it");
        if beyond.is_some() && !self.report.alerts.contains(&alert) {
            self.report.alert(alert);
        }
        let inputs = beyond.map_or_else(
            || format!("within the ceiling of {ceiling:.2} an hour"),
            |cost| format!("{cost:.2} an hour expected, ceiling {ceiling:.2}"),
        );
        self.report.guard("cost ceiling of the size", beyond.is_none(), inputs)
    }

    /// What all managed slots would cost for an hour with `next` as the size of one of them, if that is more than the
    /// policy's ceiling and more than now. Costs are taken to rise with the part that grows most.
    fn expected_cost_beyond_ceiling(&self, slot: &SlotId, next: &Size) -> Option<f64> {
        let ceiling = self.context.policy.spec.cost_ceiling?;
        let growth = growth(&self.size_asked(slot)?, next);
        let cost = |(id, it): (&SlotId, &Slot)| {
            let cost = it.instance.as_ref()?.hourly_cost?;
            Some(if id == slot { cost * growth } else { cost })
        };
        let expected: f64 = self.state.slots.iter().filter_map(cost).sum();
        (growth > 1.0 && expected > ceiling).then_some(expected)
    }
}

/// By how much the part that grows most grows; below 1 when all shrink. A part of unknown size does not count.
pub(super) fn growth(from: &Size, to: &Size) -> f64 {
    let parts = from.parts().into_iter().zip(to.parts());
    let known = parts.filter_map(|((_, from), (_, to))| from.filter(|from| *from > 0.0).zip(to));
    known.map(|(from, to)| to / from).reduce(f64::max).unwrap_or(1.0)
}

/// What changes, and what for.
fn changes(from: &Size, to: &Size, needs: &Needs) -> Vec<String> {
    let change = |(resource, need): (&Resource, &Need)| {
        let (before, after) = (resource.of(from), resource.of(to)?);
        let before = before.map_or_else(|| "the module's own choice".to_owned(), |before| format!("{before:.2}"));
        let text = format!(
            "{resource} from {before} to {after:.2} (signal {}: {:.2} predicted, {:.2} at most within {:#}, {:.2} at present)",
            need.signal, need.predicted, need.upper, need.horizon, need.live
        );
        (resource.of(from) != resource.of(to)).then_some(text)
    };
    needs.iter().filter_map(change).collect()
}
