//! Policies and groups in directory mode, through the real terraform.

use crate::terraform::{Root, json};
use serde_json::json;

const PROVIDER: &str = "provider \"shadow\" {\n  directory = \"declared\"\n}\n";

const POLICY: &str = r#"
resource "shadow_policy" "default" {
  name                = "default"
  shadowing_threshold = 0.4
  cost_ceiling        = 12.1
  shift               = { steps = [1, 10, 50] }
}
"#;

const GROUP: &str = r#"
variable "words" {
  type    = list(string)
  default = ["a", "b"]
}

resource "shadow_group" "checkout" {
  name    = "checkout"
  policy  = shadow_policy.default.name
  primary = { instance_id = "i-1", address = "10.0.0.1", port = 8080, zone = "eu-1a" }
  signals = {
    latency = { query = "probe_seconds{instance=\"$instance\"}", limit = 0.25, unit = "seconds" }
  }
  instance = { source = "/modules/instance", params = { words = var.words, nested = { none = null, share = 0.1 } } }
  traffic  = { source = "/modules/traffic" }
  size     = { cpu_cores = 2 }
}
"#;

fn both() -> String {
    [PROVIDER, POLICY, GROUP].concat()
}

#[test]
fn declarations_live_from_apply_to_destroy() {
    let root = Root::new(&both());
    let (policy, group) = (root.path("declared/policies/default.json"), root.path("declared/groups/checkout.json"));
    root.apply();
    root.is_settled();
    assert_eq!(json(&policy)["shadowing_threshold"], json!(0.4));
    assert_eq!(json(&policy)["critical_threshold"], json!(0.8), "a default is written too");
    assert_eq!(
        json(&policy)["shift"],
        json!({"steps": [1, 10, 50], "step_duration": "2m", "passes": 2, "split_writes": false, "judge": null})
    );
    assert_eq!(json(&group)["signals"]["latency"]["direction"], "above");
    let params = json!({"words": ["a", "b"], "nested": {"none": null, "share": 0.1}});
    assert_eq!(json(&group)["instance"]["params"], params);

    root.write(&both().replace("0.4", "0.45").replace("limit = 0.25", "limit = 0.5"));
    let changed = root.apply();
    assert!(changed.text.contains("0 added, 2 changed, 0 destroyed"), "{}", changed.text);
    root.is_settled();
    assert_eq!(json(&policy)["shadowing_threshold"], json!(0.45));

    root.write(&both().replace("\"checkout\"\n  policy", "\"renamed\"\n  policy"));
    let renamed = root.plan();
    assert!(renamed.text.contains("forces replacement") && renamed.code == 2, "{}", renamed.text);
    root.apply();
    assert!(!group.exists() && root.path("declared/groups/renamed.json").exists());
    root.is_settled();

    root.destroy();
    assert!(!policy.exists());
}

