//! The provider under the real terraform, and its process alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod apis;
mod batch;
mod calendar;
mod declarations;
mod examples;
mod foresight;
mod functions;
mod group;
mod lifecycle;
mod policy;
mod process;
mod process_life;
mod reconciler;
mod service_module;
mod terraform;
mod token;
