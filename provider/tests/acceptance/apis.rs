//! Answers of a reconciler and an agent that a real one gives only in trouble, or slowly.

use crate::terraform::{Root, finish};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router, http::Method};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use tokio_rustls::server::TlsStream;

/// Answers in the order in which they are given; the last one repeats.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(StatusCode, Value)>>>,
    /// Method, path and whether `If-None-Match: *` stood in it, of every request.
    asked: Arc<Mutex<Vec<(Method, String, bool)>>>,
}

impl Script {
    fn say(&self, answers: impl IntoIterator<Item = (StatusCode, Value)>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    fn asked(&self) -> Vec<(Method, String, bool)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(
    State(script): State<Script>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let new_only = headers.get("if-none-match").is_some_and(|value| value == "*");
    script.asked.lock().unwrap().push((method, path, new_only));
    let mut answers = script.answers.lock().unwrap();
    let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
    let (status, body) = next.unwrap_or((StatusCode::NOT_FOUND, json!({})));
    (status, Json(body)).into_response()
}

/// A server on a free port, on a runtime that ends with the test.
struct Server {
    _runtime: tokio::runtime::Runtime,
    script: Script,
    url: String,
}

fn server() -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let script = Script::default();
    let router = Router::new().route("/{*path}", any(answer)).with_state(script.clone());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await });
    Server { _runtime: runtime, script, url }
}

