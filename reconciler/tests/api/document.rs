//! The OpenAPI document says what the API is.

use super::fixture::Served;
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every operation as `METHOD path operationId`.
fn operations(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
            format!("{:6} {path} {id}", method.to_uppercase())
        })
    });
    let mut operations: Vec<String> = operations.collect();
    operations.sort_by(|one, other| one.split_whitespace().nth(1).cmp(&other.split_whitespace().nth(1)));
    operations
}

/// Every `$ref` in a document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_document_describes_every_operation() {
    let served = Served::start().await;
    let (status, document) = served.get("/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let operations = operations(&document);
    let ids: BTreeSet<&str> = operations.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(ids.len(), operations.len(), "each id is used once");
    insta::assert_snapshot!(operations.join("\n"));
}

#[tokio::test]
async fn the_document_refers_to_nothing_that_it_lacks() {
    let document = serde_json::to_value(shadow_reconciler::api::openapi()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/ErrorBody"), "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} is not in the document");
    }
}
