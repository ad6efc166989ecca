//! What becomes of the old primary after a hand-over, and how a group returns to it.

use super::PolicySpec;
use crate::model::Problems;
use serde::{Deserialize, Serialize};

/// What becomes of the old primary once the new one is committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterHandover {
    /// It stays, fenced and without traffic, ready for a failback.
    #[default]
    Standby,
    /// It is made anew from its base configuration, then stands by.
    Rebuild,
    /// It stays, stopped.
    Stop,
    /// A new shadow is made for the new primary, then the old one is removed.
    Deprovision,
}

/// How a group returns to its original primary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failback {
    /// Only when a human asks for it.
    #[default]
    Manual,
    /// In a window that comes again and again, once the original is well.
    Window,
    /// As soon as the original has been well for a while.
    Auto,
}

/// Checks that a failback by window has its window, and no other has one.
pub(super) fn check_failback(policy: &PolicySpec, problems: &mut Problems) {
    let wanted = policy.failback == Failback::Window;
    problems.relate(
        wanted == policy.failback_window.is_some(),
        "failback_window",
        &["failback"],
        if wanted { "failback = \"window\" needs it" } else { "only failback = \"window\" has a use for it" },
        "give both or neither",
    );
    problems.relate(
        policy.failback == Failback::Manual || policy.after_handover != AfterHandover::Deprovision,
        "failback",
        &["after_handover"],
        "after_handover = \"deprovision\" leaves nothing to return to",
        "choose another after_handover, or failback = \"manual\"",
    );
}
