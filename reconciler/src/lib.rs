//! Stub.

pub mod metrics;
pub mod traffic;
