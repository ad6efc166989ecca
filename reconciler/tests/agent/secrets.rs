//! Secret variables reach the process and nobody else.

use super::host::{Host, kill, pid_of, script, sleeper, until, with};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const SECRET: &str = "correct-horse";

fn with_secret(spec: Value, version: u64, secret: &str) -> Value {
    let secrets = json!({"KEY": secret});
    with(spec, json!({"secret_environment_wo": secrets, "secret_environment_wo_version": version}))
}

/// The variable as the process itself has it.
fn key_of(pid: i32) -> String {
    let environment = procfs::process::Process::new(pid).unwrap().environ().unwrap();
    environment[OsStr::new("KEY")].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn they_reach_the_process_and_no_answer() {
    let host = Host::new().await;
    let spec = with_secret(sleeper("web"), 1, SECRET);
    let status = host.run(&spec).await;
    assert_eq!(key_of(pid_of(&status)), SECRET);

    let (_, put) = host.put(&spec).await;
    let mut told = put.to_string();
    for path in ["/v1/processes", "/v1/processes/web", "/metrics", "/v1/prometheus-targets"] {
        told += &host.request(Method::GET, path).send().await.unwrap().text().await.unwrap();
    }
    assert!(told.contains("\"secret_environment_wo_version\":1") && !told.contains(SECRET), "{told}");

    let record = host.record_of("web");
    assert!(fs::read_to_string(&record).unwrap().contains(SECRET), "it is started again with it");
    assert_eq!(fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn they_change_with_their_version_only() {
    let host = Host::new().await;
    let first = host.run(&with_secret(sleeper("web"), 1, SECRET)).await;
    let same = host.run(&with_secret(sleeper("web"), 1, "another-one")).await;
    assert_eq!((same.pid, key_of(pid_of(&same))), (first.pid, SECRET.to_owned()));
    let kept = host.run(&with(sleeper("web"), json!({"secret_environment_wo_version": 1, "tags": {"a": "b"}}))).await;
    assert_eq!(kept.pid, first.pid, "whoever does not have them keeps them by their version");
    let raised = host.run(&with_secret(sleeper("web"), 2, "another-one")).await;
    assert_eq!(key_of(pid_of(&raised)), "another-one");
    assert!(!fs::read_to_string(host.record_of("web")).unwrap().contains(SECRET));
}

#[tokio::test]
async fn a_process_is_started_again_with_them_by_a_new_agent() {
    let mut host = Host::with_program().await;
    let spec = with(with_secret(sleeper("web"), 1, SECRET), json!({"restart": "on_failure"}));
    let first = host.run(&spec).await;
    host.kill_agent();
    kill(pid_of(&first));
    host.start_program().await;
    let again = host.until_process("web", |status| status.restarts == 1 && status.pid.is_some()).await;
    until(async || key_of(pid_of(&again)) == SECRET).await;
}

#[tokio::test]
async fn a_process_that_prints_them_and_ends_does_not_tell_them() {
    let host = Host::new().await;
    let (status, told) = host.put(&with_secret(script("web", "echo \"key is $KEY\"; exit 1"), 1, SECRET)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.to_string().contains("key is ***") && !told.to_string().contains(SECRET), "{told}");
}

#[tokio::test]
async fn a_refusal_names_the_variable_and_not_its_value() {
    let host = Host::new().await;
    let secrets = json!({"PORT": SECRET, "A=B": SECRET});
    let spec = with(sleeper("web"), json!({"secret_environment_wo": secrets, "secret_environment_wo_version": 1}));
    let (_, told) = host.put(&spec).await;
    let paths: Vec<&str> = told["problems"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["secret_environment_wo[\"A=B\"]", "secret_environment_wo[\"PORT\"]"]);
    assert!(!told.to_string().contains(SECRET), "{told}");
}
