//! One-off commands.

use super::host::{Host, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn run(host: &Host, task: Value) -> (StatusCode, Value) {
    let response = host.request(Method::POST, "/v1/tasks").json(&task).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_task_answers_how_it_ended() {
    let host = Host::new().await;
    let script = "echo $WHO; echo trouble >&2; exit 4";
    let task = json!({"command": ["sh", "-c", script], "environment": {"WHO": "me"}});
    let (status, result) = run(&host, task).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(result, json!({"exit_code": 4, "signal": null, "timed_out": false, "output": "me\ntrouble\n"}));
}

#[tokio::test]
async fn only_the_last_output_is_kept() {
    let host = Host::new().await;
    let task = json!({"command": ["sh", "-c", "seq 1 20000; echo end"]});
    let (_status, result) = run(&host, task).await;
    let output = result["output"].as_str().unwrap();
    assert_eq!(output.len(), 4096);
    assert!(output.ends_with("20000\nend\n"));
}

#[tokio::test]
async fn a_task_over_its_time_ends_with_all_that_it_started() {
    let host = Host::new().await;
    let task = json!({"command": ["sh", "-c", "echo begun; sleep 1000 & sleep 1000"], "timeout": "500ms"});
    let (status, result) = run(&host, task).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&result["timed_out"], &result["signal"]), (&json!(true), &json!(9)));
    assert_eq!(result["output"], "begun\n");
    assert_eq!(host.marked(), [0; 0]);
}

#[tokio::test]
async fn a_task_that_nobody_waits_for_any_more_ends() {
    let host = Host::new().await;
    let request = host.request(Method::POST, "/v1/tasks").json(&json!({"command": ["sleep", "1000"]}));
    let request = tokio::spawn(request.send());
    until(async || host.marked().len() == 1).await;
    request.abort();
    until(async || host.marked().is_empty()).await;
}

#[tokio::test]
async fn a_task_of_a_killed_agent_is_ended_by_the_next() {
    let mut host = Host::without_agent();
    host.start_program().await;
    let request = host.request(Method::POST, "/v1/tasks").json(&json!({"command": ["sleep", "1000"]}));
    let request = tokio::spawn(request.send());
    until(async || host.marked().len() == 1).await;
    host.kill_agent();
    request.await.unwrap().unwrap_err();
    assert_eq!(host.marked().len(), 1);
    host.start_program().await;
    until(async || host.marked().is_empty()).await;
}

#[tokio::test]
async fn a_task_that_cannot_be_run_is_refused() {
    let host = Host::new().await;
    for (task, path) in [
        (json!({"command": []}), "command"),
        (json!({"command": ["no-such-program"]}), "command[0]"),
        (json!({"command": ["true"], "timeout": "2h"}), "timeout"),
    ] {
        let (status, body) = run(&host, task).await;
        assert_eq!((status, &body["problems"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(path)));
    }
}
