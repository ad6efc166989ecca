//! Who is answered, and when the process ends.

use crate::client::{
    PATIENCE, Process, Session, Started, UNKNOWN, Wire, command, example, keys, pack, plugin, proto, provider, thing,
};
use http::Uri;
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

/// A provider may outlive its Terraform by no more.
const FAREWELL: Duration = Duration::from_secs(2);

async fn is_answered(wire: Option<Wire>) -> bool {
    let Some(wire) = wire else { return false };
    provider(&wire).get_metadata(proto::get_metadata::Request {}).await.is_ok()
}

#[tokio::test]
async fn only_the_announced_certificate_is_answered() {
    let right = keys();
    let started = Started::new("trial", &right, &[]);
    assert!(!is_answered(started.connect(None).await).await, "no certificate");
    assert!(!is_answered(started.connect(Some(keys())).await).await, "a foreign certificate");
    let plain = tokio::net::UnixStream::connect(&started.socket).await.unwrap();
    assert!(!is_answered(Wire::over(plain).await).await, "no TLS");
    assert!(is_answered(started.connect(Some(right)).await).await, "the right certificate");
}

#[tokio::test]
async fn it_says_that_it_is_well() {
    let session = Session::new(&[]).await;
    let mut health = HealthClient::with_origin(session.wire.clone(), Uri::from_static("http://localhost"));
    let request = HealthCheckRequest { service: "plugin".to_owned() };
    let answer = health.check(request).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
}

#[tokio::test]
async fn it_ends_when_asked_and_leaves_nothing() {
    let mut session = Session::new(&[]).await;
    session.controller.shutdown(plugin::Empty {}).await.unwrap();
    assert!(session.started.process.ends_within(FAREWELL));
    assert!(!session.started.socket.exists());
    let mut rest = String::new();
    session.started.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "standard output carries one line");
}

#[tokio::test]
async fn it_ends_when_its_terraform_is_gone_even_amid_a_call() {
    let session = Session::new(&[]).await;
    let mut caller = session.caller();
    let planned = thing(&json!({"id": UNKNOWN, "name": "a", "behaviour": "slow"}));
    let request = proto::apply_resource_change::Request {
        type_name: "trial_thing".to_owned(),
        planned_state: pack(&planned),
        config: pack(&planned),
        ..Default::default()
    };
    let call = tokio::spawn(async move { caller.apply_resource_change(request).await });
    while !session.file("a.json").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    call.abort();
    // Dropping every handle closes the connection, as the death of Terraform does.
    let Session { mut started, provider, controller, wire } = session;
    drop((call.await, provider, controller, wire));
    assert!(closed_and_ended(&mut started.process).await);
}

/// The connection is closed by a task of its own, so this must not block.
async fn closed_and_ended(process: &mut Process) -> bool {
    let deadline = tokio::time::Instant::now() + FAREWELL;
    while process.0.try_wait().unwrap().is_none() {
        if tokio::time::Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

#[tokio::test]
async fn under_a_debugger_it_serves_one_command_after_the_other() {
    let mut command = command(&example("trial"));
    let mut process = Process(command.arg("--debug").spawn().unwrap());
    let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("TF_REATTACH_PROVIDERS") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "the variable is printed");
    }
    let (_, json) = line.trim().split_once('=').unwrap();
    let json: serde_json::Value = serde_json::from_str(json.trim_matches('\'')).unwrap();
    let socket = json["registry.terraform.io/tests/trial"]["Addr"]["String"].as_str().unwrap();
    for _command in 0..2 {
        let wire = Wire::over(tokio::net::UnixStream::connect(socket).await.unwrap()).await.unwrap();
        assert!(is_answered(Some(wire.clone())).await);
        let origin = Uri::from_static("http://localhost");
        let mut controller = crate::client::Controller::with_origin(wire, origin);
        controller.shutdown(plugin::Empty {}).await.unwrap();
    }
    let id = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert!(process.ends_within(PATIENCE));
    assert!(!std::path::Path::new(socket).exists());
}

#[tokio::test]
async fn it_logs_for_terraform_and_never_a_secret() {
    let mut session = Session::new(&[("TF_LOG", "DEBUG")]).await;
    let planned = thing(&json!({"id": UNKNOWN, "name": "a", "behaviour": "panic"}));
    let request = proto::apply_resource_change::Request {
        type_name: "trial_thing".to_owned(),
        planned_state: pack(&planned),
        config: pack(&planned),
        ..Default::default()
    };
    let answer = session.provider.apply_resource_change(request).await.unwrap().into_inner();
    let detail = &answer.diagnostics[0].detail;
    assert!(detail.contains("on demand, with ***") && detail.contains("report"), "{detail}");
    session.controller.shutdown(plugin::Empty {}).await.unwrap();
    assert!(session.started.process.ends_within(FAREWELL));
    let mut log = String::new();
    session.started.process.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("token-of-the-test"), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines.iter().find(|it| it["tf_rpc"] == "ApplyResourceChange" && it["@message"] == "answered");
    let answered = answered.unwrap();
    assert_eq!(answered["@level"], "debug");
    assert_eq!(answered["tf_resource_type"], "trial_thing");
    assert_eq!(answered["tf_provider_addr"], "registry.terraform.io/tests/trial");
    assert!(answered["tf_req_id"].is_string() && answered["tf_req_duration_ms"].is_string());
    assert!(lines.iter().any(|it| it["@message"] == "configured" && it["token"] == "***" && it["@level"] == "info"));
    assert!(lines.iter().any(|it| it["@level"] == "error" && it["panic"].as_str().unwrap().contains("***")));
}
