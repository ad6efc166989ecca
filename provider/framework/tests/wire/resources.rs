//! Checking, planning, changing, reading and importing resources; reading data sources.

use crate::client::{PATIENCE, Session, UNKNOWN, pack, proto, thing, told, unpack};
use proto::ClientCapabilities;
use serde_json::{Value as Json, json};
use std::time::Duration;

const TYPE: &str = "trial_thing";

fn capabilities(deferral_allowed: bool, write_only_attributes_allowed: bool) -> Option<ClientCapabilities> {
    Some(ClientCapabilities { deferral_allowed, write_only_attributes_allowed, ..Default::default() })
}

async fn plan(
    session: &mut Session,
    prior: &Json,
    config: &Json,
    deferral_allowed: bool,
) -> proto::plan_resource_change::Response {
    let request = proto::plan_resource_change::Request {
        type_name: TYPE.to_owned(),
        prior_state: pack(prior),
        proposed_new_state: pack(&proposed(prior, config)),
        config: pack(config),
        prior_private: b"kept".to_vec(),
        client_capabilities: capabilities(deferral_allowed, true),
        ..Default::default()
    };
    session.provider.plan_resource_change(request).await.unwrap().into_inner()
}

/// What Terraform proposes: the configuration, with prior values where the provider decides.
fn proposed(prior: &Json, config: &Json) -> Json {
    let mut proposed = config.clone();
    for name in ["id", "note", "secret_length", "revision"] {
        if config.is_object() && prior.is_object() && config[name].is_null() {
            proposed[name] = prior[name].clone();
        }
    }
    proposed
}

/// Applies, and answers with what Terraform keeps.
async fn apply(
    session: &mut Session,
    prior: &Json,
    planned: &Json,
    config: &Json,
) -> proto::apply_resource_change::Response {
    let request = proto::apply_resource_change::Request {
        type_name: TYPE.to_owned(),
        prior_state: pack(prior),
        planned_state: pack(planned),
        config: pack(config),
        ..Default::default()
    };
    session.provider.apply_resource_change(request).await.unwrap().into_inner()
}

async fn create(session: &mut Session, config: Json) -> proto::apply_resource_change::Response {
    let config = thing(&config);
    let planned = unpack(plan(session, &json!(null), &config, false).await.planned_state);
    apply(session, &json!(null), &planned, &config).await
}

async fn validate(session: &mut Session, config: Json, write_only: bool) -> Vec<String> {
    let request = proto::validate_resource_config::Request {
        type_name: TYPE.to_owned(),
        config: pack(&thing(&config)),
        client_capabilities: capabilities(false, write_only),
    };
    told(&session.provider.validate_resource_config(request).await.unwrap().into_inner().diagnostics)
}

