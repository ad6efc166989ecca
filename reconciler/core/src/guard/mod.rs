//! Says whether a plan may be applied. The only maker of an [`ApprovedPlan`], without which nothing
//! is applied. It looks at what the plan does, whoever asked for it and why: a mistake anywhere
//! before it must not become an outage.

mod rules;

use crate::model::name::SlotId;
use crate::plan::Plan;
use crate::rendering::RootKind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the guard knows besides the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardFacts {
    /// The root that was planned.
    pub root: RootKind,
    /// Weights of all slots that the data plane knows, as read back from it. `None` is unknown, and
    /// then every slot counts as serving; a slot that is absent gets no traffic.
    pub weights: Option<BTreeMap<SlotId, u32>>,
    /// The slot with the role primary.
    pub primary: SlotId,
    /// Slots that the desired state contains.
    pub desired: BTreeSet<SlotId>,
    /// Slots that the decision decommissions; nothing else is ever deleted.
    pub decommissioned: BTreeSet<SlotId>,
    /// Whether the group's declaration was withdrawn and its roots are to go.
    pub retiring: bool,
    /// What exactly was planned, and on top of what.
    pub identity: PlanIdentity,
}

/// What exactly was planned, and on top of what. A plan is valid while all of it stays equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanIdentity {
    /// Digest of the rendering that was planned.
    pub rendering: String,
    /// SHA-256 of the plan file.
    pub plan_file: String,
    /// The state that was planned on.
    pub state: StateIdentity,
    /// The group's epoch.
    pub epoch: u64,
}

/// Which state, and which version of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateIdentity {
    /// Given when a state is first written; absent before.
    pub lineage: Option<String>,
    /// Raised by each write.
    pub serial: u64,
}

/// The guard's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be applied.
    Approved(ApprovedPlan),
    /// It would change nothing.
    NothingToDo,
    /// It may not be applied; the notes of severity error say why.
    Refused(Vec<Note>),
}

/// A plan that passed every rule. Only [`review`] makes one.
#[derive(Debug, Serialize)]
pub struct ApprovedPlan {
    root: RootKind,
    identity: PlanIdentity,
    notes: Vec<Note>,
}

/// Something that a rule has to say about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Note {
    /// Whether it forbids the apply.
    pub severity: Severity,
    /// The rule.
    pub rule: Rule,
    /// The resource it is about, if it is about one.
    pub address: Option<String>,
    /// What is the matter, and what to do where something can be done.
    pub message: String,
}

/// Whether a note forbids the apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is worth knowing.
    Warning,
    /// It forbids the apply.
    Error,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A plan is whole and free of errors.
    WholePlan,
    /// Nothing outside the modules of the root, or in an unknown slot, is touched.
    ExpectedPlaces,
    /// Nothing that serves is deleted, replaced or let go of.
    ServingSlots,
    /// Only decommissioned slots are deleted, and nothing is let go of.
    Decommissioning,
    /// Nothing moves from one slot to another.
    Moves,
    /// The division of traffic is never taken away while the group lives.
    TrafficStays,
    /// Some backend always has a weight.
    WeightsNotZero,
    /// The backend that is written to is there and active.
    Writer,
    /// The plan belongs to the epoch of now.
    Epoch,
    /// Something was changed outside of Terraform.
    Drift,
    /// Something that serves is changed in place, or a shadow is replaced.
    Disruption,
}

/// Why an approved plan may no longer be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The generated files changed.
    #[error("the generated files changed after planning: plan again")]
    Rendering,
    /// The plan file is another.
    #[error("the plan file is not the one that was approved: plan again")]
    PlanFile,
    /// Somebody wrote the state.
    #[error("the state moved after planning (from {planned} to {now}): plan again")]
    State {
        /// As planned on.
        planned: StateIdentity,
        /// As it is.
        now: StateIdentity,
    },
    /// Leadership changed or traffic was handed over.
    #[error("the plan was made in epoch {planned}, but epoch {now} has begun: decide again")]
    Epoch {
        /// As planned in.
        planned: u64,
        /// As it is.
        now: u64,
    },
}

/// Reviews a plan by every rule; none hides another's notes.
pub fn review(plan: &Plan, facts: &GuardFacts) -> Verdict {
    let notes = rules::all_notes(plan, facts);
    if notes.iter().any(|note| note.severity == Severity::Error) {
        return Verdict::Refused(notes);
    }
    if plan.changes_nothing() {
        return Verdict::NothingToDo;
    }
    Verdict::Approved(ApprovedPlan { root: facts.root, identity: facts.identity.clone(), notes })
}

impl ApprovedPlan {
    /// The root that it is for.
    pub fn root(&self) -> RootKind {
        self.root
    }

    /// What exactly was approved.
    pub fn identity(&self) -> &PlanIdentity {
        &self.identity
    }

    /// Warnings; none of them forbids the apply.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Asked right before the apply, with what is true then.
    ///
    /// # Errors
    /// The first thing that is no longer as it was approved.
    pub fn still_valid(&self, now: &PlanIdentity) -> Result<(), Stale> {
        let planned = &self.identity;
        if planned.epoch != now.epoch {
            return Err(Stale::Epoch { planned: planned.epoch, now: now.epoch });
        }
        if planned.state != now.state {
            return Err(Stale::State { planned: planned.state.clone(), now: now.state.clone() });
        }
        if planned.plan_file != now.plan_file {
            return Err(Stale::PlanFile);
        }
        if planned.rendering != now.rendering {
            return Err(Stale::Rendering);
        }
        Ok(())
    }
}

impl GuardFacts {
    /// Whether a slot must be assumed to serve: it is the primary, has a weight, or nobody knows.
    pub fn serves(&self, slot: &SlotId) -> bool {
        let weight = |weights: &BTreeMap<SlotId, u32>| weights.get(slot).copied().unwrap_or_default();
        *slot == self.primary || self.weights.as_ref().is_none_or(|weights| weight(weights) > 0)
    }
}

impl fmt::Display for StateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lineage {
            Some(lineage) => write!(f, "serial {} of {lineage}", self.serial),
            None => f.write_str("no state"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "{address}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

#[cfg(test)]
mod tests;
