//! Starts the product as its users run it (a real Terraform, Prometheus and Envoy, real processes), sends load and
//! says what came out. The integration tests and the demo share it, so that neither has an engine of its own.
//!
//! It never decides or applies anything for the product: it uses the binaries, the HTTP API and the files that a user
//! has, and everything that it starts listens on loopback and is gone when it is dropped.

pub mod agent;
pub mod bench;
pub mod bench_provider;
pub mod child;
pub mod client;
pub mod demo;
pub mod equivalence;
pub mod http;
pub mod load;
pub mod mirror;
pub mod orphans;
pub mod ports;
pub mod provider_docs;
pub mod provider_process;
pub mod report;
pub mod sessions;
pub mod terraform;
pub mod tools;
pub mod wait;
pub mod world;
