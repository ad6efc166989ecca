//! What the reconciler itself remembers of a group from one cycle to the next. It is written
//! before anything is done about it, so that a killed reconciler finds what it meant to do.

use crate::model::name::SlotId;
use crate::model::phase::Phase;
use crate::model::slot::{Role, Slot};
use crate::observation::Lag;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The remembered state of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupState {
    /// Where the group is.
    pub phase: Phase,
    /// Since when.
    #[schema(value_type = String)]
    pub phase_since: Timestamp,
    /// Why it went there.
    pub phase_reason: String,
    /// Raised by each change of leadership and each hand-over.
    pub epoch: u64,
    /// Since when this reconciler has led the group without a restart.
    #[schema(value_type = String)]
    pub led_since: Timestamp,
    /// Its instances.
    pub slots: BTreeMap<SlotId, Slot>,
    /// The newest slot ever made: keys are not used twice.
    pub newest_slot: SlotId,
    /// The user's own instance, to which a retired group must have returned.
    pub original: SlotId,
    /// Wanted share of traffic in percent, by slot.
    pub weights: BTreeMap<SlotId, u32>,
    /// Whether copies of requests go to the shadow.
    pub mirroring: bool,
    /// What the newest evaluations said.
    pub evidence: Evidence,
    /// Somebody's wish that the group be left alone.
    pub hold: Option<Hold>,
    /// What a human asked for and what is not yet done.
    pub request: Option<Request>,
    /// The movement of all traffic that is under way, or was the last.
    pub switch: Option<Switch>,
    /// No automatic hand-over before that time.
    #[schema(value_type = Option<String>)]
    pub cooldown_until: Option<Timestamp>,
    /// The slot that is being removed.
    pub leaving: Option<Leaving>,
    /// Whether the route itself was asked to be removed.
    pub route_removed: bool,
}

/// What the newest evaluations said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// The newest sample that was taken into account.
    #[schema(value_type = Option<String>)]
    pub sampled_at: Option<Timestamp>,
    /// Was the score over the shadowing threshold?
    pub staging: Recent,
    /// Was it over the critical threshold?
    pub critical: Recent,
    /// Was it under the clear threshold?
    pub clear: Recent,
    /// Was there a major anomaly of the primary?
    #[serde(default)]
    pub anomalous: Recent,
    /// Health of each slot, as evaluations in a row.
    pub health: BTreeMap<SlotId, Streak>,
    /// Since when each failover criterion of the policy has held for the primary.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub criteria: BTreeMap<String, Timestamp>,
    /// Verdicts on the judged slot since the phase began.
    pub judge: Streak,
    /// Samples in a row in which the data plane's weights were not ours.
    pub foreign_weights: u32,
    /// Newest position of the replicated data, and when it last moved.
    pub sync: Option<SyncProgress>,
    /// Newest lag that was measured while nobody complained about the primary. What a replica says
    /// of its lag behind a source that is gone means nothing.
    pub lag: Option<Lag>,
}

/// Position of replicated data, and when it last moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncProgress {
    /// Newest position.
    pub position: f64,
    /// When it last changed.
    #[schema(value_type = String)]
    pub moved_at: Timestamp,
}

/// The newest answers to one yes-or-no question, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recent {
    #[schema(value_type = Vec<bool>)]
    answers: VecDeque<bool>,
}

impl Recent {
    /// Adds an answer and forgets those before the last `window`.
    pub fn push(&mut self, answer: bool, window: u32) {
        self.answers.push_back(answer);
        while self.answers.len() > window as usize {
            self.answers.pop_front();
        }
    }

    /// How many of the remembered answers were yes.
    pub fn count(&self) -> usize {
        self.answers.iter().filter(|answer| **answer).count()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.answers.clear();
    }
}

/// Good or bad outcomes in a row; the one ends the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Streak {
    /// Good ones in a row.
    pub well: u32,
    /// Bad ones in a row.
    pub failed: u32,
}

impl Streak {
    /// Adds an outcome; an unknown one changes nothing.
    pub fn push(&mut self, well: Option<bool>) {
        *self = match well {
            Some(true) => Self { well: self.well.saturating_add(1), failed: 0 },
            Some(false) => Self { well: 0, failed: self.failed.saturating_add(1) },
            None => *self,
        };
    }
}

