//! What a configuration may do: many resources, several providers, values that are not known yet, tests.

use crate::root::Root;

#[test]
fn more_than_a_hundred_are_made_settle_and_go() {
    let root = Root::new(
        "resource \"trial_thing\" \"all\" {\n  for_each = toset([for i in range(120) : \"n${i}\"])\n  \
         name = each.key\n  size = 7\n}\n",
    );
    assert!(root.apply().contains("120 added"));
    root.is_settled();
    assert!(root.succeeds(&["destroy", "-auto-approve"]).contains("120 destroyed"));
}

#[test]
fn a_value_that_is_not_known_yet_flows_from_one_to_the_next() {
    let root = Root::new(
        "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n}\nresource \"trial_thing\" \"b\" {\n  \
         name = \"b-${trial_thing.a.id}\"\n  note = trial_thing.a.id\n  size = trial_thing.a.revision\n}\n\
         output \"note\" {\n  value = trial_thing.b.note\n}\n",
    );
    assert!(root.plan().text.contains("note = (known after apply)"));
    assert!(root.apply().contains(r#"note = "id-a""#));
    assert!(root.thing("b-id-a").exists());
    root.is_settled();
}

#[test]
fn one_provider_twice_and_another_beside_it() {
    let root = Root::new(
        "provider \"trial\" {\n  alias = \"other\"\n  folder = \"others\"\n}\nresource \"trial_thing\" \"a\" {\n  \
         name = \"a\"\n}\nresource \"trial_thing\" \"b\" {\n  provider = trial.other\n  name = \"b\"\n}\n\
         resource \"notes_note\" \"n\" {\n  title = \"n\"\n  text = trial_thing.b.id\n}\n",
    );
    root.apply();
    assert!(root.thing("a").exists() && root.path("others/b.json").exists());
    assert_eq!(std::fs::read_to_string(root.path("notes/n.txt")).unwrap(), "id-b");
    root.is_settled();
}

#[test]
fn a_provider_that_is_configured_by_a_resource_waits_for_it() {
    let root = Root::new("");
    let head = "terraform {\n  required_providers {\n    trial = { source = \"tests/trial\" }\n  }\n}\n";
    root.write_whole(&format!(
        "{head}resource \"terraform_data\" \"folder\" {{\n  input = \"things\"\n}}\nprovider \"trial\" {{\n  \
         folder = terraform_data.folder.output\n}}\nresource \"trial_thing\" \"a\" {{\n  name = \"a\"\n}}\n"
    ));
    root.apply();
    assert!(root.thing("a").exists());
    root.is_settled();
}

#[test]
fn terraform_test_runs_with_mocks_and_without() {
    let root = Root::new(
        "resource \"trial_thing\" \"a\" {\n  name = \"a\"\n}\noutput \"id\" {\n  value = trial_thing.a.id\n}\n",
    );
    std::fs::create_dir(root.path("tests")).unwrap();
    let mocked = "mock_provider \"trial\" {\n  mock_resource \"trial_thing\" {\n    defaults = { id = \"mocked\" }\n  \
                  }\n}\nrun \"mocked\" {\n  assert {\n    condition     = output.id == \"mocked\"\n    \
                  error_message = \"the mock is not used\"\n  }\n}\n";
    let real = "run \"real\" {\n  assert {\n    condition     = output.id == \"id-a\"\n    error_message = \"wrong \
                id\"\n  }\n}\n";
    std::fs::write(root.path("tests/mocked.tftest.hcl"), mocked).unwrap();
    std::fs::write(root.path("tests/real.tftest.hcl"), real).unwrap();
    assert!(root.succeeds(&["test"]).contains("2 passed, 0 failed"));
    assert!(!root.thing("a").exists(), "a test destroys what it made");
}
