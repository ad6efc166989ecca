//! How the agent serves: who may ask, and what keeps it from starting.

use super::host::{Host, free_port, loopback, sleeper};
use reqwest::{Method, StatusCode};
use shadow_reconciler::agent::{Agent, AgentConfig};

#[tokio::test]
async fn whoever_has_no_token_sees_health_and_metrics_only() {
    let mut host = Host::without_agent();
    let config = AgentConfig { token: Some("s3cret".to_owned()), ..host.config() };
    host.start_library_with(config).await;
    let status = async |method: Method, path: &str, token: Option<&str>| {
        let request = host.request(method, path);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status()
    };
    for path in ["/healthz", "/metrics"] {
        assert_eq!(status(Method::GET, path, None).await, StatusCode::OK);
    }
    for (method, path) in [
        (Method::GET, "/v1/processes"),
        (Method::GET, "/v1/processes/web"),
        (Method::PUT, "/v1/processes/web"),
        (Method::DELETE, "/v1/processes/web"),
        (Method::POST, "/v1/tasks"),
    ] {
        assert_eq!(status(method.clone(), path, None).await, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(status(method.clone(), path, Some("wrong")).await, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_ne!(status(method.clone(), path, Some("s3cret")).await, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn other_hosts_are_served_only_with_a_token() {
    let host = Host::without_agent();
    let open = AgentConfig { listen: "0.0.0.0:0".parse().unwrap(), ..host.config() };
    let error = Agent::start(open.clone()).await.unwrap_err();
    assert!(error.to_string().contains("set SHADOW_TOKEN, or listen on 127.0.0.1"), "{error}");
    Agent::start(AgentConfig { token: Some("s3cret".to_owned()), ..open }).await.unwrap();
}

#[tokio::test]
async fn a_busy_port_and_a_bad_data_directory_are_named() {
    let host = Host::without_agent();
    let busy = std::net::TcpListener::bind(loopback(free_port())).unwrap();
    let config = AgentConfig { listen: busy.local_addr().unwrap(), ..host.config() };
    let error = format!("{:#}", Agent::start(config).await.unwrap_err());
    assert!(error.starts_with(&format!("cannot listen on {}", busy.local_addr().unwrap())), "{error}");
    assert!(error.contains("in use"), "{error}");

    let file = host.data.join("file");
    std::fs::write(&file, "").unwrap();
    let error = format!("{:#}", Agent::start(AgentConfig { data: file, ..host.config() }).await.unwrap_err());
    assert!(error.starts_with("cannot write in --data"), "{error}");
}

#[tokio::test]
async fn a_request_that_is_no_declaration_is_explained() {
    let host = Host::new().await;
    let send = async |path: &str, body: serde_json::Value| {
        let response = host.request(Method::PUT, path).json(&body).send().await.unwrap();
        let status = response.status();
        (status, response.text().await.unwrap())
    };
    let (status, body) = send("/v1/processes/web", serde_json::json!({"name": "web", "comand": []})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("unknown field `comand`"), "{body}");
    let (status, body) = send("/v1/processes/other", sleeper("web")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("is not the name in the address"), "{body}");
}

#[test]
fn the_api_is_documented() {
    let document = shadow_reconciler::agent::openapi();
    let paths: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        ["/healthz", "/metrics", "/v1/processes", "/v1/processes/{name}", "/v1/prometheus-targets", "/v1/tasks"]
    );
}