#[test]
fn what_others_change_shows_and_is_mended() {
    let root = Root::new(&both());
    let (policy, group) = (root.path("declared/policies/default.json"), root.path("declared/groups/checkout.json"));
    root.apply();
    let mut edited = json(&policy);
    edited["mode"] = json!("full");
    std::fs::write(&policy, edited.to_string()).unwrap();
    std::fs::remove_file(&group).unwrap();
    let plan = root.plan();
    assert_eq!(plan.code, 2);
    assert!(plan.text.contains(r#"~ mode = "full" -> "observe""#), "{}", plan.text);
    assert!(plan.text.contains("1 to add, 1 to change, 0 to destroy"), "{}", plan.text);
    root.apply();
    root.is_settled();
    assert_eq!(json(&policy)["mode"], "observe");

    std::fs::write(&policy, "{").unwrap();
    let told = root.plan().text;
    assert!(told.contains("policies/default.json") && told.contains("Mend or delete the file"), "{told}");
}

#[test]
fn what_exists_is_imported_and_not_overwritten() {
    let root = Root::new(&both());
    root.apply();
    std::fs::remove_file(root.path("terraform.tfstate")).unwrap();

    // An equal declaration counts as made by an apply that was broken off.
    root.apply();
    std::fs::remove_file(root.path("terraform.tfstate")).unwrap();

    root.write(&both().replace("0.4", "0.3"));
    let told = root.apply_fails();
    assert!(told.contains("It exists already, and is different") && told.contains("terraform import"), "{told}");

    let import = root.run(&["import", "shadow_policy.default", "default"]);
    assert_eq!(import.code, 0, "{}", import.text);
    let import = root.run(&["import", "shadow_group.checkout", "checkout"]);
    assert_eq!(import.code, 0, "{}", import.text);
    root.apply();
    root.is_settled();

    assert_eq!(root.run(&["state", "rm", "shadow_policy.default"]).code, 0);
    let missing = root.run(&["import", "shadow_policy.default", "other"]);
    assert!(missing.code == 1 && missing.text.contains("No such policy"), "{}", missing.text);
    let escape = root.run(&["import", "shadow_policy.default", "../groups/checkout"]);
    assert!(escape.code == 1 && escape.text.contains("Invalid import id"), "{}", escape.text);
}

#[test]
fn bad_input_is_refused_at_its_attribute() {
    let root = Root::new(PROVIDER);
    let told = |configuration: &str| {
        root.write(&[PROVIDER, configuration].concat());
        let run = root.run(&["validate"]);
        assert_eq!(run.code, 1, "{}", run.text);
        run.text
    };
    let policy = |body: &str| told(&format!("resource \"shadow_policy\" \"p\" {{\n  name = \"p\"\n  {body}\n}}\n"));
    let text = policy("critical_threshold = 0.3");
    assert!(text.contains("critical_threshold: 0.3 is not above shadowing_threshold = 0.5"), "{text}");
    assert!(text.contains("on main.tf line") && text.contains("critical_threshold = 0.3"), "{text}");
    let text = policy("shift = { steps = [50, 25] }");
    assert!(text.contains("shift.steps[1]: the steps do not rise"), "{text}");
    let text = policy("ready_probes = 2.5");
    assert!(text.contains("ready_probes = 2.5: choose a whole number from 1 to 100"), "{text}");
    let text = policy("mode = \"fast\"");
    assert!(text.contains("use one of observe, advise, provision, full"), "{text}");
    let text = policy("horizons = [\"1h\", null]");
    assert!(text.contains("horizons[1] is null"), "{text}");
    let text = told(&[POLICY, &GROUP.replace("\"seconds\"", "\"bytes\"")].concat());
    assert!(text.contains("the metric's name says seconds, the unit says bytes"), "{text}");
}

#[test]
fn nothing_is_refused_for_being_unknown() {
    let unknown = r#"
resource "terraform_data" "later" {
  input = { threshold = 0.2, address = "10.0.0.9", name = "later" }
}
"#;
    let policy = POLICY
        .replace("0.4", "terraform_data.later.output.threshold + 0.1")
        .replace("cost_ceiling", "critical_threshold = 0.45\n  clear_threshold = 0.25\n  cost_ceiling");
    let group = GROUP
        .replace("\"10.0.0.1\"", "terraform_data.later.output.address")
        .replace("\"checkout\"\n  policy", "terraform_data.later.output.name\n  policy");
    let root = Root::new(&[PROVIDER, unknown, &policy, &group].concat());
    root.apply();
    root.is_settled();
    assert_eq!(json(&root.path("declared/groups/later.json"))["primary"]["address"], "10.0.0.9");
}

#[test]
fn where_declarations_go_must_be_said_once() {
    let root = Root::new(POLICY);
    let told = root.apply_fails();
    assert!(told.contains("No place for declarations") && told.contains("SHADOW_ENDPOINT"), "{told}");
    root.write(
        &["provider \"shadow\" {\n  directory = \"d\"\n  endpoint = \"http://127.0.0.1:1\"\n}\n", POLICY].concat(),
    );
    let told = root.run(&["validate"]).text;
    assert!(told.contains("endpoint and directory exclude each other"), "{told}");
    root.write(POLICY);
    let root = root.with_variable("SHADOW_DIRECTORY", "from-environment");
    root.apply();
    assert!(root.path("from-environment/policies/default.json").exists());
}
