//! The shared vocabulary: what users declare, what a group is, and what was seen of it.
//!
//! Types whose name ends in `Spec` are documents as written (durations are text, fields may be
//! left out); `check` turns them into the type without the suffix or lists every problem found.

pub mod calendar;
pub mod check;
pub mod group;
pub mod name;
pub mod phase;
pub mod placement;
pub mod policy;
pub mod process;
pub mod resource;
pub mod secret;
pub mod signal;
pub mod size;
pub mod slot;
pub mod split;

pub use calendar::{Calendar, CalendarSpec};
pub use check::{Problem, Problems};
pub use group::{Group, GroupSpec};
pub use name::{GroupName, SlotId};
pub use phase::Phase;
pub use policy::{Mode, Policy, PolicySpec};
pub use resource::Resource;
