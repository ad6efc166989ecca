//! Runs of Terraform that the reconciler did not start, and what killed ones leave behind.

use crate::fixture::{DEADLINE, EPOCH, Fixture, Started, until};
use serde_json::json;
use shadow_core::rendering::RootKind;
use shadow_reconciler::terraform::{Aim, ForeignRun, TerraformError, Workspace, wait_for_foreign_run};
use std::path::Path;
use std::time::Duration;

/// Longer than it takes to look at the process table, shorter than anybody likes to wait.
const SHORT: Duration = Duration::from_millis(500);

async fn human_at_work(fixture: &Fixture) -> (Workspace, Started) {
    let desired = fixture.capacity(&["b"], &json!({"gate": fixture.gate()}));
    let workspace = fixture.prepare(&desired, RootKind::Capacity).await;
    let human = Started::apply_by_hand(&workspace);
    until("the human's apply is at work", || fixture.gate_is_reached()).await;
    (workspace, human)
}

#[tokio::test]
async fn nothing_is_found_in_a_quiet_root() {
    let fixture = Fixture::new();
    let workspace = fixture.workspace(RootKind::Traffic);
    assert_eq!(wait_for_foreign_run(workspace.folder(), SHORT).await.unwrap(), ForeignRun::default());
}

#[tokio::test]
async fn a_run_of_somebody_else_is_waited_for_and_named() {
    let fixture = Fixture::new();
    let (workspace, mut human) = human_at_work(&fixture).await;
    let error = wait_for_foreign_run(workspace.folder(), SHORT).await.unwrap_err();
    let TerraformError::ForeignRun { processes, .. } = &error else { panic!("{error:?}") };
    assert_eq!(processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [human.pid()]);
    assert!(error.to_string().contains("terraform apply"), "{error}");

    let (found, ()) = tokio::join!(wait_for_foreign_run(workspace.folder(), DEADLINE), async { fixture.open_gate() });
    assert_eq!(found.unwrap().processes.first().map(|process| process.pid), Some(human.pid()));
    assert!(human.0.wait().unwrap().success(), "it was not disturbed");
}

#[tokio::test]
async fn a_run_in_another_root_is_none_of_ours() {
    let fixture = Fixture::new();
    let (_busy, _human) = human_at_work(&fixture).await;
    let quiet = fixture.workspace(RootKind::Traffic);
    assert_eq!(wait_for_foreign_run(quiet.folder(), SHORT).await.unwrap(), ForeignRun::default());
}

#[tokio::test]
async fn the_lock_record_of_a_dead_holder_is_removed_and_the_root_works_again() {
    let fixture = Fixture::new();
    let (workspace, mut human) = human_at_work(&fixture).await;
    human.0.kill().unwrap();
    human.0.wait().unwrap();
    let record = workspace.folder().join(".terraform.tfstate.lock.info");
    assert!(record.exists(), "a killed terraform leaves its record behind");
    let found = wait_for_foreign_run(workspace.folder(), DEADLINE).await.unwrap();
    assert_eq!(found.lock_removed.map(|record| record.operation), Some("OperationTypeApply".to_owned()));
    assert!(!record.exists());
    fixture.open_gate();
    let planned = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap();
    assert_eq!(planned.plan.changes.len(), 1);
}

#[tokio::test]
async fn the_record_of_a_lock_that_is_held_stays() {
    let fixture = Fixture::new();
    let (workspace, mut human) = human_at_work(&fixture).await;
    // The same files seen from a folder in which no process works, as from another container.
    let elsewhere = fixture.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    for name in ["terraform.tfstate", ".terraform.tfstate.lock.info"] {
        std::fs::hard_link(workspace.folder().join(name), elsewhere.join(name)).unwrap();
    }
    let error = wait_for_foreign_run(&elsewhere, SHORT).await.unwrap_err();
    assert!(matches!(error, TerraformError::Locked { .. }), "{error:?}");
    assert!(elsewhere.join(".terraform.tfstate.lock.info").exists());
    fixture.open_gate();
    assert!(human.0.wait().unwrap().success(), "it was not disturbed");
}

#[tokio::test]
async fn a_provider_that_outlived_its_terraform_does_not_hang_the_group() {
    let fixture = Fixture::new();
    let workspace = fixture.workspace(RootKind::Traffic);
    let provider = fixture.path("terraform-provider-stuck_v1.0.0");
    std::fs::copy("/bin/sleep", &provider).unwrap();
    let stuck = Started::new(Path::new(&provider), workspace.folder(), &["600"]);
    let found = wait_for_foreign_run(workspace.folder(), DEADLINE).await.unwrap();
    assert_eq!(
        found.processes.iter().map(|process| (process.pid, process.is_provider)).collect::<Vec<_>>(),
        [(stuck.pid(), true)]
    );
}
