//! What changes how, and what is kept when something fails.

use crate::root::{Root, json};
use serde_json::json;

#[test]
fn an_update_is_in_place_and_a_new_name_is_a_new_thing() {
    let root = Root::new(r#"resource "trial_thing" "a" { name = "a" }"#);
    root.apply();
    root.is_settled();
    root.write("resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  note = \"changed\"\n}");
    assert!(root.apply().contains("0 added, 1 changed, 0 destroyed"));
    root.is_settled();
    root.write("resource \"trial_thing\" \"a\" {\n  name = \"b\"\n}");
    let plan = root.plan();
    assert!(plan.code == 2 && plan.text.contains("forces replacement"), "{}", plan.text);
    assert!(root.apply().contains("1 added, 0 changed, 1 destroyed"));
    assert!(!root.thing("a").exists() && root.thing("b").exists());
    root.is_settled();
    root.succeeds(&["destroy", "-auto-approve"]);
    assert!(!root.thing("b").exists());
}

#[test]
fn what_is_to_be_ignored_is_ignored() {
    let configuration = "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  note = \"first\"\n  lifecycle {\n    \
                         ignore_changes = [note]\n  }\n}";
    let root = Root::new(configuration);
    root.apply();
    root.write(&configuration.replace("first", "second"));
    root.is_settled();
    std::fs::write(root.thing("a"), r#"{"note": "drifted"}"#).unwrap();
    root.is_settled();
}

#[test]
fn the_new_one_is_made_before_the_old_one_goes() {
    let configuration =
        "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  lifecycle {\n    create_before_destroy = true\n  }\n}";
    let root = Root::new(configuration);
    root.apply();
    root.write(&configuration.replace("name = \"a\"", "name = \"b\""));
    let text = root.apply();
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is missing: {text}"));
    assert!(place("Creation complete") < place("Destroying..."), "{text}");
    root.is_settled();
}

#[test]
fn what_drifted_shows_and_is_mended() {
    let root = Root::new("resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  note = \"declared\"\n}");
    root.apply();
    std::fs::write(root.thing("a"), r#"{"note": "drifted"}"#).unwrap();
    let plan = root.plan();
    assert!(plan.text.contains(r#"~ note = "drifted" -> "declared""#), "{}", plan.text);
    root.apply();
    assert_eq!(json(&root.thing("a"))["note"], "declared");
    std::fs::remove_file(root.thing("a")).unwrap();
    assert!(root.plan().text.contains("1 to add, 0 to change, 0 to destroy"));
    root.apply();
    root.is_settled();
}

#[test]
fn a_failure_halfway_keeps_what_exists_and_makes_it_anew() {
    let broken = "resource \"trial_thing\" \"good\" {\n  name = \"good\"\n}\nresource \"trial_thing\" \"bad\" {\n  \
                  name = \"bad\"\n  behaviour = \"fail\"\n  depends_on = [trial_thing.good]\n}";
    let root = Root::new(broken);
    let told = root.apply_fails();
    assert!(told.contains("Failed on demand") && told.contains("Ask for something else."), "{told}");
    let bad = root.instance("bad");
    assert_eq!((&bad["status"], &bad["attributes"]["id"]), (&json!("tainted"), &json!("id-bad")));
    assert_eq!(root.instance("good")["attributes"]["id"], "id-good");
    root.write(&broken.replace("  behaviour = \"fail\"\n", ""));
    assert!(root.plan().text.contains("is tainted, so must be replaced"));
    assert!(root.apply().contains("1 added, 0 changed, 1 destroyed"));
    root.is_settled();
}

#[test]
fn a_panic_is_told_and_the_rest_is_applied() {
    let root = Root::new(
        "resource \"trial_thing\" \"bad\" {\n  name = \"bad\"\n  behaviour = \"panic\"\n}\n\
         resource \"trial_thing\" \"good\" {\n  name = \"good\"\n}",
    );
    let told = root.apply_fails();
    assert!(told.contains("The provider has a bug") && told.contains("report this"), "{told}");
    assert_eq!(root.instance("good")["attributes"]["id"], "id-good");
}

#[test]
fn a_timeout_ends_a_creation_that_is_remembered() {
    let root = Root::new(
        "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  behaviour = \"slow\"\n  \
         timeouts = { create = \"200ms\" }\n}",
    );
    let told = root.apply_fails();
    assert!(told.contains("Out of time") && told.contains("raise the time in timeouts"), "{told}");
    assert_eq!(root.instance("a")["status"], "tainted");
}