#[tokio::test]
async fn every_mistake_of_a_configuration_is_told_at_once() {
    let mut session = Session::new(&[]).await;
    let wrong = json!({"name": "a", "size": -1, "behaviour": "dance", "timeouts": {"create": "soon"}});
    let told = validate(&mut session, wrong, true).await;
    assert_eq!(told.len(), 3, "{told:?}");
    let unknown = json!({"name": UNKNOWN, "size": UNKNOWN, "behaviour": UNKNOWN, "timeouts": UNKNOWN});
    assert_eq!(validate(&mut session, unknown, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_write_only_value_reaches_the_provider_and_nothing_else() {
    let mut session = Session::new(&[]).await;
    let config = json!({"name": "a", "secret_wo": "12345"});
    assert!(validate(&mut session, config.clone(), false).await[0].contains("Terraform 1.11"));
    assert_eq!(validate(&mut session, config.clone(), true).await, Vec::<String>::new());
    let planned = unpack(plan(&mut session, &json!(null), &thing(&config), false).await.planned_state);
    assert_eq!(planned["secret_wo"], json!(null));
    let created = unpack(create(&mut session, config).await.new_state);
    assert_eq!((&created["secret_wo"], &created["secret_length"]), (&json!(null), &json!(5)));
}

#[tokio::test]
async fn a_plan_has_defaults_unknowns_replacements_and_an_identity() {
    let mut session = Session::new(&[]).await;
    let config = thing(&json!({"name": "a"}));
    let planned = plan(&mut session, &json!(null), &config, false).await;
    assert_eq!(planned.planned_private, b"kept");
    let identity = planned.planned_identity.unwrap().identity_data;
    assert_eq!(unpack(identity), json!({"name": "a"}));
    let state = unpack(planned.planned_state);
    assert_eq!((&state["note"], &state["id"]), (&json!("none"), &json!(UNKNOWN)));

    let prior = unpack(create(&mut session, json!({"name": "a"})).await.new_state);
    let same = plan(&mut session, &prior, &config, false).await;
    assert_eq!((unpack(same.planned_state), same.requires_replace.len()), (prior.clone(), 0));
    let renamed = plan(&mut session, &prior, &thing(&json!({"name": "b"})), false).await;
    assert_eq!(renamed.requires_replace.len(), 1);
    let noted = plan(&mut session, &prior, &thing(&json!({"name": "a", "note": "n"})), false).await;
    assert_eq!(noted.requires_replace, []);
    assert_eq!(unpack(noted.planned_state)["id"], json!("id-a"));
    let destroyed = plan(&mut session, &prior, &json!(null), false).await;
    assert_eq!(unpack(destroyed.planned_state), json!(null));
}

#[tokio::test]
async fn something_is_put_off_only_where_terraform_can() {
    let mut session = Session::new(&[]).await;
    let config = thing(&json!({"name": UNKNOWN}));
    assert_eq!(plan(&mut session, &json!(null), &config, false).await.deferred, None);
    let deferred = plan(&mut session, &json!(null), &config, true).await.deferred.unwrap();
    assert_eq!(deferred.reason(), proto::deferred::Reason::ResourceConfigUnknown);
    let known = plan(&mut session, &json!(null), &thing(&json!({"name": "a"})), true).await;
    assert_eq!(known.deferred, None);
}

#[tokio::test]
async fn whatever_goes_wrong_what_exists_is_kept() {
    let mut session = Session::new(&[]).await;
    let failed = create(&mut session, json!({"name": "a", "behaviour": "fail"})).await;
    assert_eq!(told(&failed.diagnostics), ["Failed on demand: Ask for something else."]);
    assert_eq!(unpack(failed.new_state)["id"], json!("id-a"));
    let again = create(&mut session, json!({"name": "a"})).await;
    assert_eq!(unpack(again.new_state), json!(null), "nothing was created");
    assert!(told(&again.diagnostics)[0].starts_with("It exists already"));
}

#[tokio::test]
async fn a_warning_does_not_stop_anything() {
    let mut session = Session::new(&[]).await;
    let created = create(&mut session, json!({"name": "a", "behaviour": "warn"})).await;
    assert_eq!(created.diagnostics[0].severity(), proto::diagnostic::Severity::Warning);
    assert_eq!(unpack(created.new_state)["id"], json!("id-a"));
}

#[tokio::test]
async fn private_bytes_go_from_call_to_call() {
    let mut session = Session::new(&[]).await;
    let created = create(&mut session, json!({"name": "a"})).await;
    assert_eq!(created.private, [1]);
    let prior = unpack(created.new_state.clone());
    let mut planned = prior.clone();
    planned["note"] = json!("changed");
    let request = proto::apply_resource_change::Request {
        type_name: TYPE.to_owned(),
        prior_state: pack(&prior),
        planned_state: pack(&planned),
        config: pack(&planned),
        planned_private: created.private,
        ..Default::default()
    };
    let updated = session.provider.apply_resource_change(request).await.unwrap().into_inner();
    assert_eq!(updated.private, [2]);
    let request = proto::read_resource::Request {
        type_name: TYPE.to_owned(),
        current_state: updated.new_state,
        private: updated.private,
        ..Default::default()
    };
    assert_eq!(session.provider.read_resource(request).await.unwrap().into_inner().private, [2]);
}

/// A creation that never ends by itself, once it is there.
async fn slow_create(
    session: &Session,
    timeouts: Json,
) -> tokio::task::JoinHandle<proto::apply_resource_change::Response> {
    let mut caller = session.caller();
    let config = thing(&json!({"name": "slow", "behaviour": "slow", "timeouts": timeouts}));
    let planned = thing(&json!({"id": UNKNOWN, "name": "slow", "note": "none", "behaviour": "slow",
        "secret_length": UNKNOWN, "revision": UNKNOWN, "timeouts": timeouts}));
    let request = proto::apply_resource_change::Request {
        type_name: TYPE.to_owned(),
        planned_state: pack(&planned),
        config: pack(&config),
        ..Default::default()
    };
    let call = tokio::spawn(async move { caller.apply_resource_change(request).await.unwrap().into_inner() });
    while !session.file("slow.json").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call
}

#[tokio::test]
async fn stop_ends_what_is_under_way_which_returns_what_is_there() {
    let mut session = Session::new(&[]).await;
    let call = slow_create(&session, json!(null)).await;
    let stopped = session.provider.stop_provider(proto::stop_provider::Request {}).await.unwrap().into_inner();
    assert_eq!(stopped.error, "");
    let answer = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    assert_eq!(told(&answer.diagnostics), ["Broken off: It is there, though."]);
    assert_eq!(unpack(answer.new_state)["id"], json!("id-slow"));
    let next = create(&mut session, json!({"name": "next"})).await;
    assert_eq!(told(&next.diagnostics), Vec::<String>::new(), "what comes later is not stopped");
}

#[tokio::test]
async fn a_timeout_ends_the_work_and_says_so() {
    let session = Session::new(&[]).await;
    let call = slow_create(&session, json!({"create": "100ms"})).await;
    let answer = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    let told = told(&answer.diagnostics);
    assert!(told[1].starts_with("Out of time") && told[1].contains("100ms"), "{told:?}");
    assert_eq!(unpack(answer.new_state)["id"], json!("id-slow"));
}

#[tokio::test]
async fn a_panic_ends_its_call_only() {
    let mut session = Session::new(&[]).await;
    let panicked = create(&mut session, json!({"name": "a", "behaviour": "panic"})).await;
    assert!(told(&panicked.diagnostics)[0].contains("Please report this"));
    let created = create(&mut session, json!({"name": "b"})).await;
    assert_eq!(unpack(created.new_state)["id"], json!("id-b"));
}

#[tokio::test]
async fn a_resource_is_read_imported_and_found_gone() {
    let mut session = Session::new(&[]).await;
    let state = unpack(create(&mut session, json!({"name": "a"})).await.new_state);
    let import = |id: &str| proto::import_resource_state::Request {
        type_name: TYPE.to_owned(),
        id: id.to_owned(),
        ..Default::default()
    };
    let imported = session.provider.import_resource_state(import("a")).await.unwrap().into_inner();
    assert_eq!(unpack(imported.imported_resources[0].state.clone())["note"], json!("none"));
    let refused = session.provider.import_resource_state(import("b")).await.unwrap().into_inner();
    assert!(told(&refused.diagnostics)[0].starts_with("There is no such thing"));

    std::fs::remove_file(session.file("a.json")).unwrap();
    let request =
        proto::read_resource::Request { type_name: TYPE.to_owned(), current_state: pack(&state), ..Default::default() };
    let read = session.provider.read_resource(request).await.unwrap().into_inner();
    assert_eq!((unpack(read.new_state), read.new_identity), (json!(null), None));
}

#[tokio::test]
async fn a_data_source_is_checked_and_read_with_its_warnings() {
    let mut session = Session::new(&[]).await;
    create(&mut session, json!({"name": "a"})).await;
    let config = pack(&json!({"prefix": null, "names": null}));
    let request =
        proto::validate_data_resource_config::Request { type_name: "trial_names".to_owned(), config: config.clone() };
    let checked = session.provider.validate_data_resource_config(request).await.unwrap().into_inner();
    assert_eq!(told(&checked.diagnostics), Vec::<String>::new());
    let request =
        proto::read_data_source::Request { type_name: "trial_names".to_owned(), config, ..Default::default() };
    let read = session.provider.read_data_source(request).await.unwrap().into_inner();
    assert_eq!(unpack(read.state)["names"], json!(["a"]));
    assert_eq!(told(&read.diagnostics), ["Names are only names: Nothing to do."]);
}

#[tokio::test]
async fn a_large_value_passes_and_hostile_ones_are_diagnostics() {
    let mut session = Session::new(&[]).await;
    // Far over the 4 MiB that gRPC allows by default.
    let large = "x".repeat(32 << 20);
    assert_eq!(validate(&mut session, json!({"name": "a", "note": large}), true).await, Vec::<String>::new());
    for msgpack in
        [vec![0xdd, 0xff, 0xff, 0xff, 0xff], vec![0x91; 100_000], vec![0xc1], b"\x81\xa4name\xa2\xff\xff".to_vec()]
    {
        let request = proto::validate_resource_config::Request {
            type_name: TYPE.to_owned(),
            config: Some(proto::DynamicValue { msgpack, json: Vec::new() }),
            ..Default::default()
        };
        let answer = session.provider.validate_resource_config(request).await.unwrap().into_inner();
        assert!(told(&answer.diagnostics)[0].contains("does not fit"), "{:?}", answer.diagnostics);
    }
}
