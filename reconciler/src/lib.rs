//! Stub.

pub mod agent;
