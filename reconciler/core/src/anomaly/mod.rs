//! What is unlike a signal's own past or unlike its peers. An anomaly is a reason to look, and one
//! that is large and lasts a reason to prepare; it never makes traffic move.
//!
//! Four kinds, each measured by how much the signal itself deviates like that, so that one threshold
//! serves every signal. See decision 0032.

mod blocks;
mod detector;
mod episode;
mod group;
mod past;
mod peers;
mod rarity;
mod text;

pub use detector::{Detector, Finding};
pub use group::{Anomalies, Followed};

use crate::model::name::SlotId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Severity from which a sample is an anomaly: 0.23 false alarms per signal and day on the labelled series
/// that it was tried on, with four in five incidents found.
pub const MINOR: f64 = 1.5;

/// Severity from which an anomaly that lasts, and that the week has not seen, is major. Single samples reach
/// it without an incident once per signal in eight weeks.
pub const MAJOR: f64 = 4.0;

/// In which way something is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A value unlike those before it and unlike those of this time of the day.
    Deviation,
    /// A level that it did not have before.
    LevelShift,
    /// More or less movement from sample to sample than usual at this time.
    Restlessness,
    /// One replica unlike the others.
    UnlikePeers,
}

impl Kind {
    /// The name, as in answers of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deviation => "deviation",
            Self::LevelShift => "level_shift",
            Self::Restlessness => "restlessness",
            Self::UnlikePeers => "unlike_peers",
        }
    }
}

/// What an anomaly is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// A warning.
    Minor,
    /// A shadow.
    Major,
}

/// Something odd that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Anomaly {
    /// Of which slot.
    pub slot: SlotId,
    /// Of which signal.
    pub signal: String,
    /// In which way.
    pub kind: Kind,
    /// What it is worth.
    pub grade: Grade,
    /// The most that it was: [`MINOR`] and above, the same for every signal.
    pub severity: f64,
    /// When it began.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// For people; the same as long as grade and kind are.
    pub text: String,
}
