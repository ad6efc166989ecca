//! What is judged before a module is used: where it comes from, and whether it keeps the contract.

use crate::fixture::{Fixture, rendered};
use serde_json::json;
use shadow_core::rendering::RootKind;
use shadow_reconciler::terraform::{TerraformError, check_module};
use std::path::Path;

async fn init_error(fixture: &Fixture, source: &str) -> TerraformError {
    let mut desired = fixture.capacity(&["b"], &json!({}));
    desired.capacity.module.source = source.to_owned();
    let workspace = fixture.workspace(RootKind::Capacity);
    let (rendering, module) = rendered(&desired, RootKind::Capacity);
    workspace.write(&rendering).unwrap();
    let error = fixture.terraform().init(&workspace, &module).await.unwrap_err();
    assert!(!workspace.folder().join(".terraform").exists(), "nothing was fetched");
    error
}

#[tokio::test]
async fn a_source_outside_the_list_is_refused_before_anything_is_fetched() {
    let fixture = Fixture::new();
    for source in ["git::https://example.invalid/evil.git", "acme/evil/cloud", "/etc"] {
        let error = init_error(&fixture, source).await;
        assert!(matches!(error, TerraformError::ModuleNotAllowed(_)), "{source}: {error:?}");
    }
}

#[tokio::test]
async fn a_module_that_calls_one_from_outside_the_list_is_refused_too() {
    let fixture = Fixture::new();
    let module = fixture.path("modules/instance");
    std::fs::write(module.join("more.tf"), "module \"more\" {\n  source = \"acme/evil/cloud\"\n}\n").unwrap();
    let error = init_error(&fixture, module.to_str().unwrap()).await;
    assert!(matches!(&error, TerraformError::ModuleNotAllowed(refused) if refused.source_text == "acme/evil/cloud"));
}

#[tokio::test]
async fn a_module_that_breaks_the_contract_is_named_with_what_to_add() {
    let fixture = Fixture::new();
    let module = fixture.path("modules/instance");
    let text = std::fs::read_to_string(module.join("main.tf")).unwrap();
    std::fs::write(module.join("main.tf"), text.replace("output \"zone\"", "output \"somewhere\"")).unwrap();
    let error = init_error(&fixture, module.to_str().unwrap()).await.to_string();
    assert!(error.contains("modules/instance") && error.contains("add `output \"zone\""), "{error}");
}

#[test]
fn the_shipped_modules_keep_the_contract() {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("modules");
    check_module(&modules.join("instance-process"), RootKind::Capacity).unwrap();
    check_module(&modules.join("traffic-envoy"), RootKind::Traffic).unwrap();
}
