//! The ephemeral token, used by a second configuration of the provider in the real terraform.

use crate::reconciler::Reconciler;
use crate::terraform::Root;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What was asked: method, path, bearer token.
type Asked = Arc<Mutex<Vec<(Method, String, String)>>>;

/// A reconciler that grants every token and knows every policy that is put.
async fn answer(
    State(asked): State<Asked>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    asked.lock().unwrap().push((method.clone(), uri.path().to_owned(), bearer));
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (method.as_str(), uri.path()) {
        ("POST", "/v1/tokens") => {
            assert_eq!(body, json!({"scope": "declare", "lifetime_seconds": 3600}));
            let issued = json!({"id": "t-1", "token": "scoped-token", "expires": "2030-01-01T00:00:00Z"});
            (StatusCode::CREATED, Json(issued))
        }
        ("PUT", _) => (StatusCode::CREATED, Json(json!({"spec": body, "generation": 1}))),
        ("DELETE", _) => (StatusCode::NO_CONTENT, Json(json!(null))),
        _ => (StatusCode::NOT_FOUND, Json(json!({"error": "not here"}))),
    }
}

#[test]
fn a_token_is_made_used_and_revoked_and_stands_in_no_file() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let asked = Asked::default();
    let router = Router::new().fallback(answer).with_state(asked.clone());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await });

    let root = Root::new(&format!(
        "provider \"shadow\" {{\n  endpoint = \"{url}\"\n  token = \"main-token\"\n}}\n\
         ephemeral \"shadow_token\" \"declarer\" {{\n  scope = \"declare\"\n}}\n\
         provider \"shadow\" {{\n  alias = \"scoped\"\n  endpoint = \"{url}\"\n  \
         token = ephemeral.shadow_token.declarer.token\n}}\n\
         resource \"shadow_policy\" \"p\" {{\n  provider = shadow.scoped\n  name = \"p\"\n}}\n"
    ));
    root.apply();
    let asked = asked.lock().unwrap().clone();
    let bearer = |method: Method, path: &str| {
        let of = |(m, p, bearer): &(Method, String, String)| (*m == method && p == path).then(|| bearer.clone());
        asked.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert!(!bearer(Method::POST, "/v1/tokens").is_empty());
    assert!(bearer(Method::POST, "/v1/tokens").iter().all(|it| it == "Bearer main-token"));
    assert_eq!(bearer(Method::PUT, "/v1/policies/p"), ["Bearer scoped-token"]);
    assert_eq!(
        bearer(Method::DELETE, "/v1/tokens/t-1").len(),
        bearer(Method::POST, "/v1/tokens").len(),
        "each is revoked"
    );
    let state = std::fs::read_to_string(root.path("terraform.tfstate")).unwrap();
    assert!(!state.contains("scoped-token") && !state.contains("t-1"), "{state}");
}

/// A policy that a second configuration of the provider declares, with a token of that scope.
fn scoped(reconciler: &Reconciler, scope: &str) -> String {
    let url = &reconciler.url;
    format!(
        "provider \"shadow\" {{\n  endpoint = \"{url}\"\n  token = \"main-token\"\n}}\n\
         ephemeral \"shadow_token\" \"scoped\" {{\n  scope = \"{scope}\"\n}}\n\
         provider \"shadow\" {{\n  alias = \"scoped\"\n  endpoint = \"{url}\"\n  \
         token = ephemeral.shadow_token.scoped.token\n}}\n\
         resource \"shadow_policy\" \"p\" {{\n  provider = shadow.scoped\n  name = \"p\"\n}}\n"
    )
}

#[test]
fn a_real_reconciler_takes_the_token_for_its_scope_until_the_run_is_over() {
    let reconciler = Reconciler::with_token(Some("main-token"));
    let root = Root::new(&scoped(&reconciler, "declare"))
        .with_variable("TF_LOG", "TRACE")
        .with_variable("TF_LOG_PATH", "terraform.log");
    assert_eq!(root.run(&["plan", "-out=plan", "-input=false"]).code, 0);
    let shown = root.run(&["show", "-json", "plan"]).text;
    assert_eq!(root.run(&["apply", "-input=false", "plan"]).code, 0);

    let used = reconciler.shown("PUT /v1/policies/p");
    assert_eq!(used.len(), 1);
    assert_ne!(used[0], "main-token");
    assert_eq!(reconciler.status_for("main-token", "/v1/policies/p"), 200);
    assert_eq!(reconciler.status_for(&used[0], "/v1/policies/p"), 401, "it is revoked");
    for name in ["terraform.tfstate", "plan", "terraform.log"] {
        let bytes = std::fs::read(root.path(name)).unwrap();
        assert!(!bytes.windows(used[0].len()).any(|part| part == used[0].as_bytes()), "the token is in {name}");
    }
    assert!(!shown.contains(&used[0]));
    root.is_settled();
    root.destroy();
}

#[test]
fn a_token_that_may_only_read_declares_nothing() {
    let reconciler = Reconciler::with_token(Some("main-token"));
    let root = Root::new(&scoped(&reconciler, "read"));
    let told = root.apply_fails();
    assert!(told.contains("does not accept the token"), "{told}");
    assert_eq!(reconciler.status_for("main-token", "/v1/policies/p"), 404);
}
