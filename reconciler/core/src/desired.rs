//! The complete description of what should exist for one group. A pure value: rendering turns it
//! into text, and two equal values render to equal bytes.

use crate::model::group::{ModuleSpec, Placement};
use crate::model::name::{GroupName, SlotId};
use crate::model::size::Size;
use crate::model::slot::{Role, SyncSource};
use crate::model::split::{Backend, MirrorSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the contract between the generated roots and the user's modules.
pub const CONTRACT_PROTOCOL: u32 = 1;

/// What should exist for one group: its managed instances and the division of its traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DesiredState {
    /// The group.
    pub group: GroupName,
    /// Raised by each change of leadership and each hand-over.
    pub epoch: u64,
    /// The `capacity` root.
    pub capacity: DesiredCapacity,
    /// The `traffic` root.
    pub traffic: DesiredTraffic,
}

/// The managed instances of a group. Slots owned by the user never appear here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DesiredCapacity {
    /// The user's instance module.
    pub module: ModuleSpec,
    /// What each slot should be.
    pub slots: BTreeMap<SlotId, DesiredSlot>,
}

/// What one managed slot should be: the module contract's `shadow` object without its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DesiredSlot {
    /// Generation of the declaration that the slot was made for.
    pub generation: u64,
    /// What it is to its group.
    pub role: Role,
    /// Whether it should run.
    pub state: InstanceGoal,
    /// Size asked for.
    pub size: Size,
    /// Place asked for.
    pub placement: Placement,
    /// Where its data comes from.
    pub sync: SyncSource,
    /// The user's own parameters.
    pub params: Value,
    /// Epoch in which its role was given.
    pub epoch: u64,
}

/// Whether an instance should run, in the words of the module contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceGoal {
    /// As small as it can be while data is kept.
    Minimal,
    /// Made, not running.
    Stopped,
    /// Running at its size.
    Running,
    /// Running, taking nothing new.
    Draining,
}

/// The division of a group's traffic: the module contract's `traffic` object without its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DesiredTraffic {
    /// The user's traffic module.
    pub module: ModuleSpec,
    /// Every slot that is known to the data plane, with its weight in percent.
    pub backends: BTreeMap<SlotId, Backend>,
    /// The slot that alone gets every request that may write, whatever the weights. It changes only
    /// together with the epoch, so that no two slots are written to in one epoch. Absent where the
    /// policy says that the slots share their data: then the weights decide for these requests too.
    pub writer: Option<SlotId>,
    /// Copies of requests to a shadow.
    pub mirror: Option<MirrorSpec>,
}