/// Somebody's wish that a group be left alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hold {
    /// Why, in the words of whoever holds it.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// Until when; without end unless released when absent.
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
}

/// What a human can ask of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Make a shadow and keep it ready.
    Prepare,
    /// Hand over to a shadow, making one first if there is none.
    Failover,
    /// Hand over to the standby.
    Failback,
    /// Take away what was made, leave the route on the user's own instance.
    Retire,
    /// Take away everything that was made, the route included.
    RetireWithRoute,
}

/// What made all traffic move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The score passed the critical threshold.
    Forecast,
    /// Independent observers saw the primary fail.
    Failure,
    /// A human asked for it.
    Human,
    /// The policy returns to the original primary.
    Failback,
    /// A hand-over did not work out.
    Rollback,
}

/// A movement of all traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Switch {
    /// The slot that is left.
    pub from: SlotId,
    /// The slot that takes over.
    pub to: SlotId,
    /// What made it move.
    pub cause: Cause,
    /// When it was decided.
    #[schema(value_type = String)]
    pub decided_at: Timestamp,
    /// When the data plane reported it.
    #[schema(value_type = Option<String>)]
    pub done_at: Option<Timestamp>,
}

/// A slot on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Leaving {
    /// The slot.
    pub slot: SlotId,
    /// How far it is.
    pub stage: LeavingStage,
    /// Where the group goes when it is gone.
    pub then: Phase,
}

/// How far a slot is on its way out; each stage waits until the one before is seen to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeavingStage {
    /// Its weight is 0; requests in flight end.
    Draining,
    /// It is taken off the route.
    Detaching,
    /// Its resources are destroyed.
    Removing,
}

impl GroupState {
    /// The state of a group that was just declared: the user's own instance serves everything.
    pub fn new(original: SlotId, slot: Slot, now: Timestamp) -> Self {
        Self {
            phase: Phase::Observing,
            phase_since: now,
            phase_reason: "declared".to_owned(),
            epoch: 1,
            led_since: now,
            slots: BTreeMap::from([(original.clone(), slot)]),
            newest_slot: original.clone(),
            weights: BTreeMap::from([(original.clone(), 100)]),
            original,
            mirroring: false,
            evidence: Evidence::default(),
            hold: None,
            request: None,
            switch: None,
            cooldown_until: None,
            leaving: None,
            route_removed: false,
        }
    }

    /// What a reconciler that takes over a remembered group changes: nothing is concluded from what
    /// it did not see itself. The epoch stays: only one process can hold the data directory, and
    /// what an earlier one left running is waited for.
    pub fn taken_over(mut self, now: Timestamp) -> Self {
        self.led_since = now;
        self.evidence = Evidence::default();
        self
    }

    /// Ends a hold, if there is one. Older writes, those of whoever held the group included, lose
    /// against a new epoch.
    pub fn end_hold(&mut self) {
        if self.hold.take().is_some() {
            self.epoch += 1;
        }
        self.evidence.foreign_weights = 0;
    }

    /// The slot that serves, by role. There is always one: roles only ever swap.
    pub fn primary(&self) -> &SlotId {
        self.slot_with(Role::Primary).unwrap_or(&self.original)
    }

    /// The slot that is being made ready, or is.
    pub fn shadow(&self) -> Option<&SlotId> {
        self.slot_with(Role::Shadow)
    }

    /// The slot that could take over: the shadow, or else the old primary that stands by.
    pub fn candidate(&self) -> Option<&SlotId> {
        self.shadow().or_else(|| self.slot_with(Role::Standby))
    }

    /// The slot of that role, if there is one. Never more than one slot has the role of primary,
    /// shadow or standby.
    pub fn slot_with(&self, role: Role) -> Option<&SlotId> {
        self.slots.iter().find(|(_, slot)| slot.role == role).map(|(id, _)| id)
    }

    /// Evaluations in a row in which a slot was well, and was not.
    pub fn health(&self, slot: &SlotId) -> Streak {
        self.evidence.health.get(slot).copied().unwrap_or_default()
    }

    /// Wanted share of a slot in percent.
    pub fn weight(&self, slot: &SlotId) -> u32 {
        self.weights.get(slot).copied().unwrap_or(0)
    }
}
