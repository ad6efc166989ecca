//! Requests that never reach a handler: they are answered as all other errors are.

use super::fixture::{Served, answer, error, paths};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn unknown_addresses_and_methods_are_explained() {
    let served = Served::start().await;
    for path in ["/", "/v1", "/v1/nothing", "/v2/groups"] {
        let (status, body) = served.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(error(&body).contains(&format!("there is nothing at {path}:")), "{body}");
    }
    let response = served.request(Method::PATCH, "/v1/groups/checkout").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = response.headers()["allow"].to_str().unwrap().to_owned();
    assert!(["GET", "PUT", "DELETE"].iter().all(|method| allowed.contains(method)), "{allowed}");
    let body: Value = response.json().await.unwrap();
    assert!(error(&body).contains("/v1/groups/checkout does not do PATCH"), "{body}");
}

#[tokio::test]
async fn bodies_that_are_no_documents_are_explained() {
    let served = Served::start().await;
    let put = async |content_type: &str, body: &str| {
        let request = served.request(Method::PUT, "/v1/policies/default").header("content-type", content_type);
        answer(request.body(body.to_owned())).await
    };
    let (status, body) = put("application/json", "{\"name\": ").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(error(&body).contains("EOF") && error(&body).contains("send the JSON document"), "{body}");
    let (status, body) = put("text/plain", "{}").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(error(&body).contains("application/json"), "{body}");
    for (document, path, summary) in [
        (json!({"name": "default", "shift": {"steps": [10, "x"]}}), "shift.steps[1]", "invalid type: string \"x\""),
        (json!({"name": "default", "mode": "reckless"}), "mode", "unknown variant `reckless`"),
        (json!({"nome": "default"}), "nome", "unknown field `nome`"),
        (json!([]), "", "invalid length 0"),
        (json!(5), "", "invalid type: integer `5`"),
    ] {
        let (status, body) = put("application/json", &document.to_string()).await;
        assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec![path]), "{body}");
        let told = body["problems"][0]["summary"].as_str().unwrap();
        assert!(told.starts_with(summary), "{document}: {told}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let served = Served::start().await;
    let limit = 4 * 1024 * 1024;
    let put = async |length: usize| {
        let request = served.request(Method::PUT, "/v1/policies/default").header("content-type", "application/json");
        answer(request.body(" ".repeat(length))).await
    };
    assert_eq!(put(limit).await.0, StatusCode::BAD_REQUEST, "it is read, and is no JSON");
    let (status, body) = put(limit + 1).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(error(&body).contains("length limit exceeded"), "{body}");
}

#[tokio::test]
async fn addresses_that_cannot_be_read_are_explained() {
    let served = Served::start().await;
    for path in ["/v1/groups/%FF", "/v1/journal?limit=many", "/v1/journal?after=x", "/v1/journal?limit=0"] {
        let (status, body) = served.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(!error(&body).is_empty(), "{path}: {body}");
    }
}

#[tokio::test]
async fn whoever_has_no_token_sees_nothing_that_was_declared() {
    let served = Served::start_with("s3cret").await;
    let status = async |method: Method, path: &str, token: Option<&str>| {
        let request = served.request(method, path);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status()
    };
    for path in ["/healthz", "/metrics", "/openapi.json"] {
        assert_eq!(status(Method::GET, path, None).await, StatusCode::OK, "{path}");
    }
    for (method, path) in [
        (Method::GET, "/v1/groups"),
        (Method::GET, "/v1/groups/checkout/status"),
        (Method::PUT, "/v1/groups/checkout"),
        (Method::DELETE, "/v1/groups/checkout"),
        (Method::POST, "/v1/groups/checkout/failover"),
        (Method::PUT, "/v1/policies/default"),
        (Method::PUT, "/v1/splits/checkout"),
        (Method::DELETE, "/v1/splits/checkout"),
        (Method::GET, "/v1/journal"),
    ] {
        for wrong in [None, Some("wrong"), Some("s3cre"), Some("s3cretx")] {
            assert_eq!(status(method.clone(), path, wrong).await, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
        assert_ne!(status(method.clone(), path, Some("s3cret")).await, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    let response = served.request(Method::GET, "/v1/groups").send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let body: Value = response.json().await.unwrap();
    assert!(error(&body).contains("SHADOW_TOKEN") && !error(&body).contains("s3cret"), "{body}");
}
