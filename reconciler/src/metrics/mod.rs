//! Where samples come from. Sources only read; what a sample means is decided elsewhere.

mod prometheus;
mod prometheus_answer;

pub use prometheus::{MetricsError, PrometheusSource};
