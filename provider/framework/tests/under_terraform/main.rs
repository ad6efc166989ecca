//! Providers on this framework under the real terraform: what users of one rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changes;
mod configurations;
mod features;
mod imports;
mod interruptions;
mod notes;
mod root;
