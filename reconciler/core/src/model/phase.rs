//! Where a group is between "nothing is wrong" and "the old primary is gone".

use serde::{Deserialize, Serialize};
use std::fmt;

/// The reported state of a group. A hold is not a phase: it stops a group wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Metrics are collected; there is no score yet, or the route is not set up yet.
    Observing,
    /// There is a score and nothing to do.
    Idle,
    /// A shadow was decided; its plan is being made and reviewed.
    Planning,
    /// The primary has failed and there is no shadow: one is made without ceremony.
    EmergencyProvision,
    /// The approved plan is being applied.
    Provisioning,
    /// Making the shadow failed; it is tried again with growing pauses.
    ProvisionFailed,
    /// The shadow's data catches up.
    Syncing,
    /// The shadow's data does not move.
    SyncStalled,
    /// The shadow is probed and warmed up.
    Warming,
    /// The shadow could take over at any moment.
    Ready,
    /// Copies of safe requests go to the shadow.
    Mirroring,
    /// The shadow serves a share: the policy's step of that index.
    Shifting(u32),
    /// All traffic is being moved; the data plane has not yet confirmed it.
    HandingOver,
    /// Traffic is being returned to the side that is well.
    RollingBack,
    /// The new primary serves everything and is watched.
    Watching,
    /// The hand-over is final.
    Committed,
    /// The new primary gets a shadow of its own.
    Reprotecting,
    /// The old primary stands by and could take over again.
    FailbackReady,
    /// A slot without traffic is being removed.
    Decommissioning,
    /// The group's declaration was removed: what was made for it is being taken away.
    Retiring,
    /// Nothing is left to do for a group whose declaration was removed.
    Retired,
}

impl Phase {
    /// Name without the step, as used in journals, metrics labels and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Observing => "observing",
            Self::Idle => "idle",
            Self::Planning => "planning",
            Self::EmergencyProvision => "emergency_provision",
            Self::Provisioning => "provisioning",
            Self::ProvisionFailed => "provision_failed",
            Self::Syncing => "syncing",
            Self::SyncStalled => "sync_stalled",
            Self::Warming => "warming",
            Self::Ready => "ready",
            Self::Mirroring => "mirroring",
            Self::Shifting(_) => "shifting",
            Self::HandingOver => "handing_over",
            Self::RollingBack => "rolling_back",
            Self::Watching => "watching",
            Self::Committed => "committed",
            Self::Reprotecting => "reprotecting",
            Self::FailbackReady => "failback_ready",
            Self::Decommissioning => "decommissioning",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// Whether the group is on its way somewhere, and so counts against the fleet's budget.
    pub fn is_in_flight(self) -> bool {
        !matches!(self, Self::Observing | Self::Idle | Self::Ready | Self::FailbackReady | Self::Retired)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Shifting(step) = self { write!(f, " (step {})", step + 1) } else { Ok(()) }
    }
}
