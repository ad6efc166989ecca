//! Tokens for a while and for a part.

use super::fixture::{Served, answer, error, paths, policy};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const MAIN: &str = "s3cret";

async fn issue(served: &Served, shown: &str, scope: &str, seconds: u32) -> (StatusCode, Value) {
    let body = json!({"scope": scope, "lifetime_seconds": seconds});
    answer(served.request(Method::POST, "/v1/tokens").bearer_auth(shown).json(&body)).await
}

async fn status(served: &Served, shown: &str, method: Method, path: &str) -> StatusCode {
    let request = served.request(method, path).bearer_auth(shown);
    answer(request.json(&json!({"name": "default"}))).await.0
}

#[tokio::test]
async fn a_token_opens_its_part_until_it_is_revoked() {
    let served = Served::start_with(MAIN).await;
    let routes = [
        (Method::GET, "/v1/policies", [true, true, true]),
        (Method::GET, "/v1/groups/checkout/status", [true, true, true]),
        (Method::GET, "/v1/journal", [true, true, true]),
        (Method::PUT, "/v1/policies/default", [false, true, true]),
        (Method::DELETE, "/v1/groups/checkout", [false, true, true]),
        (Method::PUT, "/v1/calendars/c", [false, true, true]),
        (Method::POST, "/v1/groups/checkout/failover", [false, false, true]),
        (Method::PUT, "/v1/splits/checkout", [false, false, true]),
        (Method::POST, "/v1/tokens", [false, false, false]),
        (Method::DELETE, "/v1/tokens/any", [false, false, false]),
    ];
    for (i, scope) in ["read", "declare", "operate"].into_iter().enumerate() {
        let (made, token) = issue(&served, MAIN, scope, 60).await;
        assert_eq!(made, StatusCode::CREATED, "{token}");
        let shown = token["token"].as_str().unwrap();
        for (method, path, allowed) in &routes {
            let status = status(&served, shown, method.clone(), path).await;
            assert_eq!(status != StatusCode::FORBIDDEN, allowed[i], "{scope}: {method} {path}: {status}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{scope}: {method} {path}");
        }
        let revoked =
            status(&served, MAIN, Method::DELETE, &format!("/v1/tokens/{}", token["id"].as_str().unwrap())).await;
        assert_eq!(revoked, StatusCode::NO_CONTENT);
        assert_eq!(status(&served, shown, Method::GET, "/v1/policies").await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_expires_and_is_nowhere_in_the_store() {
    let served = Served::start_with(MAIN).await;
    let (_, token) = issue(&served, MAIN, "read", 60).await;
    let shown = token["token"].as_str().unwrap();
    let digest = shadow_reconciler::http::Token::new(shown).unwrap().digest();
    let expires: jiff::Timestamp = token["expires"].as_str().unwrap().parse().unwrap();
    let store = &served.app.store;
    let before = expires.checked_sub(SignedDuration::from_millis(1)).unwrap();
    assert!(store.scope_of(&digest, before).unwrap().is_some());
    assert!(store.scope_of(&digest, expires).unwrap().is_none());
    for file in std::fs::read_dir(&served.app.config.data).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(shown.len()).any(|part| part == shown.as_bytes()));
    }
}

#[tokio::test]
async fn a_token_that_means_nothing_is_not_made() {
    let served = Served::start_with(MAIN).await;
    let (status, body) = issue(&served, MAIN, "read", 100_000).await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["lifetime_seconds"]));
    let (status, body) = issue(&served, MAIN, "rule", 60).await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["scope"]));
    let open = Served::start().await;
    let (status, body) = issue(&open, "", "read", 60).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("start it with SHADOW_TOKEN"), "{body}");
    assert_eq!(open.put("/v1/policies/default", &policy()).await.0, StatusCode::CREATED);
}
