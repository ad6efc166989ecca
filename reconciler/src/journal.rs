//! What happened, for people and for reports: one entry per transition, Terraform run, human
//! command, alert and error. Entries are only ever added.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The group went to another phase.
    Transition,
    /// Terraform ran.
    Terraform,
    /// A human asked for something.
    Human,
    /// A reconciler started and took the group over.
    Takeover,
    /// The group is left alone because a human changed something.
    Hold,
    /// What an alarm or a breach turned out to be, or what a threshold is to become.
    Feedback,
    /// Something deserves a human's attention.
    Alert,
    /// Something did not work.
    Error,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// What it is about.
    pub kind: Kind,
    /// The phase in which it happened.
    pub phase: String,
    /// For people.
    pub message: String,
    /// For programs; its fields depend on the kind.
    pub data: Value,
}

/// An entry with its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Record {
    /// Rising, never used twice.
    pub id: i64,
    /// When it happened.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The group it is about.
    pub group: String,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}
