//! A slot: one instance of a group under a stable key, whatever its role.

use super::group::Placement;
use super::name::SlotId;
use super::size::Size;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a slot is to its group at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It serves, and it alone may write.
    Primary,
    /// It is being made ready, or is ready, to become primary.
    Shadow,
    /// It was primary, is fenced, and may become it again.
    Standby,
    /// It is not trusted: no traffic, kept for a human to look at.
    Quarantined,
}

/// Where a slot serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Endpoint {
    /// IP address or host name.
    pub address: String,
    /// TCP port.
    pub port: u16,
}

/// What is known of the instance behind a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Instance {
    /// Id given by whoever runs it.
    pub instance_id: String,
    /// Where it serves.
    pub endpoint: Endpoint,
    /// Failure domain, if told.
    pub zone: Option<String>,
    /// Size as granted, if told.
    pub size: Size,
    /// URL of its health check, if told.
    pub health_url: Option<String>,
    /// URL of the agent on its host, if told; warm-up tasks run there.
    pub agent_url: Option<String>,
    /// Cost per hour, if told, in the currency of the policy's ceiling.
    pub hourly_cost: Option<f64>,
}

/// A slot of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Slot {
    /// What it is to its group.
    pub role: Role,
    /// Epoch in which that role was given.
    pub epoch: u64,
    /// When it was added.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// What it was made from, if the reconciler made it. Absent for an instance of the user's,
    /// which the reconciler never changes or destroys.
    pub made: Option<Making>,
    /// The instance, once there is one.
    pub instance: Option<Instance>,
}

/// What a slot was made from. It stays as it was for the life of the slot: a changed declaration
/// makes the *next* slot different, and never restarts an instance that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Making {
    /// Generation of the group's declaration.
    pub generation: u64,
    /// Size asked for.
    pub size: Size,
    /// Place asked for.
    pub placement: Placement,
    /// The user's own parameters.
    pub params: Value,
    /// Where its data comes from.
    pub sync: SyncSource,
}

/// Where an instance's data comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncSource {
    /// `none`, or a method that the module knows.
    pub method: String,
    /// The slot that data comes from.
    pub source_slot: Option<SlotId>,
    /// Where that slot serves.
    pub source_endpoint: Option<Endpoint>,
    /// How often data is replicated.
    pub interval: String,
}

impl Slot {
    /// Whether the reconciler made it.
    pub fn is_managed(&self) -> bool {
        self.made.is_some()
    }
}
