//! Calls as Terraform makes them, without the transport, on a provider that keeps things in memory.

use super::*;
use crate::schema::{Attribute, Attributes, Modifier, Schema, attributes};
use crate::value::Type;
use crate::{Change, Context, DataSource, Failure, Named, Resource, Value};
use provider_server::Provider as _;
use std::time::Duration;

struct Memory;

impl Provider for Memory {
    type Client = ();
    fn schema(&self) -> Schema {
        Schema::new("", Attributes::new())
    }
    fn configure(&self, _version: &str, _config: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }
    fn resources(&self) -> Named<dyn Resource<()>> {
        vec![("memory_thing", Box::new(Thing))]
    }
    fn data_sources(&self) -> Named<dyn DataSource<()>> {
        Vec::new()
    }
}

/// Does what its `behaviour` says.
struct Thing;

fn with_id(mut value: Value) -> Value {
    value.put("id", "id-1");
    value
}

#[async_trait]
impl Resource<()> for Thing {
    fn schema(&self) -> Schema {
        Schema::new(
            "",
            attributes([
                ("id", Attribute::string("").computed().modified(Modifier::UseStateForUnknown)),
                ("behaviour", Attribute::string("").required().modified(Modifier::RequiresReplace)),
                ("note", Attribute::string("").with_default("none")),
            ]),
        )
    }

    async fn create(&self, context: &Context<()>, change: Change) -> Result<Value, Failure> {
        match change.planned.get("behaviour").as_str() {
            Some("panic") => panic!("on purpose"),
            Some("half") => Err(Failure::keeping(change.planned, Diagnostic::error("Half done", "Try again."))),
            Some("wait") => {
                context.cancellation.cancelled().await;
                Err(Failure::keeping(with_id(change.planned), Diagnostic::error("Interrupted", "Try again.")))
            }
            Some("forget") => Ok(change.planned),
            Some(_) | None => Ok(with_id(change.planned)),
        }
    }

    async fn read(&self, _context: &Context<()>, state: Value) -> Result<Option<Value>, Diagnostics> {
        Ok((state.get("note").as_str() != Some("gone")).then_some(state))
    }

    async fn update(&self, _context: &Context<()>, _change: Change) -> Result<Value, Failure> {
        Err(Diagnostic::error("Not today", "Try again.").into())
    }

    async fn delete(&self, _context: &Context<()>, _state: Value) -> Result<(), Diagnostics> {
        Err(Diagnostic::error("Still needed", "Keep it.").into())
    }

    async fn import(&self, _context: &Context<()>, id: &str) -> Result<Value, Diagnostics> {
        Ok(thing("imported", Value::from(id)))
    }
}

fn thing(behaviour: &str, id: Value) -> Value {
    Value::object([("id", id), ("behaviour", behaviour.into()), ("note", "none".into())])
}

fn ty() -> Type {
    Thing.schema().object_type()
}

fn encoded(value: &Value) -> Option<proto::DynamicValue> {
    Some(wire::encode(value, &ty()).unwrap())
}

fn decoded(value: Option<proto::DynamicValue>) -> Value {
    wire::decode(value, &ty()).unwrap()
}

