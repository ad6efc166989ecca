//! What the agent tells Prometheus, and what it does not.

use super::host::{Host, kill, pid_of, service, sleeper, until, with};
use serde_json::json;
use shadow_core::model::process::ProcessState;

#[tokio::test]
async fn a_process_that_runs_and_answers_has_all_its_series() {
    let host = Host::new().await;
    let more = json!({
        "tags": {"shadow:group": "shop", "shadow:slot": "a", "team": "x"},
        "probe": {"path": "/healthz", "interval": "100ms", "timeout": "5s"},
    });
    host.run(&with(service("web"), more)).await;
    host.until_process("web", |status| status.healthy == Some(true)).await;

    let labels = r#"{process="web",group="shop",slot="a"}"#;
    for metric in [
        "shadow_process_up",
        "shadow_process_cpu_seconds_total",
        "shadow_process_resident_memory_bytes",
        "shadow_process_io_read_bytes_total",
        "shadow_process_io_written_bytes_total",
        "shadow_process_open_files",
        "shadow_process_restarts_total",
        "shadow_probe_success",
        "shadow_probe_duration_seconds",
        "shadow_probe_connect_seconds",
        "shadow_probe_failures_total",
    ] {
        let series = host.series(metric).await;
        assert!(matches!(series.as_slice(), [one] if one.starts_with(&format!("{metric}{labels} "))), "{series:?}");
    }
    assert_eq!(host.series("shadow_process_up").await, [format!("shadow_process_up{labels} 1.0")]);
    let memory = host.series("shadow_process_resident_memory_bytes").await.remove(0);
    let bytes: f64 = memory.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(bytes > 1e6, "{memory}");
}

#[tokio::test]
async fn a_dead_process_is_down_and_uses_nothing() {
    let host = Host::new().await;
    let probe = json!({"probe": {"path": "/healthz", "interval": "100ms", "timeout": "5s"}});
    let status = host.run(&with(service("web"), probe)).await;
    host.until_process("web", |status| status.healthy == Some(true)).await;
    kill(pid_of(&status));
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!(ended.healthy, None);
    let success = async || host.series("shadow_probe_success").await;
    until(async || success().await == [r#"shadow_probe_success{process="web"} 0.0"#]).await;

    assert_eq!(host.series("shadow_process_up").await, [r#"shadow_process_up{process="web"} 0.0"#]);
    for metric in [
        "shadow_process_cpu_seconds_total",
        "shadow_process_resident_memory_bytes",
        "shadow_process_io_read_bytes_total",
        "shadow_process_open_files",
        "shadow_probe_duration_seconds",
        "shadow_probe_connect_seconds",
    ] {
        assert_eq!(host.series(metric).await, [""; 0]);
    }
    host.delete("web").await;
    assert!(!host.metrics().await.contains("process=\"web\""));
}

#[tokio::test]
async fn a_process_without_a_probe_has_no_probe_series() {
    let host = Host::new().await;
    let status = host.run(&sleeper("web")).await;
    assert_eq!(status.healthy, None);
    assert!(!host.metrics().await.contains("shadow_probe"));
}

#[tokio::test]
async fn the_host_and_the_agent_are_measured() {
    let host = Host::new().await;
    let metrics = host.metrics().await;
    for series in [
        r#"shadow_node_cpu_seconds_total{mode="idle"} "#,
        r#"shadow_node_cpu_seconds_total{mode="user"} "#,
        "shadow_node_memory_total_bytes ",
        "shadow_node_memory_available_bytes ",
        "shadow_agent_cpu_seconds_total ",
        "shadow_agent_resident_memory_bytes ",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(series)), "{series} is not in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
}
