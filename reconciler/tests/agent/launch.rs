//! How processes are started: limits, environment, session, and starts that fail.

use super::host::{Host, free_port, loopback, pid_of, script, sleeper, with};
use reqwest::StatusCode;
use serde_json::json;
use std::collections::BTreeMap;

#[tokio::test]
async fn the_kernel_enforces_the_limits() {
    let host = Host::new().await;
    let limits = json!({"limits": {"memory_mib": 64, "cpu_cores": 0.5, "open_files": 123}});
    let status = host.run(&with(sleeper("web"), limits)).await;
    let process = procfs::process::Process::new(pid_of(&status)).unwrap();
    let limits = process.limits().unwrap();
    let expect = |limit: procfs::process::Limit, value: u64| {
        assert_eq!(format!("{:?} {:?}", limit.soft_limit, limit.hard_limit), format!("Value({value}) Value({value})"));
    };
    expect(limits.max_data_size, 64 << 20);
    expect(limits.max_open_files, 123);
    let allowed = process.status().unwrap().cpus_allowed_list.unwrap();
    assert!(matches!(allowed.as_slice(), [(first, last)] if first == last), "{allowed:?}");
}

#[tokio::test]
async fn memory_above_the_limit_is_refused() {
    let host = Host::new().await;
    // dd takes one buffer of the block size; 200 MiB do not fit into 50.
    let greedy = "dd if=/dev/zero of=/dev/null bs=200M count=1";
    let (status, body) = host.put(&with(script("web", greedy), json!({"limits": {"memory_mib": 50}}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert!(body["problems"][0]["remedy"].as_str().unwrap().contains("memory exhausted"), "{body}");
}

#[tokio::test]
async fn a_process_has_its_own_session_and_a_clean_environment() {
    let mut host = Host::without_agent();
    let mut config = host.config();
    config.environment = BTreeMap::from([
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ("SECRET".to_owned(), "s3cret".to_owned()),
        ("OTHER".to_owned(), "not for processes".to_owned()),
    ]);
    host.start_library_with(config).await;
    let own = json!({"environment": {"LEVEL": "debug"}, "inherit_environment": ["SECRET"]});
    let status = host.run(&with(sleeper("web"), own)).await;
    let process = procfs::process::Process::new(pid_of(&status)).unwrap();
    let stat = process.stat().unwrap();
    assert_eq!((stat.session, stat.pgrp), (stat.pid, stat.pid));

    // Shells set these themselves.
    let own_of_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let environment: BTreeMap<String, String> = process
        .environ()
        .unwrap()
        .into_iter()
        .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
        .filter(|(name, _)| name != "SHADOW_DIGEST" && !own_of_shell.contains(&name.as_str()))
        .collect();
    let expect = [
        ("ADDRESS", "127.0.0.1".to_owned()),
        ("LEVEL", "debug".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("PORT", status.port.to_string()),
        ("SECRET", "s3cret".to_owned()),
        ("SHADOW_PROCESS", format!("{}/web", host.data.display())),
    ];
    assert_eq!(environment, expect.map(|(name, value)| (name.to_owned(), value)).into());
    let answer = serde_json::to_string(&host.get("web").await).unwrap() + &host.metrics().await;
    assert!(!answer.contains("s3cret"));
    assert!(!std::fs::read_to_string(host.record_of("web")).unwrap().contains("s3cret"));
}

#[tokio::test]
async fn a_process_that_ends_at_once_is_refused_with_what_it_printed() {
    let host = Host::new().await;
    let (status, body) = host.create(&script("web", "echo no such config; exit 3")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["problems"][0]["path"], "command");
    assert_eq!(body["problems"][0]["summary"], "the process ended at once with exit code 3");
    assert!(body["problems"][0]["remedy"].as_str().unwrap().contains("no such config"), "{body}");
    assert_eq!(host.get("web").await, None, "a failed create leaves nothing");
    assert!(!host.record_of("web").exists());
    host.run(&sleeper("web")).await;
}

#[tokio::test]
async fn a_bad_declaration_does_not_cost_the_process_that_runs() {
    let host = Host::new().await;
    let before = host.run(&sleeper("web")).await;
    let busy = std::net::TcpListener::bind(loopback(0)).unwrap();
    let busy_port = busy.local_addr().unwrap().port();
    for (change, path) in [
        (json!({"command": ["no-such-program"]}), "command[0]"),
        (json!({"stop": {"grace": "soon"}}), "stop.grace"),
        (json!({"inherit_environment": ["NOT_SET_ANYWHERE"]}), "inherit_environment[0]"),
        (json!({"port": busy_port}), "port"),
    ] {
        let (status, body) = host.put(&with(sleeper("web"), change)).await;
        assert_eq!((status, &body["problems"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(path)), "{body}");
    }
    assert_eq!(host.get("web").await.unwrap(), before);
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let host = Host::new().await;
    let busy = std::net::TcpListener::bind(loopback(0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    let (status, body) = host.put(&with(sleeper("web"), json!({"port": port}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let summary = body["problems"][0]["summary"].as_str().unwrap();
    assert_eq!(summary, format!("port {port} of 127.0.0.1 is in use"));
    assert_eq!(host.get("web").await, None);
}

#[tokio::test]
async fn a_port_is_changed_by_a_restart() {
    let host = Host::new().await;
    let before = host.run(&sleeper("web")).await;
    let port = free_port();
    let after = host.run(&with(sleeper("web"), json!({"port": port}))).await;
    assert_eq!(after.port, port);
    assert_ne!(after.pid, before.pid);
}
