//! Identities, and finding resources by them.

use crate::client::{Session, pack, proto, thing, told, unpack};
use proto::list_resource::Event;
use serde_json::{Value as Json, json};

const TYPE: &str = "trial_thing";

fn identity(name: &str) -> Option<proto::ResourceIdentityData> {
    Some(proto::ResourceIdentityData { identity_data: pack(&json!({"name": name})) })
}

fn with_things(session: &Session, names: &[&str]) {
    std::fs::create_dir_all(session.file("")).unwrap();
    for name in names {
        std::fs::write(session.file(&format!("{name}.json")), r#"{"note": "found"}"#).unwrap();
    }
}

async fn list(session: &mut Session, prefix: &str, limit: i64, include_resource_object: bool) -> Vec<Event> {
    let config = pack(&json!({"prefix": prefix}));
    let request = proto::list_resource::Request { type_name: TYPE.to_owned(), config, include_resource_object, limit };
    let mut stream = session.provider.list_resource(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await.unwrap() {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn a_resource_is_imported_and_read_by_its_identity() {
    let mut session = Session::new(&[]).await;
    with_things(&session, &["a"]);
    let request = proto::import_resource_state::Request {
        type_name: TYPE.to_owned(),
        identity: identity("a"),
        ..Default::default()
    };
    let answer = session.provider.import_resource_state(request).await.unwrap().into_inner();
    let imported = &answer.imported_resources[0];
    let state = unpack(imported.state.clone());
    assert_eq!((&state["id"], &state["note"]), (&json!("id-a"), &json!("found")));
    assert_eq!(imported.identity, identity("a"));

    let request = proto::read_resource::Request {
        type_name: TYPE.to_owned(),
        current_state: imported.state.clone(),
        ..Default::default()
    };
    assert_eq!(session.provider.read_resource(request).await.unwrap().into_inner().new_identity, identity("a"));
}

#[tokio::test]
async fn an_old_identity_is_upgraded() {
    let mut session = Session::new(&[]).await;
    let upgrade = |version| proto::upgrade_resource_identity::Request {
        type_name: TYPE.to_owned(),
        version,
        raw_identity: Some(proto::RawState { json: br#"{"title": "a"}"#.to_vec(), ..Default::default() }),
    };
    let answer = session.provider.upgrade_resource_identity(upgrade(0)).await.unwrap().into_inner();
    assert_eq!(answer.upgraded_identity, identity("a"));
    let answer = session.provider.upgrade_resource_identity(upgrade(2)).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("from the future"));
}

#[tokio::test]
async fn resources_are_found_one_by_one_up_to_the_limit() {
    let mut session = Session::new(&[]).await;
    with_things(&session, &["a1", "a2", "a3", "b1"]);
    let found = list(&mut session, "a", 100, false).await;
    let names: Vec<&str> = found.iter().map(|event| event.display_name.as_str()).collect();
    assert_eq!(names, ["Thing a1", "Thing a2", "Thing a3"]);
    assert_eq!(found[0].identity, identity("a1"));
    assert_eq!(found[0].resource_object, None);
    assert_eq!(list(&mut session, "", 2, false).await.len(), 2);
    let with_state = list(&mut session, "b", 100, true).await;
    let expected = thing(&json!({"id": "id-b1", "name": "b1", "note": "found"}));
    assert_eq!(unpack(with_state[0].resource_object.clone()), expected);
}

#[tokio::test]
async fn a_search_that_fails_keeps_what_it_found() {
    let mut session = Session::new(&[]).await;
    with_things(&session, &["fail1"]);
    let events = list(&mut session, "fail", 100, false).await;
    assert_eq!(events[0].identity, identity("fail1"));
    assert!(told(&events[1].diagnostic)[0].starts_with("Failed on demand"));
    let events = list(&mut session, "panic", 100, false).await;
    assert!(told(&events[0].diagnostic)[0].contains("bug"));
}

#[tokio::test]
async fn a_search_is_checked() {
    let mut session = Session::new(&[]).await;
    let config = |prefix: Json| pack(&json!({"prefix": prefix}));
    let request = proto::validate_list_resource_config::Request {
        type_name: TYPE.to_owned(),
        config: config(json!("panic")),
        ..Default::default()
    };
    let answer = session.provider.validate_list_resource_config(request).await.unwrap().into_inner();
    assert_eq!(told(&answer.diagnostics), ["Not this one: Choose another."]);
}
