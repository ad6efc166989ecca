//! Runs that fail, take too long, are stopped, or leave a state behind.

use crate::fixture::{DEADLINE, EPOCH, Fixture, Started, until};
use serde_json::{Value, json};
use shadow_core::plan::Action;
use shadow_core::rendering::RootKind;
use shadow_reconciler::terraform::{Aim, Recovery, TerraformError, wait_for_foreign_run};
use std::path::PathBuf;
use std::time::Duration;

#[tokio::test]
async fn a_stop_interrupts_an_apply_once_and_awaits_it() {
    let fixture = Fixture::new();
    let workspace =
        fixture.prepare(&fixture.capacity(&["b"], &json!({"gate": fixture.gate()})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    let (result, ()) = tokio::join!(fixture.apply(&workspace, approved), async {
        until("the instance is being made", || fixture.gate_is_reached()).await;
        fixture.stop.send_replace(true);
    });
    let error = result.unwrap_err();
    assert!(matches!(error, TerraformError::Stopped { command: "apply", killed: false }), "{error:?}");
    assert!(workspace.state_identity().unwrap().lineage.is_some(), "terraform wrote down what it had made");
    assert!(!workspace.folder().join(".terraform.tfstate.lock.info").exists(), "terraform released its lock");

    fixture.stop.send_replace(false);
    let planned = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap();
    let actions: Vec<Action> = planned.plan.changes.iter().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Replace], "what was half made is made again");
}

#[tokio::test]
async fn an_apply_that_takes_too_long_is_interrupted() {
    let mut fixture = Fixture::new();
    fixture.settings.apply_timeout = Duration::from_millis(1500);
    let workspace =
        fixture.prepare(&fixture.capacity(&["b"], &json!({"gate": fixture.gate()})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    let error = fixture.apply(&workspace, approved).await.unwrap_err();
    assert!(matches!(error, TerraformError::Timeout { command: "apply", killed: false, .. }), "{error:?}");
    assert!(error.to_string().contains("interrupted and ended by itself"), "{error}");
}

#[tokio::test]
async fn an_abandoned_apply_goes_on_to_its_end() {
    let fixture = Fixture::new();
    let workspace =
        fixture.prepare(&fixture.capacity(&["b"], &json!({"gate": fixture.gate()})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    tokio::select! {
        result = fixture.apply(&workspace, approved) => panic!("it waits for the gate: {result:?}"),
        () = until("the instance is being made", || fixture.gate_is_reached()) => {}
    }
    fixture.open_gate();
    let foreign = wait_for_foreign_run(workspace.folder(), DEADLINE).await.unwrap();
    assert!(foreign.lock_removed.is_none(), "terraform released its lock");
    let outputs = fixture.terraform().outputs(&workspace).await.unwrap();
    assert_eq!(outputs["slots"]["b"]["instance_id"], "checkout-b");
}

#[tokio::test]
async fn a_failed_plan_tells_what_terraform_said() {
    let fixture = Fixture::new();
    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    std::fs::write(workspace.folder().join("shadow.auto.tfvars.json"), r#"{"slots": {"b": {}}, "params": {}}"#)
        .unwrap();
    let error = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap_err();
    assert!(matches!(error, TerraformError::Plan { .. }), "{error:?}");
    assert!(error.to_string().contains("attributes") && error.to_string().contains("slots"), "{error}");
}

#[tokio::test]
async fn a_failed_apply_tells_the_resource_and_that_part_may_be_done() {
    let fixture = Fixture::new();
    let gate = "/dev/null/nowhere; exit 3";
    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({"gate": gate})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    let error = fixture.apply(&workspace, approved).await.unwrap_err();
    assert!(matches!(error, TerraformError::Apply { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("module.slot[\"b\"].terraform_data.instance") && text.contains("part of the plan"), "{text}");
}

#[tokio::test]
async fn somebody_elses_lock_is_named_and_left_alone() {
    let fixture = Fixture::new();
    let workspace =
        fixture.prepare(&fixture.capacity(&["b"], &json!({"gate": fixture.gate()})), RootKind::Capacity).await;
    let mut human = Started::apply_by_hand(&workspace);
    until("the human's apply is at work", || fixture.gate_is_reached()).await;
    let error = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap_err();
    assert!(
        matches!(&error, TerraformError::Locked { who, since } if who.contains('@') && since.contains("20")),
        "{error:?}"
    );
    fixture.open_gate();
    assert!(human.0.wait().unwrap().success(), "the human's apply was not disturbed");
}

fn errored_state(workspace_folder: &std::path::Path, change: impl Fn(&mut Value)) -> PathBuf {
    let text = std::fs::read(workspace_folder.join("terraform.tfstate")).unwrap();
    let mut state: Value = serde_json::from_slice(&text).unwrap();
    change(&mut state);
    let path = workspace_folder.join("errored.tfstate");
    std::fs::write(&path, state.to_string()).unwrap();
    path
}

#[tokio::test]
async fn a_state_that_could_not_be_written_is_taken_up_if_it_follows() {
    let fixture = Fixture::new();
    let (workspace, applied) = fixture.reach(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let terraform = fixture.terraform();
    assert_eq!(terraform.recover_state(&workspace).await.unwrap(), Recovery::Nothing);

    let newer = applied.state.serial + 5;
    let path = errored_state(workspace.folder(), |state| state["serial"] = json!(newer));
    let recovered = terraform.recover_state(&workspace).await.unwrap();
    assert!(matches!(&recovered, Recovery::Pushed(state) if state.serial == newer), "{recovered:?}");
    assert!(workspace.state_identity().unwrap().serial >= newer);
    assert!(!path.exists() && path.with_file_name(format!("errored-{newer}.tfstate")).exists());
}

#[tokio::test]
async fn a_state_that_does_not_follow_is_set_aside_and_kept() {
    let fixture = Fixture::new();
    let (workspace, applied) = fixture.reach(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let before = std::fs::read(workspace.folder().join("terraform.tfstate")).unwrap();
    errored_state(workspace.folder(), |state| {
        state["lineage"] = json!("another");
        state["serial"] = json!(applied.state.serial + 1);
    });
    let recovered = fixture.terraform().recover_state(&workspace).await.unwrap();
    let Recovery::SetAside { path, errored, current } = recovered else { panic!("{recovered:?}") };
    assert_eq!((errored.lineage.as_deref(), current), (Some("another"), applied.state));
    assert!(path.exists());
    assert_eq!(std::fs::read(workspace.folder().join("terraform.tfstate")).unwrap(), before);
}

#[tokio::test]
async fn the_version_is_read_and_a_missing_binary_is_named() {
    let mut fixture = Fixture::new();
    let version = fixture.terraform().version().await.unwrap();
    assert!(version.starts_with("1."), "{version}");
    fixture.settings.binary = fixture.path("no-terraform");
    let error = fixture.terraform().version().await.unwrap_err();
    assert!(matches!(error, TerraformError::NotFound { .. }), "{error:?}");
}
