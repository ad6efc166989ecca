//! Policies and groups: created, changed, refused, removed.

use super::fixture::{Served, error, in_role, paths, policy, slot};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shadow_core::model::slot::Role;
use shadow_core::state::Request;
use shadow_reconciler::store::Command;
use std::sync::Arc;
use std::time::Duration;

fn with(mut document: Value, attribute: &str, value: Value) -> Value {
    document[attribute] = value;
    document
}

#[tokio::test]
async fn a_policy_is_created_changed_and_removed() {
    let served = Served::start().await;
    let address = "/v1/policies/default";
    assert_eq!(served.get(address).await.0, StatusCode::NOT_FOUND);
    let (status, body) = served.create(address, &policy()).await;
    assert_eq!((status, &body["generation"]), (StatusCode::CREATED, &json!(1)), "{body}");
    assert_eq!(body["spec"]["mode"], "observe", "what was left out is told: {body}");

    let (status, same) = served.create(address, &policy()).await;
    assert_eq!((status, &same), (StatusCode::OK, &body), "a creation that is repeated changes nothing");
    let changed = with(policy(), "mode", json!("full"));
    let (status, refused) = served.create(address, &changed).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(error(&refused).contains("policy \"default\" exists and differs: import it"), "{refused}");
    assert_eq!(served.get(address).await, (StatusCode::OK, body));

    let (status, body) = served.put(address, &changed).await;
    assert_eq!((status, &body["generation"], &body["spec"]["mode"]), (StatusCode::OK, &json!(2), &json!("full")));
    for _again in 0..2 {
        assert_eq!(served.delete(address).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(served.get(address).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_group_is_created_and_changed() {
    let served = Served::with_group().await;
    let address = "/v1/groups/checkout";
    let (status, page) = served.get("/v1/groups").await;
    assert_eq!(
        (status, &page["items"][0]["spec"]["name"], &page["next"]),
        (StatusCode::OK, &json!("checkout"), &Value::Null)
    );
    assert_eq!(served.create(address, &served.group()).await.0, StatusCode::OK);
    let changed = with(served.group(), "size", json!({"cpu_cores": 2.0}));
    let (status, refused) = served.create(address, &changed).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert!(error(&refused).contains("group \"checkout\" exists and differs"), "{refused}");
    let (status, body) = served.put(address, &changed).await;
    assert_eq!((status, &body["generation"]), (StatusCode::OK, &json!(2)), "{body}");
    assert_eq!(served.get(address).await, (StatusCode::OK, body));
}

#[tokio::test]
async fn a_calendar_lives_until_no_group_names_it() {
    let served = Served::with_group().await;
    let calendar = json!({"name": "sales", "events": {"friday": {"dates": ["2026-11-27"], "factor": 3}}});
    let named = with(served.group(), "calendars", json!(["sales"]));
    let (status, body) = served.put("/v1/groups/checkout", &named).await;
    assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["calendars[0]"]), "there is none yet");
    assert_eq!(served.create("/v1/calendars/sales", &calendar).await.0, StatusCode::CREATED);
    assert_eq!(served.put("/v1/groups/checkout", &named).await.0, StatusCode::OK);
    assert_eq!(served.get("/v1/calendars").await.1["items"][0]["spec"]["name"], "sales");
    let (status, body) = served.delete("/v1/calendars/sales").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("is named by checkout"), "{body}");
    assert_eq!(served.put("/v1/groups/checkout", &served.group()).await.0, StatusCode::OK);
    assert_eq!(served.delete("/v1/calendars/sales").await.0, StatusCode::NO_CONTENT);
    assert_eq!(served.get("/v1/calendars/sales").await.0, StatusCode::NOT_FOUND);
    let bad = with(calendar, "events", json!({"e": {"cron": "0 25 * * *", "duration": "1h", "factor": 2}}));
    assert_eq!(paths(&served.put("/v1/calendars/sales", &bad).await.1), [r#"events["e"].cron"#]);
}

#[tokio::test]
async fn policies_are_listed_page_by_page() {
    let served = Served::start().await;
    for name in ["c", "a", "b"] {
        served.put(&format!("/v1/policies/{name}"), &json!({"name": name})).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["spec"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, first) = served.get("/v1/policies?limit=2").await;
    assert_eq!((names(&first), &first["next"]), (vec!["a".to_owned(), "b".to_owned()], &json!("b")));
    let (_, second) = served.get("/v1/policies?limit=2&after=b").await;
    assert_eq!((names(&second), &second["next"]), (vec!["c".to_owned()], &Value::Null));
    assert_eq!(served.get("/v1/policies?limit=3").await.1["next"], Value::Null, "there is nothing behind them");
    assert_eq!(served.get("/v1/policies?limit=0").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let served = Served::start().await;
    let ask = |etag: String| served.request(Method::GET, "/v1/policies").header("If-None-Match", etag).send();
    let etag_of = |response: &reqwest::Response| response.headers()["etag"].to_str().unwrap().to_owned();
    let mut etag = etag_of(&ask(String::new()).await.unwrap());
    for change in ["made", "changed", "removed"] {
        assert_eq!(ask(etag.clone()).await.unwrap().status(), StatusCode::NOT_MODIFIED, "before it is {change}");
        match change {
            "made" => served.put("/v1/policies/default", &policy()).await,
            "changed" => served.put("/v1/policies/default", &with(policy(), "mode", json!("full"))).await,
            _ => served.delete("/v1/policies/default").await,
        };
        let answer = ask(etag.clone()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "after it was {change}");
        assert_ne!(etag_of(&answer), etag);
        etag = etag_of(&answer);
    }
}

#[tokio::test]
async fn every_problem_of_a_policy_is_told_at_once() {
    let served = Served::start().await;
    let bad = json!({"name": "default", "shadowing_threshold": 0.9, "critical_threshold": 0.5, "interval": "soon"});
    let (status, body) = served.put("/v1/policies/default", &bad).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let paths = paths(&body);
    assert!(paths.contains(&"interval") && paths.contains(&"critical_threshold"), "{body}");
    assert_eq!(served.get("/v1/policies/default").await.0, StatusCode::NOT_FOUND, "nothing of it was stored");
}

#[tokio::test]
async fn every_problem_of_a_group_is_told_at_once() {
    let served = Served::start().await;
    let outside = tempfile::tempdir().unwrap();
    let mut bad = with(served.group(), "instance", json!({"source": outside.path()}));
    bad["signals"]["latency"]["unit"] = json!("bytes");
    let (status, body) = served.put("/v1/groups/checkout", &bad).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(paths(&body), [r#"signals["latency"].unit"#, "policy", "instance.source"]);
    let [_, policy, source] = body["problems"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!(policy["summary"], "there is no policy \"default\"");
    assert!(source["summary"].as_str().unwrap().contains("is not allowed"), "{source}");
    assert!(source["remedy"].as_str().unwrap().contains("--allow-module"), "{source}");
    assert_eq!(served.get("/v1/groups").await.1["items"], json!([]), "nothing of it was stored");
}

#[tokio::test]
async fn the_name_in_the_address_counts() {
    let served = Served::with_group().await;
    for (address, document) in
        [("/v1/policies/other", policy()), ("/v1/groups/other", served.group()), ("/v1/groups/Not%20Good", json!({}))]
    {
        let (status, body) = served.put(address, &document).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{address}: {body}");
    }
    assert_eq!(paths(&served.put("/v1/groups/other", &served.group()).await.1), ["name"]);
}

#[tokio::test]
async fn a_policy_in_use_stays() {
    let served = Served::with_group().await;
    let (status, body) = served.delete("/v1/policies/default").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("is used by checkout: remove or change these groups first"), "{body}");
    assert_eq!(served.get("/v1/policies/default").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_group_whose_traffic_is_elsewhere_stays() {
    let served = Served::with_group().await;
    served.remember(|state| {
        state.slots.insert(slot("a"), in_role(Role::Standby));
        state.slots.insert(slot("b"), in_role(Role::Primary));
        state.weights = [(slot("a"), 0), (slot("b"), 100)].into();
    });
    let (status, body) = served.delete("/v1/groups/checkout").await;
    assert_eq!(status, StatusCode::CONFLICT);
    for told in ["its traffic is on slot b", "failback checkout", "retire checkout --remove-route"] {
        assert!(error(&body).contains(told), "{told:?} is not in {body}");
    }
    assert_eq!(served.get("/v1/groups/checkout").await.0, StatusCode::OK);
    assert!(served.app.store.commands("checkout").unwrap().0.is_empty(), "nothing was asked of the group");
}

#[tokio::test]
async fn a_removal_waits_until_the_group_is_gone() {
    let served = Arc::new(Served::with_group().await);
    served.remember(|_idle| {});
    assert_eq!(served.delete("/v1/groups/unknown").await.0, StatusCode::NO_CONTENT);
    let removal = tokio::spawn({
        let served = Arc::clone(&served);
        async move { served.delete("/v1/groups/checkout").await.0 }
    });
    let store = &served.app.store;
    let asked = async {
        while store.commands("checkout").unwrap().0 != [Command::Request(Request::Retire)] {
            served.app.board.woken("checkout").await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("the group is asked to retire, and woken");
    assert!(!removal.is_finished(), "it waits for the group");
    // What the group's last cycle does.
    store.remove_group("checkout").unwrap();
    served.app.board.remove("checkout");
    let answered = tokio::time::timeout(Duration::from_secs(10), removal).await.expect("it ends with the group");
    assert_eq!(answered.unwrap(), StatusCode::NO_CONTENT);
}
