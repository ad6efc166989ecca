//! States of older schemas and of other types.

use crate::client::{Session, proto, thing, told, unpack};
use serde_json::json;

const TYPE: &str = "trial_thing";

fn raw(json: &str) -> Option<proto::RawState> {
    Some(proto::RawState { json: json.into(), ..Default::default() })
}

async fn upgrade(session: &mut Session, version: i64, json: &str) -> proto::upgrade_resource_state::Response {
    let request = proto::upgrade_resource_state::Request { type_name: TYPE.to_owned(), version, raw_state: raw(json) };
    session.provider.upgrade_resource_state(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn an_old_state_is_upgraded_without_rounding_a_number() {
    let mut session = Session::new(&[]).await;
    let state = r#"{"name": "a", "label": "old", "size": 123456789012345678901234567890, "dropped": true}"#;
    let upgraded = unpack(upgrade(&mut session, 0, state).await.upgraded_state);
    assert_eq!(upgraded["note"], json!("old"));
    assert_eq!(upgraded["size"], json!("123456789012345678901234567890"));
    let same = unpack(upgrade(&mut session, 1, r#"{"name": "a", "size": 0.1}"#).await.upgraded_state);
    assert_eq!(same["size"], json!("0.1"));
}

#[tokio::test]
async fn what_cannot_be_upgraded_is_told() {
    let mut session = Session::new(&[]).await;
    let told_of = async |session: &mut Session, version, json| told(&upgrade(session, version, json).await.diagnostics);
    assert!(told_of(&mut session, 2, "{}").await[0].contains("from the future"));
    assert!(told_of(&mut session, 1, "{").await[0].contains("cannot be read"));
    assert!(told_of(&mut session, 1, r#"{"name": [1]}"#).await[0].contains("name: expected a string"));
    let mut flatmap = proto::RawState::default();
    flatmap.flatmap.insert("name".to_owned(), "a".to_owned());
    let request =
        proto::upgrade_resource_state::Request { type_name: TYPE.to_owned(), version: 0, raw_state: Some(flatmap) };
    let answer = session.provider.upgrade_resource_state(request).await.unwrap().into_inner();
    assert!(told(&answer.diagnostics)[0].contains("0.11"));
}

#[tokio::test]
async fn another_type_becomes_ours_where_it_can() {
    let mut session = Session::new(&[]).await;
    let from = |source_type_name: &str| proto::move_resource_state::Request {
        source_provider_address: "terraform.io/builtin/terraform".to_owned(),
        source_type_name: source_type_name.to_owned(),
        source_state: raw(r#"{"id": "x", "input": {"value": "n-1", "type": "string"}}"#),
        target_type_name: TYPE.to_owned(),
        ..Default::default()
    };
    let moved = session.provider.move_resource_state(from("terraform_data")).await.unwrap().into_inner();
    assert_eq!(unpack(moved.target_state), thing(&json!({"name": "n-1", "note": "moved"})));
    let identity = moved.target_identity.unwrap().identity_data;
    assert_eq!(unpack(identity), json!({"name": "n-1"}));
    let refused = session.provider.move_resource_state(from("other")).await.unwrap().into_inner();
    assert!(told(&refused.diagnostics)[0].contains("cannot be moved"));
}
