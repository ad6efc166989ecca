//! Where samples come from. Sources only read; what a sample means is decided elsewhere.

mod prometheus;
mod prometheus_answer;
mod query;

pub(crate) use prometheus::{LIVE_LOOKBACK, RESOLUTION_MIN, ended};
pub use prometheus::{MetricsError, PrometheusSource};
