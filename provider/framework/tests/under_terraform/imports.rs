//! Importing, moving, and states of older versions.

use crate::root::{Root, json};
use serde_json::json;

const THING: &str = "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  note = \"kept\"\n}\n";

fn root_with_thing(configuration: &str) -> Root {
    let root = Root::new(configuration);
    std::fs::create_dir(root.path("things")).unwrap();
    std::fs::write(root.thing("a"), r#"{"note": "kept"}"#).unwrap();
    root
}

#[test]
fn what_exists_is_imported_by_a_command() {
    let root = root_with_thing(THING);
    let refused = root.run(&["import", "trial_thing.a", "absent"]);
    assert!(refused.code == 1 && refused.text.contains("There is no such thing"), "{}", refused.text);
    root.succeeds(&["import", "trial_thing.a", "a"]);
    root.is_settled();
}

#[test]
fn what_exists_is_imported_by_a_block() {
    let root = root_with_thing(&format!("{THING}import {{\n  to = trial_thing.a\n  id = \"a\"\n}}\n"));
    assert!(root.apply().contains("1 imported, 0 added, 0 changed, 0 destroyed"));
    root.is_settled();
}

#[test]
fn a_moved_resource_is_the_same_resource() {
    let root = Root::new(THING);
    root.apply();
    let moved = THING.replace("\"a\" {", "\"b\" {");
    root.write(&format!("{moved}moved {{\n  from = trial_thing.a\n  to = trial_thing.b\n}}\n"));
    assert!(root.apply().contains("0 added, 0 changed, 0 destroyed"));
    root.is_settled();
}

#[test]
fn a_resource_of_another_provider_is_moved_where_ours_can_take_it() {
    let root = root_with_thing("resource \"terraform_data\" \"a\" {\n  input = \"a\"\n}\n");
    root.apply();
    root.write(&format!("{THING}moved {{\n  from = terraform_data.a\n  to = trial_thing.a\n}}\n"));
    assert!(root.apply().contains("0 added, 0 changed, 0 destroyed"));
    assert_eq!(root.instance("a")["attributes"]["id"], "id-a");
    root.is_settled();
}

#[test]
fn a_state_of_version_0_is_upgraded_to_version_1() {
    let root = Root::new(THING);
    root.apply();
    let path = root.path("terraform.tfstate");
    let mut state = json(&path);
    let instance = &mut state["resources"][0]["instances"][0];
    assert_eq!(instance["schema_version"], 1);
    instance["schema_version"] = json!(0);
    let attributes = instance["attributes"].as_object_mut().unwrap();
    let note = attributes.remove("note").unwrap();
    attributes.insert("label".to_owned(), note);
    state["serial"] = json!(100);
    std::fs::write(&path, state.to_string()).unwrap();
    root.is_settled();
    root.succeeds(&["apply", "-refresh-only", "-auto-approve"]);
    assert_eq!(root.instance("a")["attributes"]["note"], "kept");
}
