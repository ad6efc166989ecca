//! What Terraform's own language does with declarations: lifecycle rules, many of them, imports, moves,
//! several configurations, tests with mocks.

use crate::terraform::{BINARY, Root, json};

const PROVIDER: &str = "provider \"shadow\" {\n  directory = \"declared\"\n}\n";

fn root(configuration: &str) -> Root {
    Root::new(&[PROVIDER, configuration].concat())
}

fn write(root: &Root, configuration: &str) {
    root.write(&[PROVIDER, configuration].concat());
}

const POLICY: &str = "resource \"shadow_policy\" \"p\" {\n  name = \"p\"\n  mode = \"observe\"\n}\n";

#[test]
fn what_is_to_be_ignored_is_ignored() {
    let ignoring = POLICY.replace("\"observe\"\n", "\"observe\"\n  lifecycle {\n    ignore_changes = [mode]\n  }\n");
    let root = root(&ignoring);
    root.apply();
    write(&root, &ignoring.replace("\"observe\"", "\"full\""));
    root.is_settled();
    assert_eq!(json(&root.path("declared/policies/p.json"))["mode"], "observe");
}

#[test]
fn the_new_one_is_made_before_the_old_one_goes() {
    let careful =
        POLICY.replace("\"observe\"\n", "\"observe\"\n  lifecycle {\n    create_before_destroy = true\n  }\n");
    let root = root(&careful);
    root.apply();
    write(&root, &careful.replace("name = \"p\"", "name = \"q\""));
    let text = root.apply().text;
    assert!(text.find("Creation complete") < text.find("Destroying..."), "{text}");
    assert!(root.path("declared/policies/q.json").exists() && !root.path("declared/policies/p.json").exists());
    root.is_settled();
}

#[test]
fn more_than_a_hundred_are_declared_settle_and_go() {
    let root = root(
        "resource \"shadow_policy\" \"all\" {\n  for_each = toset([for i in range(120) : \"p-${i}\"])\n  \
         name = each.key\n}\n",
    );
    assert!(root.apply().text.contains("120 added"));
    root.is_settled();
    root.destroy();
    assert_eq!(std::fs::read_dir(root.path("declared/policies")).unwrap().count(), 0);
}

#[test]
fn what_is_declared_is_imported_by_a_block_and_moved() {
    let root = root(POLICY);
    root.apply();
    std::fs::remove_file(root.path("terraform.tfstate")).unwrap();
    write(&root, &format!("{POLICY}import {{\n  to = shadow_policy.p\n  id = \"p\"\n}}\n"));
    assert!(root.apply().text.contains("1 imported, 0 added, 0 changed, 0 destroyed"));
    let moved = POLICY.replace("\"shadow_policy\" \"p\"", "\"shadow_policy\" \"moved\"");
    write(&root, &format!("{moved}moved {{\n  from = shadow_policy.p\n  to = shadow_policy.moved\n}}\n"));
    assert!(root.apply().text.contains("0 added, 0 changed, 0 destroyed"));
    root.is_settled();
}

#[test]
fn the_provider_twice_is_two_places() {
    let root = root(&format!(
        "{POLICY}provider \"shadow\" {{\n  alias = \"other\"\n  directory = \"elsewhere\"\n}}\n\
         resource \"shadow_policy\" \"q\" {{\n  provider = shadow.other\n  name = \"q\"\n}}\n"
    ));
    root.apply();
    assert!(root.path("declared/policies/p.json").exists() && root.path("elsewhere/policies/q.json").exists());
    root.is_settled();
}

/// Something else's value, unknown while planning, is part of ours; and ours of something else's.
#[test]
fn another_provider_beside_it_gives_and_takes_what_is_not_known_yet() {
    let root = root(POLICY);
    let stand_in = std::path::Path::new(BINARY).with_file_name("terraform-provider-stand-in");
    assert!(stand_in.exists(), "{} is missing: cargo build --workspace --bins", stand_in.display());
    root.install_program("hashicorp/null", &stand_in);
    write(
        &root,
        "resource \"null_resource\" \"before\" {}\n\
         resource \"shadow_policy\" \"p\" {\n  name = \"p-${null_resource.before.id}\"\n}\n\
         resource \"null_resource\" \"after\" {\n  triggers = { policy = shadow_policy.p.id }\n}\n",
    );
    let init = root.run(&["init", "-input=false"]);
    assert_eq!(init.code, 0, "{}", init.text);
    assert!(root.plan().text.contains("name = (known after apply)"));
    root.apply();
    assert!(root.path("declared/policies/p-1.json").exists());
    assert!(root.run(&["state", "show", "null_resource.after"]).text.contains(r#""policy" = "p-1""#));
    root.is_settled();
    root.destroy();
}

#[test]
fn terraform_test_runs_with_mocks() {
    let root = root(&format!("{POLICY}output \"id\" {{\n  value = shadow_policy.p.id\n}}\n"));
    let test = "mock_provider \"shadow\" {\n  mock_resource \"shadow_policy\" {\n    defaults = { id = \"mocked\" }\n  \
                }\n}\nrun \"mocked\" {\n  assert {\n    condition     = output.id == \"mocked\"\n    error_message = \
                \"the mock is not used\"\n  }\n}\n";
    std::fs::create_dir(root.path("tests")).unwrap();
    std::fs::write(root.path("tests/mocked.tftest.hcl"), test).unwrap();
    let run = root.run(&["test"]);
    assert!(run.code == 0 && run.text.contains("1 passed, 0 failed"), "{}", run.text);
    assert!(!root.path("declared").exists());
}
