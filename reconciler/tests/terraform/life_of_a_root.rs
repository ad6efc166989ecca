//! From the first plan to the last, when nothing goes wrong; and every reason for which an approved
//! plan is no longer applied.

use crate::fixture::{EPOCH, Fixture, Started, facts};
use serde_json::json;
use shadow_core::guard::{Severity, Stale, Verdict, review};
use shadow_core::model::SlotId;
use shadow_core::rendering::{RootKind, VARIABLES_FILE};
use shadow_reconciler::terraform::{Aim, Changes, TerraformError};
use std::process::Command;

#[tokio::test]
async fn a_slot_is_made_once_and_its_outputs_are_read() {
    let fixture = Fixture::new();
    let desired = fixture.capacity(&["b"], &json!({}));
    let workspace = fixture.prepare(&desired, RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    let mut kinds = Vec::new();
    let mut progress = |progress: shadow_reconciler::terraform::Progress| kinds.push(progress.kind);
    let applied = fixture.terraform().apply(&workspace, approved, EPOCH, &mut progress).await.unwrap();

    assert_eq!(applied.changes, Changes { add: 1, change: 0, remove: 0 });
    assert!(kinds.iter().any(|kind| kind == "apply_start"), "{kinds:?}");
    assert_eq!(applied.outputs["slots"]["b"]["instance_id"], "checkout-b");
    assert_eq!(applied.outputs["slots"]["b"]["hourly_cost"], 0.5);
    assert_eq!(applied.outputs["slots"]["b"]["health"], json!(null));
    assert_eq!(fixture.terraform().outputs(&workspace).await.unwrap(), applied.outputs);
    assert_eq!(workspace.state_identity().unwrap(), applied.state);
    assert!(!workspace.folder().join(".shadow/plan").exists());

    let again = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap();
    assert!(matches!(review(&again.plan, &facts(RootKind::Capacity, &again)), Verdict::NothingToDo));
}

#[tokio::test]
async fn init_runs_again_only_when_something_it_depends_on_changed() {
    let fixture = Fixture::new();
    let desired = fixture.capacity(&["b"], &json!({}));
    let workspace = fixture.prepare(&desired, RootKind::Capacity).await;
    let trace = workspace.folder().join(".shadow/init.out");
    let ran = || std::fs::remove_file(&trace).is_ok();
    assert!(ran());
    fixture.prepare(&fixture.capacity(&["b", "c"], &json!({"image": "2"})), RootKind::Capacity).await;
    assert!(!ran(), "other slots and parameters need no other module");
    std::fs::write(fixture.path("modules/instance/extra.tf"), "# needs another provider\n").unwrap();
    fixture.prepare(&desired, RootKind::Capacity).await;
    assert!(ran(), "the module changed where it lies");
    std::fs::remove_dir_all(workspace.folder().join(".terraform")).unwrap();
    fixture.prepare(&desired, RootKind::Capacity).await;
    assert!(ran(), "what was installed is gone");
}

#[tokio::test]
async fn weights_move_in_place_and_the_state_is_backed_up_before() {
    let fixture = Fixture::new();
    let (_, first) = fixture.reach(&fixture.traffic(&[("a", 100), ("b", 0)]), RootKind::Traffic).await;
    let (workspace, second) = fixture.reach(&fixture.traffic(&[("a", 75), ("b", 25)]), RootKind::Traffic).await;
    assert_eq!(second.changes, Changes { add: 0, change: 1, remove: 0 });
    assert_eq!(second.outputs["applied_weights"], json!({"a": 75, "b": 25}));
    assert_eq!(second.outputs["applied_epoch"], EPOCH);
    assert_eq!(second.state.lineage, first.state.lineage);
    let backup = workspace.folder().join(format!(".shadow/states/{:020}.tfstate", first.state.serial));
    assert!(std::fs::read_to_string(backup).unwrap().contains(&first.state.lineage.unwrap()));
}

#[tokio::test]
async fn generated_files_are_formatted_as_terraform_formats() {
    let fixture = Fixture::new();
    let mut desired = fixture.capacity(&["b"], &json!({}));
    desired.capacity.module.version = Some("~> 1.0".to_owned());
    for root in [RootKind::Capacity, RootKind::Traffic] {
        let workspace = fixture.workspace(root);
        workspace.write(&crate::fixture::rendered(&desired, root).0).unwrap();
        let checked =
            Command::new("terraform").args(["fmt", "-check", "-diff"]).current_dir(workspace.folder()).output();
        let checked = checked.unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}

#[tokio::test]
async fn removing_a_slot_is_refused_until_it_is_decommissioned_and_idle() {
    let fixture = Fixture::new();
    fixture.reach(&fixture.capacity(&["b", "c"], &json!({})), RootKind::Capacity).await;
    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let planned = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap();
    let slot = SlotId::new("c").unwrap();

    let mut facts = facts(RootKind::Capacity, &planned);
    assert!(matches!(review(&planned.plan, &facts), Verdict::Refused(_)));
    facts.decommissioned.insert(slot.clone());
    facts.weights.as_mut().unwrap().insert(slot.clone(), 1);
    assert!(matches!(review(&planned.plan, &facts), Verdict::Refused(_)));
    facts.weights.as_mut().unwrap().insert(slot, 0);
    let Verdict::Approved(approved) = review(&planned.plan, &facts) else { panic!("it should be approved") };
    let applied = fixture.apply(&workspace, approved).await.unwrap();
    assert_eq!(applied.changes, Changes { add: 0, change: 0, remove: 1 });
    assert_eq!(applied.outputs["slots"]["c"], json!(null));
}

#[tokio::test]
async fn a_root_that_retires_is_emptied() {
    let fixture = Fixture::new();
    let (workspace, _) = fixture.reach(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let planned = fixture.terraform().plan(&workspace, EPOCH, Aim::Destroy).await.unwrap();
    let mut facts = facts(RootKind::Capacity, &planned);
    assert!(matches!(review(&planned.plan, &facts), Verdict::Refused(_)));
    facts.retiring = true;
    facts.decommissioned.insert(SlotId::new("b").unwrap());
    let Verdict::Approved(approved) = review(&planned.plan, &facts) else { panic!("it should be approved") };
    assert_eq!(fixture.apply(&workspace, approved).await.unwrap().changes.remove, 1);
}

#[tokio::test]
async fn a_resource_added_by_hand_to_a_root_is_refused() {
    let fixture = Fixture::new();
    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    std::fs::write(workspace.folder().join("mine.tf"), "resource \"terraform_data\" \"mine\" {}\n").unwrap();
    let planned = fixture.terraform().plan(&workspace, EPOCH, Aim::Reach).await.unwrap();
    let Verdict::Refused(notes) = review(&planned.plan, &facts(RootKind::Capacity, &planned)) else {
        panic!("it should be refused")
    };
    let addresses: Vec<_> = notes.iter().filter(|note| note.severity == Severity::Error).map(|n| &n.address).collect();
    assert_eq!(addresses, [&Some("terraform_data.mine".to_owned())]);
}

#[tokio::test]
async fn an_approved_plan_is_void_once_a_human_applied() {
    let fixture = Fixture::new();
    fixture.reach(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let workspace = fixture.prepare(&fixture.capacity(&["b", "c"], &json!({})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    assert!(Started::apply_by_hand(&workspace).0.wait().unwrap().success());
    let error = fixture.apply(&workspace, approved).await.unwrap_err();
    assert!(matches!(error, TerraformError::Stale(Stale::State { .. })), "{error:?}");
}

#[tokio::test]
async fn an_approved_plan_is_void_in_another_epoch_or_with_other_files() {
    let fixture = Fixture::new();
    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let terraform = fixture.terraform();

    let approved = fixture.approved(&workspace).await;
    let error = terraform.apply(&workspace, approved, EPOCH + 1, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, TerraformError::Stale(Stale::Epoch { .. })), "{error:?}");

    let approved = fixture.approved(&workspace).await;
    std::fs::write(workspace.folder().join(VARIABLES_FILE), "{}").unwrap();
    let error = fixture.apply(&workspace, approved).await.unwrap_err();
    assert!(matches!(error, TerraformError::Stale(Stale::Rendering)), "{error:?}");

    let workspace = fixture.prepare(&fixture.capacity(&["b"], &json!({})), RootKind::Capacity).await;
    let approved = fixture.approved(&workspace).await;
    std::fs::write(workspace.folder().join(".shadow/plan"), "another plan").unwrap();
    let error = fixture.apply(&workspace, approved).await.unwrap_err();
    assert!(matches!(error, TerraformError::Stale(Stale::PlanFile)), "{error:?}");
    assert_eq!(workspace.state_identity().unwrap().lineage, None, "nothing was applied");
}
