//! The provider under the real terraform, and its process alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apis;
mod batch;
mod calendar;
mod declarations;
mod foresight;
mod functions;
mod group;
mod lifecycle;
mod policy;
mod process_life;
mod reconciler;
mod terraform;
mod token;