async fn server() -> Server<Memory> {
    let server = Server::new(Memory);
    let request = proto::configure_provider::Request::default();
    let response = server.configure_provider(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(response.diagnostics, []);
    server
}

async fn apply(server: &Server<Memory>, prior: &Value, planned: &Value) -> (Value, Vec<String>) {
    let request = proto::apply_resource_change::Request {
        type_name: "memory_thing".to_owned(),
        prior_state: encoded(prior),
        planned_state: encoded(planned),
        config: encoded(planned),
        ..proto::apply_resource_change::Request::default()
    };
    let response = server.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
    (decoded(response.new_state), response.diagnostics.into_iter().map(|it| it.summary + ": " + &it.detail).collect())
}

#[tokio::test]
async fn a_panic_is_a_diagnostic_and_ends_nothing_else() {
    let server = server().await;
    let (state, told) = apply(&server, &Value::Null, &thing("panic", Value::Unknown)).await;
    assert_eq!(state, Value::Null);
    assert!(told[0].contains("on purpose"), "{told:?}");
    let (state, told) = apply(&server, &Value::Null, &thing("good", Value::Unknown)).await;
    assert_eq!((state, told), (thing("good", "id-1".into()), vec![]));
}

#[tokio::test]
async fn what_exists_is_told_with_the_error() {
    let server = server().await;
    let (state, told) = apply(&server, &Value::Null, &thing("half", Value::Unknown)).await;
    assert_eq!(state, thing("half", Value::Null));
    assert_eq!(told, ["Half done: Try again."]);
    let prior = thing("good", "id-1".into());
    let (state, told) = apply(&server, &prior, &thing("other", "id-1".into())).await;
    assert_eq!((state, told), (prior.clone(), vec!["Not today: Try again.".to_owned()]));
    let (state, told) = apply(&server, &prior, &Value::Null).await;
    assert_eq!((state, told), (prior, vec!["Still needed: Keep it.".to_owned()]));
}

#[tokio::test]
async fn a_value_left_unknown_is_a_bug_and_no_crash() {
    let (state, told) = apply(&server().await, &Value::Null, &thing("forget", Value::Unknown)).await;
    assert_eq!(state, thing("forget", Value::Null));
    assert!(told[0].contains("bug"), "{told:?}");
}

#[tokio::test]
async fn stop_cancels_a_call_in_flight_which_keeps_what_it_made() {
    let server = server().await;
    let planned = thing("wait", Value::Unknown);
    let stop = async { server.stop_provider(Request::new(proto::stop_provider::Request {})).await.unwrap() };
    let both = async { tokio::join!(apply(&server, &Value::Null, &planned), stop) };
    let ((state, told), _) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!((state, told), (thing("wait", "id-1".into()), vec!["Interrupted: Try again.".to_owned()]));
}

#[tokio::test]
async fn a_plan_has_defaults_unknowns_and_replacements() {
    let server = server().await;
    let plan = async |prior: &Value, config: Value, proposed: Value| {
        let request = proto::plan_resource_change::Request {
            type_name: "memory_thing".to_owned(),
            prior_state: encoded(prior),
            proposed_new_state: encoded(&proposed),
            config: encoded(&config),
            prior_private: b"kept".to_vec(),
            ..proto::plan_resource_change::Request::default()
        };
        server.plan_resource_change(Request::new(request)).await.unwrap().into_inner()
    };
    let config =
        |behaviour: &str| Value::object([("id", Value::Null), ("behaviour", behaviour.into()), ("note", Value::Null)]);
    let created = plan(&Value::Null, config("a"), config("a")).await;
    assert_eq!(decoded(created.planned_state), thing("a", Value::Unknown));
    assert_eq!(created.planned_private, b"kept");

    let prior = thing("a", "id-1".into());
    let replaced = plan(&prior, config("b"), thing("b", "id-1".into())).await;
    assert_eq!(replaced.requires_replace, [wire::path(&crate::Path::attribute("behaviour"))]);

    let destroyed = plan(&prior, Value::Null, Value::Null).await;
    assert_eq!(decoded(destroyed.planned_state), Value::Null);
}

#[tokio::test]
async fn a_vanished_resource_reads_as_null_and_a_state_is_upgraded_from_json() {
    let server = server().await;
    let mut gone = thing("a", "id-1".into());
    gone.put("note", "gone");
    let request = proto::read_resource::Request {
        type_name: "memory_thing".to_owned(),
        current_state: encoded(&gone),
        ..proto::read_resource::Request::default()
    };
    let read = server.read_resource(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(decoded(read.new_state), Value::Null);

    let upgrade = async |version, json: &str| {
        let request = proto::upgrade_resource_state::Request {
            type_name: "memory_thing".to_owned(),
            version,
            raw_state: Some(proto::RawState { json: json.into(), ..proto::RawState::default() }),
        };
        server.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner()
    };
    let raw = r#"{"id":"id-1","behaviour":"a","note":"none","dropped":1}"#;
    assert_eq!(decoded(upgrade(0, raw).await.upgraded_state), thing("a", "id-1".into()));
    assert_eq!(upgrade(1, raw).await.diagnostics[0].summary, "The state is from the future");
    assert_eq!(upgrade(0, "{").await.diagnostics[0].summary, "The state cannot be read");
}

#[tokio::test]
async fn an_unknown_type_is_a_diagnostic() {
    let request = proto::import_resource_state::Request {
        type_name: "memory_other".to_owned(),
        ..proto::import_resource_state::Request::default()
    };
    let response = server().await.import_resource_state(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(response.diagnostics[0].summary, "Unknown resource");
}
