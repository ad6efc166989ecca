//! The provider under the real terraform, and its process alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apis;
mod batch;
mod declarations;
mod functions;
mod lifecycle;
mod process_life;
mod reconciler;
mod terraform;
mod token;
