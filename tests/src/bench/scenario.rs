//! What is measured: policies under which groups have nothing to do. Every group forecasts from a full history, as it
//! does after weeks, so that no figure is better than that of a fleet in service.

use serde_json::{Value, json};
use std::time::Duration;

/// Name of the one policy of a fleet.
pub(super) const POLICY: &str = "bench";

/// One way to run a fleet.
pub(super) struct Scenario {
    /// For people.
    pub(super) name: &'static str,
    /// The policy of every group.
    pub(super) policy: Value,
    /// What one group wants per second.
    pub(super) cycles_per_second: f64,
    /// Longest wait until every group has its history and a score.
    pub(super) warm_up_max: Duration,
    /// Time over which figures are taken: whole intervals, so that each group counts equally often.
    pub(super) window: Duration,
}

impl Scenario {
    /// All of them.
    pub(super) fn all() -> [Self; 2] {
        [Self::every_second(), Self::defaults()]
    }

    /// As often as a policy may ask for it, with the short history of the demo.
    fn every_second() -> Self {
        Self {
            name: "every second",
            policy: json!({
                "name": POLICY, "interval": "1s", "step": "1s", "history": "10m", "horizons": ["20s", "60s"],
            }),
            cycles_per_second: 1.0,
            warm_up_max: Duration::from_secs(60),
            window: Duration::from_secs(20),
        }
    }

    /// A policy that says nothing: an interval of 60 s, and four weeks of history in steps of five minutes.
    fn defaults() -> Self {
        Self {
            name: "defaults (60 s)",
            policy: json!({"name": POLICY}),
            cycles_per_second: 1.0 / 60.0,
            // Two thousand windows of four weeks are computed by Prometheus before the first score of the last group.
            warm_up_max: Duration::from_secs(300),
            window: Duration::from_secs(60),
        }
    }
}

/// A group whose signals lie far below their limits. Where the exporter has no sample, which is before it started,
/// the query has a daily wave, so that there is a history from the first look on.
pub(super) fn group(number: u32, modules: &str) -> Value {
    let name = group_name(number);
    let signal = |metric: &str| {
        json!({
            "query": format!("sum({metric}{{instance_id=\"$instance\"}}) or 30 + 5 * sin(vector(time() / 13750))"),
            "limit": 1_000, "unit": "count",
        })
    };
    json!({
        "name": name, "policy": POLICY,
        "primary": {"instance_id": name, "address": "127.0.0.1", "port": 1},
        "signals": {"load": signal("bench_load"), "memory": signal("bench_memory")},
        "instance": {"source": format!("{modules}/instance-process")},
        "traffic": {"source": format!("{modules}/traffic-envoy")},
    })
}

/// Name of a group, and of its primary's instance.
pub(super) fn group_name(number: u32) -> String {
    format!("group-{number:05}")
}
