//! Creating, changing, stopping and deleting processes.

use super::host::{Host, is_alive, kill, pid_of, script, sleeper, until, with};
use reqwest::StatusCode;
use serde_json::json;
use shadow_core::model::process::ProcessState;

#[tokio::test]
async fn a_create_that_is_repeated_makes_no_duplicate() {
    let host = Host::new().await;
    let (status, first) = host.create(&sleeper("web")).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (status, second) = host.create(&sleeper("web")).await;
    assert_eq!(status, StatusCode::OK, "{second}");
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(host.marked().len(), 1);
}

#[tokio::test]
async fn a_create_never_changes_what_exists() {
    let host = Host::new().await;
    let before = host.run(&sleeper("web")).await;
    let (status, body) = host.create(&script("web", "exec sleep 2000")).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(body["problems"], json!([]));
    assert!(body["error"].as_str().unwrap().contains("\"web\" exists with another declaration"), "{body}");
    assert_eq!(host.get("web").await.unwrap(), before);
}

#[tokio::test]
async fn only_changes_that_a_process_reads_at_its_start_restart_it() {
    let host = Host::new().await;
    let before = host.run(&sleeper("web")).await;

    let unread = json!({
        "tags": {"shadow:slot": "a"},
        "probe": {"path": "/healthz"},
        "stop": {"signal": "SIGINT", "grace": "3s"},
        "restart": "on_failure",
        "port": before.port,
    });
    let after = host.run(&with(sleeper("web"), unread.clone())).await;
    assert_eq!(after.pid, before.pid);
    assert_eq!(after.spec.tags["shadow:slot"], "a");

    let read = json!({"environment": {"LEVEL": "debug"}});
    let restarted = host.run(&with(with(sleeper("web"), unread), read)).await;
    assert_ne!(restarted.pid, before.pid);
    assert_eq!(restarted.port, before.port, "a chosen port is kept");
    assert_eq!(restarted.restarts, 0, "a wanted restart is not counted");
    assert!(!is_alive(pid_of(&before)));
    assert_eq!(host.marked().len(), 1);
}

#[tokio::test]
async fn a_stopped_process_keeps_its_record_and_its_port() {
    let host = Host::new().await;
    let before = host.run(&sleeper("web")).await;
    let stopped = host.run(&with(sleeper("web"), json!({"desired_state": "stopped"}))).await;
    assert_eq!((stopped.state, stopped.pid, stopped.port), (ProcessState::Stopped, None, before.port));
    assert_eq!(host.marked(), [0; 0]);
    let again = host.run(&sleeper("web")).await;
    assert_eq!((again.state, again.port), (ProcessState::Running, before.port));
}

#[tokio::test]
async fn a_deleted_process_ends_gracefully_and_is_forgotten() {
    let host = Host::new().await;
    let farewell = host.data.join("farewell");
    let polite = format!("trap 'echo bye > {}; exit 0' TERM; while :; do sleep 0.05; done", farewell.display());
    host.run(&script("web", &polite)).await;
    assert_eq!(host.delete("web").await, StatusCode::NO_CONTENT);
    assert_eq!(std::fs::read_to_string(farewell).unwrap(), "bye\n");
    assert_eq!(host.marked(), [0; 0]);
    assert_eq!(host.get("web").await, None);
    assert!(!host.folder_of("web").exists());
    assert_eq!(host.delete("web").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stubborn_process_is_killed_with_all_that_it_started() {
    let host = Host::new().await;
    let stubborn = "trap '' TERM; (trap '' TERM; exec sleep 1000) & setsid sleep 1000 & while :; do sleep 1; done";
    let spec = with(script("web", stubborn), json!({"stop": {"grace": "200ms"}}));
    host.run(&spec).await;
    until(async || host.marked().len() >= 3).await;
    assert_eq!(host.delete("web").await, StatusCode::NO_CONTENT);
    assert_eq!(host.marked(), [0; 0]);
}

#[tokio::test]
async fn an_end_by_itself_is_seen_as_drift_and_repaired_by_the_same_declaration() {
    let host = Host::new().await;
    let spec = script("web", "sleep 0.6; exit 7");
    let before = host.run(&spec).await;
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!((ended.exit_code, ended.exit_signal, ended.pid), (Some(7), None, None));
    assert_eq!(ended.restarts, 0, "it stays down unless declared otherwise");
    let repaired = host.run(&spec).await;
    assert_eq!(repaired.state, ProcessState::Running);
    assert_ne!(repaired.pid, before.pid);
}

#[tokio::test]
async fn a_main_process_that_dies_leaves_no_worker_behind() {
    let host = Host::new().await;
    let status = host.run(&script("web", "sleep 1000 & exec sleep 2000")).await;
    until(async || host.marked().len() == 2).await;
    kill(pid_of(&status));
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!((ended.exit_code, ended.exit_signal), (None, Some(9)));
    assert_eq!(host.marked(), [0; 0]);
}

#[tokio::test]
async fn a_process_to_be_restarted_waits_longer_each_time() {
    let host = Host::new().await;
    let spec = with(sleeper("web"), json!({"restart": "on_failure"}));
    let first = host.run(&spec).await;
    kill(pid_of(&first));
    host.until_process("web", |status| status.state == ProcessState::Backoff).await;
    let second = host.until_process("web", |status| status.restarts == 1 && status.pid.is_some()).await;
    assert_ne!(second.pid, first.pid);
    assert_eq!(second.port, first.port);

    let killed_at = std::time::Instant::now();
    kill(pid_of(&second));
    host.until_process("web", |status| status.restarts == 2 && status.pid.is_some()).await;
    assert!(killed_at.elapsed().as_secs_f64() >= 2.0, "{:?}", killed_at.elapsed());
}

#[tokio::test]
async fn a_wanted_end_is_no_reason_for_a_restart() {
    let host = Host::new().await;
    let spec = with(script("web", "sleep 0.5; exit 0"), json!({"restart": "on_failure"}));
    host.run(&spec).await;
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!((ended.exit_code, ended.restarts), (Some(0), 0));
}

#[tokio::test]
async fn several_processes_live_side_by_side() {
    let host = Host::new().await;
    let (one, two) = (sleeper("one"), sleeper("two"));
    let (one, two) = tokio::join!(host.run(&one), host.run(&two));
    assert_ne!(one.port, two.port);
    let list = host.request(reqwest::Method::GET, "/v1/processes").send().await.unwrap();
    let list: serde_json::Value = list.json().await.unwrap();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|p| p["spec"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(host.delete("one").await, StatusCode::NO_CONTENT);
    assert!(is_alive(pid_of(&two)));
}
