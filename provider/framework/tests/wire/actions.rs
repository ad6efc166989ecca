//! The life of an action, and the configuration that a state stands for: what Terraform 1.14 asks for.

use crate::client::{PATIENCE, Session, UNKNOWN, pack, proto, told, unpack};
use proto::invoke_action::event::Type;
use serde_json::{Value as Json, json};
use tokio::time::timeout;
use tonic::Streaming;

const TYPE: &str = "trial_touch";

fn with_thing(session: &Session) {
    std::fs::create_dir_all(session.file("")).unwrap();
    std::fs::write(session.file("a.json"), r#"{"note": "found"}"#).unwrap();
}

async fn plan(session: &mut Session, config: &Json, deferral_allowed: bool) -> proto::plan_action::Response {
    let client_capabilities = Some(proto::ClientCapabilities { deferral_allowed, ..Default::default() });
    let request =
        proto::plan_action::Request { action_type: TYPE.to_owned(), config: pack(config), client_capabilities };
    session.provider.plan_action(request).await.unwrap().into_inner()
}

async fn begin(session: &mut Session, config: &Json) -> Streaming<proto::invoke_action::Event> {
    let request =
        proto::invoke_action::Request { action_type: TYPE.to_owned(), config: pack(config), ..Default::default() };
    session.provider.invoke_action(request).await.unwrap().into_inner()
}

/// What is told until the end, which comes last and once.
async fn follow(mut events: Streaming<proto::invoke_action::Event>) -> (Vec<String>, Vec<String>) {
    let mut messages = Vec::new();
    loop {
        let event = timeout(PATIENCE, events.message()).await.unwrap().unwrap().expect("it ends without completion");
        match event.r#type.unwrap() {
            Type::Progress(progress) => messages.push(progress.message),
            Type::Completed(completed) => {
                assert_eq!(events.message().await.unwrap(), None);
                return (messages, told(&completed.diagnostics));
            }
        }
    }
}

#[tokio::test]
async fn it_has_a_schema_and_is_checked() {
    let mut session = Session::new(&[]).await;
    let schema = session.provider.get_provider_schema(proto::get_provider_schema::Request {}).await;
    let schema = schema.unwrap().into_inner().action_schemas.remove(TYPE).unwrap().schema.unwrap();
    let names: Vec<String> = schema.block.unwrap().attributes.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["behaviour", "name"]);

    let config = pack(&json!({"name": "", "behaviour": "other"}));
    let request = proto::validate_action_config::Request { type_name: TYPE.to_owned(), config };
    let answer = session.provider.validate_action_config(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics.len(), 2, "what the schema refuses, and what the action finds");
    let request = proto::validate_action_config::Request { type_name: "other".to_owned(), config: None };
    let answer = session.provider.validate_action_config(request).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("Unknown action"));
}

#[tokio::test]
async fn it_is_planned_and_nothing_happens() {
    let mut session = Session::new(&[]).await;
    let config = json!({"name": "a", "behaviour": null});
    assert!(told(&plan(&mut session, &config, false).await.diagnostics)[0].contains("There is no such thing"));
    with_thing(&session);
    assert_eq!(plan(&mut session, &config, false).await, proto::plan_action::Response::default());
    let unknown = json!({"name": UNKNOWN, "behaviour": null});
    assert_eq!(plan(&mut session, &unknown, false).await, proto::plan_action::Response::default());
    assert!(!session.file("a.touched").exists());

    let config_of_provider = pack(&json!({"folder": UNKNOWN, "token": null}));
    let request = proto::configure_provider::Request { config: config_of_provider, ..Default::default() };
    session.provider.configure_provider(request).await.unwrap();
    let deferred = plan(&mut session, &config, true).await.deferred.unwrap();
    assert_eq!(deferred.reason(), proto::deferred::Reason::ProviderConfigUnknown);
    assert!(told(&plan(&mut session, &config, false).await.diagnostics)[0].contains("not known yet"));
}

#[tokio::test]
async fn it_tells_how_far_it_is_and_completes_once() {
    let mut session = Session::new(&[]).await;
    with_thing(&session);
    let (messages, end) = follow(begin(&mut session, &json!({"name": "a", "behaviour": null})).await).await;
    assert_eq!(messages, ["touching a", "done"]);
    assert_eq!(end, ["It is only touched: Nothing to do."]);
    assert!(session.file("a.touched").exists());
}

#[tokio::test]
async fn its_failure_and_its_panic_are_its_completion() {
    let mut session = Session::new(&[]).await;
    for (behaviour, expected) in [("fail", "Failed on demand"), ("panic", "The provider has a bug")] {
        let (messages, end) = follow(begin(&mut session, &json!({"name": "a", "behaviour": behaviour})).await).await;
        assert_eq!(messages, ["touching a"]);
        assert!(end.len() == 1 && end[0].contains(expected), "{end:?}");
    }
    let request = proto::invoke_action::Request { action_type: "other".to_owned(), ..Default::default() };
    let (messages, end) = follow(session.provider.invoke_action(request).await.unwrap().into_inner()).await;
    assert!(messages.is_empty() && end[0].contains("Unknown action"), "{end:?}");
}

#[tokio::test]
async fn it_is_stopped_when_terraform_asks() {
    let mut session = Session::new(&[]).await;
    let mut events = begin(&mut session, &json!({"name": "a", "behaviour": "slow"})).await;
    assert!(events.message().await.unwrap().is_some(), "it is under way");
    session.provider.stop_provider(proto::stop_provider::Request {}).await.unwrap();
    let (_, end) = follow(events).await;
    assert_eq!(end, ["Broken off: It was not touched."]);
}

#[tokio::test]
async fn a_configuration_is_made_of_a_state() {
    let mut session = Session::new(&[]).await;
    let state = |note: &str, size: Json, id: Json, revision: Json| {
        let note = if note == "none" && id.is_null() { json!(null) } else { json!(note) };
        json!({"id": id, "name": "a", "note": note, "size": size, "behaviour": null, "secret_wo": null,
               "secret_length": null, "revision": revision, "timeouts": null})
    };
    for note in ["none", "kept"] {
        let request = proto::generate_resource_config::Request {
            type_name: "trial_thing".to_owned(),
            state: pack(&state(note, json!(3), json!("id-a"), json!(1))),
        };
        let answer = session.provider.generate_resource_config(request).await.unwrap().into_inner();
        assert_eq!(told(&answer.diagnostics), Vec::<String>::new());
        assert_eq!(unpack(answer.config), state(note, json!(3), json!(null), json!(null)));
    }
    let request = proto::generate_resource_config::Request { type_name: "other".to_owned(), state: None };
    let answer = session.provider.generate_resource_config(request).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("Unknown resource"));
}
