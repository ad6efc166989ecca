//! The policy's own failover criteria: signals of the primary that say by themselves that it has failed.

use super::step::Step;
use crate::criteria::Criterion;
use crate::model::group::Group;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

impl Step<'_> {
    /// Notes since when each criterion holds. What is not fresh holds nothing: an outage begins every duration anew.
    pub(super) fn weigh_criteria(&mut self) {
        let known = std::mem::take(&mut self.state.evidence.criteria);
        let sampled_at = self.context.observation.sampled_at;
        let held = self.context.policy.failover_criteria.iter().filter(|criterion| self.holds(criterion));
        let held: BTreeMap<String, Timestamp> = held
            .map(ToString::to_string)
            .map(|text| {
                let since = known.get(&text).copied().unwrap_or(sampled_at);
                (text, since)
            })
            .collect();
        self.state.evidence.criteria = held;
    }

    fn holds(&self, criterion: &Criterion) -> bool {
        let observation = self.context.observation;
        let primary = self.state.primary();
        let value = observation.signals.get(primary).and_then(|signals| signals.get(&criterion.signal));
        observation.metrics_outage.is_none()
            && is_about(criterion, self.context.group)
            && value.is_some_and(|value| criterion.holds_for(*value))
    }

    /// A criterion that has held for as long as it asks for.
    pub(super) fn met_criterion(&self) -> Option<String> {
        let sampled_at = self.context.observation.sampled_at;
        let is_met = |criterion: &&Criterion| {
            let since = self.state.evidence.criteria.get(&criterion.to_string());
            let needed = criterion.duration.unwrap_or(SignedDuration::ZERO);
            since.is_some_and(|since| sampled_at.duration_since(*since) >= needed)
        };
        self.context.policy.failover_criteria.iter().find(is_met).map(ToString::to_string)
    }
}

/// A policy serves many groups: a criterion counts where a group has such a signal, in the same unit.
fn is_about(criterion: &Criterion, group: &Group) -> bool {
    let signal = group.spec.signals.get(&criterion.signal);
    signal.is_some_and(|signal| criterion.unit.is_none_or(|unit| signal.unit == unit))
}
