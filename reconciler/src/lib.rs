//! The acting half of Shadow: reads metrics, runs Terraform, steers Envoy, supervises processes and
//! talks to people. What to do is decided in `shadow_core`; the parts here carry it out.

pub mod agent;
pub mod api;
pub mod app;
pub mod backtesting;
pub mod board;
pub mod cli;
pub mod client;
pub mod clock;
pub mod cycle;
pub mod daemon;
pub mod data_lock;
pub mod expectations;
mod feedback;
pub mod forecasting;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod http;
pub mod journal;
pub mod metrics;
pub mod plot;
pub mod recording;
pub mod reference;
pub mod roots;
pub mod sample;
pub mod store;
pub mod teaching;
pub mod telemetry;
pub mod terraform;
pub mod traffic;
pub mod warmup;
