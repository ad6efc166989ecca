//! What a run of the demo saw, before anything is concluded from it.

use super::Fault;
use crate::client::{GroupStatus, Record, Transition};
use crate::load::LoadReport;
use crate::orphans::Orphans;
use crate::terraform::TerraformRun;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a run saw. Absent means that it did not come that far.
pub(super) struct Evidence {
    pub(super) fault: Fault,
    pub(super) versions: BTreeMap<String, String>,
    /// The group's journal.
    pub(super) records: Vec<Record>,
    /// The group as it was seen last.
    pub(super) status: Option<GroupStatus>,
    /// Slot of the instance that the fault befell.
    pub(super) old_primary: Option<String>,
    /// When the leak began or the kill was sent.
    pub(super) fault_at: Option<Timestamp>,
    /// When the old primary's process was seen to be gone.
    pub(super) died_at: Option<Timestamp>,
    pub(super) plan_empty_after_apply: Option<bool>,
    pub(super) plan_empty_after_handover: Option<bool>,
    pub(super) user_runs: Vec<TerraformRun>,
    pub(super) load: Option<LoadReport>,
    pub(super) orphans: Option<Orphans>,
    pub(super) seconds: f64,
    pub(super) error: Option<String>,
}

impl Evidence {
    pub(super) fn new(fault: Fault, versions: BTreeMap<String, String>) -> Self {
        Self {
            fault,
            versions,
            records: Vec::new(),
            status: None,
            old_primary: None,
            fault_at: None,
            died_at: None,
            plan_empty_after_apply: None,
            plan_empty_after_handover: None,
            user_runs: Vec::new(),
            load: None,
            orphans: None,
            seconds: 0.0,
            error: None,
        }
    }

    /// The changes of phase, with their records, oldest first.
    pub(super) fn transitions(&self) -> impl Iterator<Item = (&Record, Transition)> {
        self.records.iter().filter_map(|record| Some((record, record.transition()?)))
    }

    /// The record with which a phase was first entered.
    pub(super) fn first_entry(&self, phase: &str) -> Option<&Record> {
        self.transitions().find(|(_, transition)| transition.to == phase).map(|(record, _)| record)
    }

    /// The end of the hand-over: the data plane has reported the new weights, and the new primary is watched.
    pub(super) fn handed_over(&self) -> Option<&Record> {
        self.first_entry("watching")
    }

    /// Whether the primary is another than before the fault.
    pub(super) fn has_new_primary(&self) -> bool {
        self.status.as_ref().is_some_and(|status| Some(&status.primary) != self.old_primary.as_ref())
    }

    /// Whether the new primary has a shadow with an instance.
    pub(super) fn has_new_shadow(&self) -> bool {
        let is_shadow = |status: &GroupStatus| {
            let mut slots = status.slots.iter();
            slots.any(|(slot, it)| {
                it.role == "shadow" && it.instance.is_some() && Some(slot) != self.old_primary.as_ref()
            })
        };
        self.has_new_primary() && self.status.as_ref().is_some_and(is_shadow)
    }

    /// Whether the old primary has left the group.
    pub(super) fn old_primary_is_gone(&self) -> bool {
        let (Some(status), Some(old)) = (&self.status, &self.old_primary) else { return false };
        self.has_new_primary() && !status.slots.contains_key(old)
    }
}
