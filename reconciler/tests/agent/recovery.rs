//! What an agent makes of what a former one left.

use super::host::{Host, PROGRAM, is_alive, kill, pid_of, script, sleeper, until, with};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shadow_core::model::process::ProcessState;
use std::fs;

#[tokio::test]
async fn a_killed_agent_finds_its_processes_again() {
    let mut host = Host::without_agent();
    host.start_program().await;
    let before = host.run(&sleeper("web")).await;
    host.kill_agent();
    assert!(is_alive(pid_of(&before)), "a process outlives its agent");

    host.start_program().await;
    let after = host.get("web").await.unwrap();
    assert_eq!((after.state, after.pid, after.port), (ProcessState::Running, before.pid, before.port));
    assert_eq!(host.create(&sleeper("web")).await.0, StatusCode::OK);
    assert_eq!(host.marked(), [pid_of(&before)]);

    kill(pid_of(&before));
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!((ended.exit_code, ended.exit_signal), (None, None), "how it ended was not to be seen");
    host.run(&sleeper("web")).await;
    host.kill_agent();
    host.start_program().await;
    assert_eq!(host.delete("web").await, StatusCode::NO_CONTENT);
    assert_eq!(host.marked(), [0; 0]);
}

#[tokio::test]
async fn an_agent_killed_over_and_over_loses_and_doubles_nothing() {
    let mut host = Host::without_agent();
    for round in 0..10 {
        host.start_program().await;
        let name = format!("web-{round}");
        let path = format!("/v1/processes/{name}");
        let spec = with(sleeper(&name), json!({"stop": {"grace": "1s"}}));
        let request = host.request(reqwest::Method::PUT, &path).json(&spec).send();
        // Killed at another step of the start in each round.
        tokio::time::timeout(std::time::Duration::from_millis(15 * round), request).await.ok();
        host.kill_agent();
    }
    host.start_program().await;
    for round in 0..10 {
        let name = format!("web-{round}");
        let (status, body) = host.create(&with(sleeper(&name), json!({"stop": {"grace": "1s"}}))).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    until(async || host.marked().len() == 10).await;
    for round in 0..10 {
        let status = host.get(&format!("web-{round}")).await.unwrap();
        assert_eq!(status.state, ProcessState::Running);
        assert!(host.marked().contains(&pid_of(&status)));
    }
}

#[tokio::test]
async fn a_process_spawned_but_not_recorded_is_adopted() {
    let mut host = Host::with_program().await;
    let before = host.run(&sleeper("web")).await;
    host.kill_agent();
    edit_record(&host, "web", |record| record["life"] = json!({"state": "starting"}));
    host.start_program().await;
    let after = host.get("web").await.unwrap();
    assert_eq!((after.state, after.pid), (ProcessState::Running, before.pid));
    assert_eq!(host.marked(), [pid_of(&before)]);
}

#[tokio::test]
async fn a_process_recorded_but_not_spawned_is_started() {
    let mut host = Host::with_program().await;
    let before = host.run(&sleeper("web")).await;
    host.kill_agent();
    kill(pid_of(&before));
    edit_record(&host, "web", |record| record["life"] = json!({"state": "starting"}));
    host.start_program().await;
    let after = host.until_process("web", |status| status.state == ProcessState::Running).await;
    assert_eq!(host.marked(), [pid_of(&after)]);
}

#[tokio::test]
async fn a_stop_that_was_begun_is_finished() {
    let mut host = Host::with_program().await;
    host.run(&sleeper("web")).await;
    host.kill_agent();
    edit_record(&host, "web", |record| {
        record["spec"]["desired_state"] = json!("stopped");
        record["life"]["state"] = json!("stopping");
    });
    host.start_program().await;
    host.until_process("web", |status| status.state == ProcessState::Stopped).await;
    assert_eq!(host.marked(), [0; 0]);
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_seen_by_the_next_agent() {
    let mut host = Host::with_program().await;
    let status = host.run(&script("web", "sleep 1000 & exec sleep 2000")).await;
    host.run(&with(sleeper("kept"), json!({"restart": "on_failure"}))).await;
    until(async || host.marked().len() == 3).await;
    let kept = pid_of(&host.get("kept").await.unwrap());
    host.kill_agent();
    kill(pid_of(&status));
    kill(kept);
    until(async || !is_alive(pid_of(&status)) && !is_alive(kept)).await;
    host.start_program().await;

    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!(ended.exit_code, None);
    let restarted = host.until_process("kept", |status| status.pid.is_some() && status.restarts == 1).await;
    // The worker that outlived its main process is gone too.
    assert_eq!(host.marked(), [pid_of(&restarted)]);
}

#[tokio::test]
async fn a_process_id_used_again_is_not_taken_for_the_process() {
    let mut host = Host::with_program().await;
    let status = host.run(&sleeper("web")).await;
    host.kill_agent();
    kill(pid_of(&status));
    // This test's own process id, with the start time of another process.
    edit_record(&host, "web", |record| record["life"]["run"]["pid"] = json!(std::process::id()));
    host.start_program().await;
    let ended = host.until_process("web", |status| status.state == ProcessState::Exited).await;
    assert_eq!(ended.pid, None);
}

#[tokio::test]
async fn a_corrupt_record_is_put_aside_and_its_process_left_alone_until_declared_again() {
    let mut host = Host::with_program().await;
    let before = host.run(&sleeper("web")).await;
    let other = host.run(&sleeper("other")).await;
    host.kill_agent();
    fs::write(host.record_of("web"), "{\"spec\": {").unwrap();
    host.start_program().await;

    assert!(host.folder_of("web").join("record.json.corrupt").exists());
    assert!(is_alive(pid_of(&before)));
    assert_eq!(host.get("web").await, None);
    assert_eq!(host.series("shadow_agent_unrecorded_processes").await, ["shadow_agent_unrecorded_processes 1.0"]);
    assert_eq!(host.get("other").await.unwrap().pid, other.pid, "others are not concerned");

    let (status, adopted) = host.create(&sleeper("web")).await;
    assert_eq!((status, &adopted["pid"]), (StatusCode::OK, &json!(before.pid)));
    assert_eq!(adopted["port"], json!(before.port));
    assert_eq!(host.marked().len(), 2);
}

#[tokio::test]
async fn a_process_without_a_record_is_replaced_or_deleted_on_demand() {
    let mut host = Host::with_program().await;
    for name in ["replaced", "deleted"] {
        host.run(&sleeper(name)).await;
    }
    host.kill_agent();
    for name in ["replaced", "deleted"] {
        fs::write(host.record_of(name), "").unwrap();
    }
    host.start_program().await;
    assert_eq!(host.marked().len(), 2);
    let replaced = host.run(&script("replaced", "exec sleep 2000")).await;
    assert_eq!(host.delete("deleted").await, StatusCode::NO_CONTENT);
    assert_eq!(host.marked(), [pid_of(&replaced)]);
    assert!(!host.folder_of("deleted").exists());
}

#[tokio::test]
async fn two_agents_never_share_a_data_directory() {
    let host = Host::new().await;
    let error = shadow_reconciler::agent::Agent::start(host.config()).await.unwrap_err();
    assert!(error.to_string().starts_with("another agent runs on data directory"), "{error}");
    let second = std::process::Command::new(PROGRAM)
        .args(["agent", "--listen", "127.0.0.1:0", "--data"])
        .arg(&host.data)
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another agent runs on data directory"));
}

fn edit_record(host: &Host, name: &str, edit: impl Fn(&mut Value)) {
    let path = host.record_of(name);
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut record);
    fs::write(path, record.to_string()).unwrap();
}
