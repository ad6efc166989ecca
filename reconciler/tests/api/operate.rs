//! Status, explanation, and what people may ask of a group.

use super::fixture::{Served, error, in_role, now, paths, slot};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shadow_core::feedback::{Feedback, Stated};
use shadow_core::model::slot::Role;
use shadow_core::state::{Hold, Request};
use shadow_reconciler::cycle::Runner;
use shadow_reconciler::store::Command;
use std::sync::Arc;

#[tokio::test]
async fn a_group_that_was_not_looked_at_says_so() {
    let served = Served::with_group().await;
    let (status, body) = served.get("/v1/groups/checkout/status").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["group"], &body["phase"]), (&json!("checkout"), &json!("observing")));
    assert_eq!(body["reason"], "not yet looked at");
    for unknown in ["weights", "score", "primary", "phase_since", "error"] {
        assert_eq!(body[unknown], Value::Null, "{unknown} is unknown, not a default");
    }
    assert_eq!(body["held"], false);
}

#[tokio::test]
async fn a_cycle_shows_in_status_and_explanation() {
    let served = Served::with_group().await;
    let hold = json!({"reason": "network maintenance", "for": "30m"});
    assert_eq!(served.post("/v1/groups/checkout/hold", &hold).await.0, StatusCode::ACCEPTED);
    let mut runner = Runner::new(Arc::clone(&served.app), "checkout".to_owned());
    runner.run_once(shadow_reconciler::clock::now()).await.unwrap();
    runner.finish().await;

    let (status, body) = served.get("/v1/groups/checkout/status").await;
    assert_eq!((status, &body["held"], &body["primary"]), (StatusCode::OK, &json!(true), &json!("a")), "{body}");
    assert_eq!(body["slots"]["a"]["role"], "primary");
    assert_eq!(body["slots"]["a"]["managed"], false);
    let (status, explanation) = served.get("/v1/groups/checkout/explain").await;
    assert_eq!((status, &explanation["status"]["group"]), (StatusCode::OK, &json!("checkout")));
    let outage = explanation["observation"]["metrics_outage"].as_str();
    assert!(outage.is_some(), "an unreachable Prometheus is told: {explanation}");
    assert_eq!(explanation["state"]["hold"]["reason"], "network maintenance");
    assert!(explanation["guards"].is_array());

    let (status, body) = served.post("/v1/groups/checkout/failover", &json!(null)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("is held: release it first"), "{body}");
    assert_eq!(served.post("/v1/groups/checkout/release", &json!(null)).await.0, StatusCode::ACCEPTED);
    runner.run_once(shadow_reconciler::clock::now()).await.unwrap();
    runner.finish().await;
    assert_eq!(served.get("/v1/groups/checkout/status").await.1["held"], false);
    let (_, page) = served.get("/v1/journal?group=checkout").await;
    let messages: Vec<_> = page["records"].as_array().unwrap().iter().map(|record| &record["message"]).collect();
    assert!(messages.contains(&&json!("held: network maintenance")), "{page}");
    assert!(messages.contains(&&json!("released")), "{page}");
}

#[tokio::test]
async fn what_was_learned_is_told_by_a_cycle_and_after_a_restart() {
    let served = Served::with_group().await;
    let address = "/v1/groups/checkout/feedback";
    let nothing = json!({"forecasts": [], "scores": [], "counts": {}, "incidents": [],
        "thresholds_in_effect": null, "thresholds_on_trial": null});
    assert_eq!(served.get(address).await, (StatusCode::OK, nothing));
    let mut feedback = Feedback::default();
    let stated = Stated {
        signal: "latency".to_owned(),
        model: "blend".to_owned(),
        horizon: SignedDuration::from_hours(1),
        made_at: now(),
        target: now(),
        quantiles: [0.25; 11],
        naive: 0.5,
    };
    feedback.compare(now(), vec![stated], |_, _| None);
    feedback.compare(now(), Vec::new(), |_, _| Some(0.25));
    served.app.store.save_feedback("checkout", &feedback).unwrap();
    let told = |body: &Value| (body["forecasts"][0]["loss_ratio"].clone(), body["forecasts"][0]["compared"].clone());
    assert_eq!(told(&served.get(address).await.1), (json!(0.0), json!(1)), "stored by an earlier process");

    let mut runner = Runner::new(Arc::clone(&served.app), "checkout".to_owned());
    runner.run_once(shadow_reconciler::clock::now()).await.unwrap();
    runner.finish().await;
    assert_eq!(told(&served.get(address).await.1), (json!(0.0), json!(1)), "the cycle goes on from it");
    let metrics = reqwest::get(format!("{}/metrics", served.url)).await.unwrap().text().await.unwrap();
    let metric =
        "shadow_forecast_actual{group=\"checkout\",signal=\"latency\",model=\"blend\",horizon_seconds=\"3600\"}";
    assert!(metrics.contains(&format!("{metric} 0.25")), "{metrics}");
    assert_eq!(served.get("/v1/groups/nobody/feedback").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_asked_waits_for_the_next_cycle() {
    let served = Served::with_group().await;
    served.remember(|state| {
        state.slots.insert(slot("b"), in_role(Role::Standby));
    });
    for action in ["acknowledge", "prepare", "failover", "failback", "release"] {
        let (status, body) = served.post(&format!("/v1/groups/checkout/{action}"), &json!(null)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{action}: {body}");
    }
    for route in [false, true] {
        let (status, body) = served.post("/v1/groups/checkout/retire", &json!({"remove_route": route})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
    let asked = [
        Command::Acknowledge,
        Command::Request(Request::Prepare),
        Command::Request(Request::Failover),
        Command::Request(Request::Failback),
        Command::Release,
        Command::Request(Request::Retire),
        Command::Request(Request::RetireWithRoute),
    ];
    assert_eq!(served.app.store.commands("checkout").unwrap().0, asked);
}

#[tokio::test]
async fn a_hold_without_a_sensible_duration_is_refused() {
    let served = Served::with_group().await;
    for bad in ["soon", "-5m", "0s", "1000000h"] {
        let (status, body) = served.post("/v1/groups/checkout/hold", &json!({"for": bad})).await;
        assert_eq!((status, paths(&body)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["for"]), "{bad}");
    }
    assert!(served.app.store.commands("checkout").unwrap().0.is_empty());
}

#[tokio::test]
async fn what_cannot_be_done_now_is_refused() {
    let served = Served::with_group().await;
    served.remember(|_idle| {});
    let (status, body) = served.post("/v1/groups/checkout/failback", &json!(null)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(error(&body).contains("has no standby to return to"), "{body}");
    served.remember(|state| {
        state.hold = Some(Hold { reason: "maintenance".to_owned(), since: now(), until: None });
    });
    for action in ["prepare", "failover", "retire"] {
        let (status, body) = served.post(&format!("/v1/groups/checkout/{action}"), &json!({})).await;
        assert_eq!(status, StatusCode::CONFLICT, "{action}: {body}");
    }
    assert!(served.app.store.commands("checkout").unwrap().0.is_empty());
}

#[tokio::test]
async fn an_unknown_group_is_unknown_everywhere() {
    let served = Served::start().await;
    for path in ["", "/status", "/explain"] {
        let (status, body) = served.get(&format!("/v1/groups/nobody{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(error(&body), "there is no group \"nobody\"");
    }
    for action in ["hold", "release", "acknowledge", "prepare", "failover", "failback", "retire"] {
        let (status, body) = served.post(&format!("/v1/groups/nobody/{action}"), &json!({})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{action}");
        assert_eq!(error(&body), "there is no group \"nobody\"");
    }
}