/// Connections within TLS. One that does not come about is the other side's to tell.
struct Secure {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Like [`server`], but within TLS, and its certificate as PEM.
fn secure_server() -> (Server, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let script = Script::default();
    let router = Router::new().route("/{*path}", any(answer)).with_state(script.clone());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let secure = Secure { listener, tls: TlsAcceptor::from(Arc::new(config)) };
    runtime.spawn(async move { axum::serve(secure, router).await });
    (Server { _runtime: runtime, script, url }, made.cert.pem())
}

fn provider(url: &str) -> String {
    format!("provider \"shadow\" {{\n  endpoint = \"{url}\"\n  token = \"s3cret\"\n}}\n")
}

fn root(url: &str, resource: &str) -> Root {
    Root::new(&(provider(url) + resource))
}

const POLICY: &str = "resource \"shadow_policy\" \"p\" {\n  name = \"p\"\n}\n";

#[test]
fn an_unreachable_reconciler_is_named_soon() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let told = root(&format!("http://127.0.0.1:{port}"), POLICY).apply_fails();
    assert!(told.contains("The reconciler cannot be reached"), "{told}");
    assert!(told.contains(&format!("http://127.0.0.1:{port}: Connection refused")), "{told}");
    assert!(told.contains("Check that the reconciler runs, and endpoint (or SHADOW_ENDPOINT)"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_reconciler_behind_tls_is_believed_if_the_machine_trusts_its_certificate() {
    let (server, certificate) = secure_server();
    server.script.say([(StatusCode::OK, json!({"spec": {"name": "p"}, "generation": 1}))]);
    let trusting = |certificate: &str| {
        let root = root(&server.url, POLICY);
        std::fs::write(root.path("trusted.pem"), certificate).unwrap();
        let trusted = root.path("trusted.pem");
        root.with_variable("SSL_CERT_FILE", trusted.to_str().unwrap())
    };
    let another = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let told = trusting(&another).apply_fails();
    assert!(told.contains("The reconciler cannot be reached") && told.contains("invalid peer certificate"), "{told}");
    assert_eq!(server.script.asked(), [], "nothing is said to a stranger");
    trusting(&certificate).apply();
    assert_eq!(server.script.asked(), [(Method::PUT, "v1/policies/p".to_owned(), true)]);
    let told = trusting("").apply_fails();
    assert!(told.contains("Invalid endpoint") && told.contains("install ca-certificates"), "{told}");
}

#[test]
fn refusals_say_what_to_do() {
    let server = server();
    let root = root(&server.url, POLICY);
    let told = |answer| {
        server.script.say([answer]);
        let told = root.apply_fails();
        assert!(!told.contains("s3cret"), "{told}");
        told
    };
    let text = told((StatusCode::PRECONDITION_FAILED, json!({"error": "policy p differs"})));
    assert!(text.contains("It exists already") && text.contains("policy p differs"), "{text}");
    assert_eq!(server.script.asked(), [(Method::PUT, "v1/policies/p".to_owned(), true)]);
    let text = told((StatusCode::UNAUTHORIZED, json!({"error": "wrong token"})));
    assert!(text.contains("does not accept the token") && text.contains("SHADOW_TOKEN"), "{text}");
    let problem = json!({"path": "shift.steps[1]", "summary": "too high", "remedy": "lower it"});
    let text = told((StatusCode::UNPROCESSABLE_ENTITY, json!({"error": "bad policy", "problems": [problem]})));
    assert!(text.contains("shift.steps[1]: too high; lower it."), "{text}");
    let text = told((StatusCode::INTERNAL_SERVER_ERROR, json!("out of space")));
    assert!(text.contains("The reconciler failed") && text.contains("HTTP 500"), "{text}");
    let text = told((StatusCode::OK, json!(["not", "a", "policy"])));
    assert!(text.contains("something unexpected"), "{text}");
}

/// A group in the state of a new root.
fn declared_group(server: &Server, timeouts: &str) -> Root {
    let group = format!(
        r#"
resource "shadow_group" "g" {{
  name     = "g"
  policy   = "p"
  primary  = {{ instance_id = "i", address = "h", port = 1 }}
  signals  = {{ s = {{ query = "up{{i=\"$instance\"}}", limit = 1, unit = "count" }} }}
  instance = {{ source = "/i" }}
  traffic  = {{ source = "/t" }}
  {timeouts}
}}
"#
    );
    let root = root(&server.url, &group);
    server.script.say([(StatusCode::OK, json!({"spec": {}, "generation": 1}))]);
    root.apply();
    root
}

#[test]
fn a_group_has_the_time_that_its_user_gives_until_it_is_gone() {
    let server = server();
    let root = declared_group(&server, "timeouts = { delete = \"300ms\" }");
    let destroy = ["destroy", "-auto-approve", "-input=false", "-refresh=false"];
    let retiring = (StatusCode::ACCEPTED, json!({}));
    server.script.say([retiring.clone()]);
    let run = root.run(&destroy);
    assert!(run.code == 1 && run.text.contains("It was given 300ms"), "{}", run.text);
    assert!(root.run(&["state", "list"]).text.contains("shadow_group.g"), "it is not gone yet");
    server.script.say([retiring, (StatusCode::NO_CONTENT, json!({}))]);
    server.script.asked();
    let run = root.run(&destroy);
    assert_eq!(run.code, 0, "{}", run.text);
    let delete = (Method::DELETE, "v1/groups/g".to_owned(), false);
    assert_eq!(server.script.asked(), [delete.clone(), delete], "the second one waits for it");
}

#[test]
fn a_group_that_is_in_use_stays_in_the_state() {
    let server = server();
    let root = declared_group(&server, "");
    server.script.say([(StatusCode::CONFLICT, json!({"error": "slot b carries traffic: fail back first"}))]);
    let run = root.run(&["destroy", "-auto-approve", "-refresh=false"]);
    assert!(run.code == 1 && run.text.contains("slot b carries traffic: fail back first"), "{}", run.text);
    assert!(root.run(&["state", "list"]).text.contains("shadow_group.g"));
    server.script.say([(StatusCode::NOT_FOUND, json!({}))]);
    let run = root.run(&["destroy", "-auto-approve", "-input=false", "-refresh=false"]);
    assert_eq!(run.code, 0, "what is gone is destroyed: {}", run.text);
}

#[test]
fn a_groups_status_is_read_when_asked() {
    let server = server();
    let status = "data \"shadow_group_status\" \"g\" {\n  name = \"g\"\n}\n";
    let output = "output \"seen\" {\n  value = \"${data.shadow_group_status.g.phase} on ${data.shadow_group_status.g.primary}\"\n}\n";
    let root = root(&server.url, &[status, output].concat());
    let slots = json!({"a": {"role": "standby", "managed": false}, "b": {"role": "primary", "managed": true}});
    let answer = json!({"phase": "watching", "epoch": 2, "primary": "b", "weights": {"a": 0, "b": 100}, "score": null,
                        "held": false, "reason": "the new primary is watched", "slots": slots, "later": [1]});
    server.script.say([(StatusCode::OK, answer)]);
    assert!(root.apply().text.contains(r#"seen = "watching on b""#));
    root.is_settled();
    server.script.say([(StatusCode::NOT_FOUND, json!({}))]);
    let told = root.apply_fails();
    assert!(told.contains("The reconciler has no group \"g\""), "{told}");
}

fn split_answer(weights: (u32, u32), status: &Value) -> (StatusCode, Value) {
    let backend = |weight| json!({"address": "127.0.0.1", "port": 9000, "weight": weight});
    let spec = json!({
        "name": "s", "listener": {"address": "127.0.0.1", "port": 8000},
        "backends": {"a": backend(weights.0), "b": backend(weights.1)},
    });
    (StatusCode::OK, json!({"spec": spec, "status": status}))
}

fn status(in_sync: bool, applied: Option<(u32, u32)>) -> Value {
    let weights = applied.map(|(a, b)| json!({"a": a, "b": b}));
    json!({"proxies_connected": 1, "in_sync": in_sync, "applied_epoch": applied.map(|_| 0),
           "applied_weights": weights, "backends": {}, "rejected": null, "observed_at": null})
}

fn split(weights: (u32, u32)) -> String {
    format!(
        r#"
resource "shadow_traffic_split" "s" {{
  name     = "s"
  listener = {{ address = "127.0.0.1", port = 8000 }}
  backends = {{
    a = {{ address = "127.0.0.1", port = 9000, weight = {} }}
    b = {{ address = "127.0.0.1", port = 9000, weight = {} }}
  }}
}}

output "applied" {{
  value = shadow_traffic_split.s.applied_weights
}}
"#,
        weights.0, weights.1
    )
}

#[test]
fn a_split_is_made_when_the_data_plane_says_so() {
    let server = server();
    let root = root(&server.url, &split((100, 0)));
    let (waiting, done) = (status(false, None), status(true, Some((100, 0))));
    server.script.say([
        split_answer((100, 0), &waiting),
        split_answer((100, 0), &waiting),
        split_answer((100, 0), &done),
    ]);
    let applied = root.apply();
    assert!(applied.text.contains(r#"applied = tomap({ "a" = 100 "b" = 0 })"#), "{}", applied.text);
    root.is_settled();

    // The data plane lost it: the next plan says so, and applying writes it again.
    server.script.say([split_answer((100, 0), &status(true, Some((50, 50))))]);
    let drifted = root.plan();
    assert!(drifted.code == 2 && drifted.text.contains("0 to add, 1 to change, 0 to destroy"), "{}", drifted.text);

    let mut rejected = status(false, Some((100, 0)));
    rejected["rejected"] = json!("no such cluster");
    server.script.say([split_answer((100, 0), &done), split_answer((0, 100), &rejected)]);
    root.write(&(provider(&server.url) + &split((0, 100))));
    let told = root.apply_fails();
    assert!(told.contains("Envoy refuses it: no such cluster"), "{told}");
    server.script.say([split_answer((0, 100), &rejected)]);
    assert_eq!(root.plan().code, 2, "what was not reported is planned again");
}

/// A creation that the data plane does not report in time is made and told; a change of it has failed.
#[test]
fn a_split_has_the_time_that_its_user_gives() {
    let server = server();
    let bounded = |weights| {
        split(weights).replace("  backends", "  timeouts = { create = \"300ms\", update = \"300ms\" }\n  backends")
    };
    let root = root(&server.url, &bounded((100, 0)));
    server.script.say([split_answer((100, 0), &status(false, None))]);
    let applied = root.apply();
    assert!(applied.text.contains("Warning: The data plane does not run the split"), "{}", applied.text);
    assert!(!root.run(&["state", "show", "shadow_traffic_split.s"]).text.contains("tainted"));

    server
        .script
        .say([split_answer((100, 0), &status(true, Some((100, 0)))), split_answer((0, 100), &status(false, None))]);
    root.write(&(provider(&server.url) + &bounded((0, 100))));
    let told = root.apply_fails();
    assert!(told.contains("have not all reported it in time") && told.contains("Out of time"), "{told}");
    assert!(told.contains("It was given 300ms"), "{told}");
}

#[test]
fn an_interrupted_apply_ends_soon_and_forgets_nothing() {
    let server = server();
    let root = root(&server.url, &split((100, 0)));
    server.script.say([split_answer((100, 0), &status(false, None))]);
    let apply = root.start_apply();
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.script.asked().is_empty() {
        assert!(Instant::now() < deadline, "nothing was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&apply), rustix::process::Signal::INT).unwrap();
    let output = finish(apply, Duration::from_secs(15));
    assert_eq!(output.status.code(), Some(1));
    assert!(root.run(&["state", "list"]).text.contains("shadow_traffic_split.s"));
}

fn process_answer(state: &str, exit_code: Option<i32>) -> (StatusCode, Value) {
    let spec = json!({"name": "web", "command": ["serve"], "tags": {"slot": "a"}});
    let status = json!({"spec": spec, "state": state, "pid": 7, "port": 4242, "started_at": null,
                        "exit_code": exit_code, "exit_signal": null, "restarts": 0, "healthy": null});
    (StatusCode::OK, status)
}

#[test]
fn a_process_has_the_time_that_its_user_gives() {
    let server = server();
    let agent = format!("provider \"shadow\" {{\n  agent = \"{}\"\n}}\n", server.url);
    let resource = "resource \"shadow_process\" \"web\" {\n  name = \"web\"\n  command = [\"serve\"]\n  \
                    tags = { slot = \"a\" }\n  timeouts = { create = \"300ms\" }\n}\n";
    let root = Root::new(&[agent.as_str(), resource].concat());
    server.script.say([process_answer("stopping", None)]);
    let told = root.apply_fails();
    assert!(told.contains("The process does not settle") && told.contains("It was given 300ms"), "{told}");
    assert!(root.run(&["state", "show", "shadow_process.web"]).text.contains("tainted"), "it is remembered");
}

#[test]
fn a_process_that_ended_shows_in_the_plan() {
    let server = server();
    let resource = |tag: &str| {
        let tags = format!("tags = {{ slot = \"{tag}\" }}");
        format!("resource \"shadow_process\" \"web\" {{\n  name = \"web\"\n  command = [\"serve\"]\n  {tags}\n}}\n")
    };
    let agent = format!("provider \"shadow\" {{\n  agent = \"{}\"\n}}\n", server.url);
    let root = Root::new(&[agent.as_str(), &resource("a")].concat());
    server.script.say([process_answer("running", None)]);
    root.apply();
    assert_eq!(server.script.asked()[0], (Method::PUT, "v1/processes/web".to_owned(), true));
    root.is_settled();
    assert!(root.run(&["state", "show", "shadow_process.web"]).text.contains("port = 4242"));

    server.script.say([process_answer("exited", Some(3))]);
    let plan = root.plan();
    assert!(plan.code == 2 && plan.text.contains(r#"~ state = "exited" -> "running""#), "{}", plan.text);
    assert!(plan.text.contains("0 to add, 1 to change, 0 to destroy"), "{}", plan.text);
    let told = root.apply_fails();
    assert!(told.contains("ended with exit code 3 as soon as it was started"), "{told}");
    server.script.say([
        process_answer("exited", Some(3)),
        process_answer("exited", Some(3)),
        process_answer("running", None),
    ]);
    root.apply();
    root.is_settled();

    server.script.say([(StatusCode::NOT_FOUND, json!({}))]);
    let plan = root.plan();
    assert!(plan.text.contains("1 to add, 0 to change, 0 to destroy"), "{}", plan.text);

    server.script.say([process_answer("running", None)]);
    root.write(&[agent.as_str(), &resource("b")].concat());
    let plan = root.plan();
    assert!(plan.text.contains("0 to add, 1 to change, 0 to destroy"), "{}", plan.text);
    let elsewhere = "agent = \"http://127.0.0.1:9\"\n  name = \"web\"";
    root.write(&[agent.as_str(), &resource("a").replace("name = \"web\"", elsewhere)].concat());
    let plan = root.plan();
    assert!(plan.text.contains("forces replacement"), "{}", plan.text);
}
