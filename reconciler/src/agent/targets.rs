//! The processes of this host that Prometheus can scrape, in the form of its HTTP service discovery.

use serde::Serialize;
use shadow_core::model::process::{ProcessState, ProcessStatus};
use std::collections::BTreeMap;

/// A process with this tag serves its own metrics at the path that is the tag's value.
const PATH_TAG: &str = "shadow:metrics_path";

/// One entry of Prometheus' `http_sd_config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct TargetGroup {
    /// `ADDRESS:PORT`, one.
    targets: [String; 1],
    /// Added to each of its series; `process` is the name by which the agent's own metrics know it.
    labels: BTreeMap<&'static str, String>,
}

/// Running processes that say where their metrics are.
pub(super) fn targets(processes: &[ProcessStatus]) -> Vec<TargetGroup> {
    let running = processes.iter().filter(|process| process.state == ProcessState::Running);
    running.filter_map(target).collect()
}

fn target(process: &ProcessStatus) -> Option<TargetGroup> {
    let path = process.spec.tags.get(PATH_TAG)?;
    Some(TargetGroup {
        targets: [format!("{}:{}", process.spec.address, process.port)],
        labels: BTreeMap::from([("process", process.spec.name.clone()), ("__metrics_path__", path.clone())]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn process(state: &str, tags: &serde_json::Value) -> ProcessStatus {
        serde_json::from_value(json!({
            "spec": {"name": "sessions-b", "command": ["x"], "tags": tags},
            "state": state, "port": 20001, "restarts": 0,
        }))
        .unwrap()
    }

    #[test]
    fn only_running_processes_that_ask_for_it_are_targets() {
        let tags = json!({"shadow:metrics_path": "/metrics"});
        let told = targets(&[process("running", &tags), process("exited", &tags), process("running", &json!({}))]);
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            json!([{
                "targets": ["127.0.0.1:20001"],
                "labels": {"process": "sessions-b", "__metrics_path__": "/metrics"},
            }])
        );
    }
}
