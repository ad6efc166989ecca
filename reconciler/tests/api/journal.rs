//! The journal, page by page.

use super::fixture::{Served, now};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shadow_reconciler::journal::{Entry, Kind};

fn entry(message: &str) -> Entry {
    Entry { kind: Kind::Alert, phase: "idle".to_owned(), message: message.to_owned(), data: json!({"n": 1}) }
}

fn ids(page: &Value) -> Vec<i64> {
    page["records"].as_array().unwrap().iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next() {
    let served = Served::start().await;
    for (group, message) in [("checkout", "1"), ("search", "2"), ("checkout", "3"), ("checkout", "4"), ("search", "5")]
    {
        served.app.store.add_entry(group, now(), &entry(message)).unwrap();
    }
    for (query, records, next) in [
        ("", vec![1, 2, 3, 4, 5], json!(null)),
        ("?limit=5", vec![1, 2, 3, 4, 5], json!(null)),
        ("?limit=2", vec![1, 2], json!(2)),
        ("?limit=2&after=2", vec![3, 4], json!(4)),
        ("?limit=2&after=4", vec![5], json!(null)),
        ("?after=5", vec![], json!(null)),
        ("?group=checkout&limit=2", vec![1, 3], json!(3)),
        ("?group=checkout&limit=2&after=3", vec![4], json!(null)),
        ("?group=nobody", vec![], json!(null)),
        ("?limit=4000000000", vec![1, 2, 3, 4, 5], json!(null)),
    ] {
        let (status, page) = served.get(&format!("/v1/journal{query}")).await;
        assert_eq!((status, ids(&page), &page["next"]), (StatusCode::OK, records, &next), "{query}");
    }
}

#[tokio::test]
async fn a_record_says_what_happened_when_and_to_whom() {
    let served = Served::start().await;
    served.app.store.add_entry("checkout", now(), &entry("too late")).unwrap();
    let (_, page) = served.get("/v1/journal").await;
    let record = json!({
        "id": 1, "at": "2026-03-01T12:00:00Z", "group": "checkout",
        "kind": "alert", "phase": "idle", "message": "too late", "data": {"n": 1},
    });
    assert_eq!(page["records"], json!([record]));
}

#[tokio::test]
async fn a_page_has_a_limit_whatever_is_asked_for() {
    let served = Served::start().await;
    let entries: Vec<Entry> = (0..1001).map(|number| entry(&number.to_string())).collect();
    served.remember(|_idle| {});
    let state = served.app.store.state("checkout").unwrap().unwrap();
    served.app.store.save_state("checkout", &state, now(), &entries, 0).unwrap();
    let (_, page) = served.get("/v1/journal?limit=100000").await;
    assert_eq!((ids(&page).len(), &page["next"]), (1000, &json!(1000)));
}
