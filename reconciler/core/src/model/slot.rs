//! A slot: one instance of a group under a stable key, whatever its role.

use super::group::Size;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Whether the reconciler made it; it never destroys one that it did not make.
    pub managed: bool,
    /// Generation of the group's declaration that it was made for.
    pub generation: u64,
    /// When it was added.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// The instance, once there is one.
    pub instance: Option<Instance>,
}
