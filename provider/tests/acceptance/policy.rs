//! `shadow_policy` with every attribute, at a real reconciler.

use crate::reconciler::Reconciler;
use crate::terraform::{Root, json as document};
use serde_json::json;

const DIRECTORY: &str = "provider \"shadow\" {\n  directory = \"d\"\n}\n";

const FULL: &str = r#"
resource "shadow_policy" "full" {
  name                = "full"
  confidence          = 0.8
  adaptive_thresholds = { shadowing = { min = 0.3, max = 0.6 }, critical = { min = 0.7, max = 0.95 } }
  sizing              = { grow_above = 1.3, interval = "2m", min = { memory_gib = 1 }, max = { memory_gib = 8 } }
  failover_criteria   = ["cpu > 90 % for 5m", "error_rate > 5 %"]
  max_downtime        = "5m"
  synchronization     = { method = "custom:rsync", mode = "synchronous" }
  mirror              = { classes = { api = { path_prefix = "/api/", methods = ["GET"] } } }
  shift               = { steps = [10, 50], judge = { latency_ratio_max = 1.5 } }
  after_handover      = "rebuild"
  failback            = "window"
  failback_window     = { cron = "0 3 * * SUN", duration = "2h", time_zone = "Europe/Berlin" }
}
"#;

#[test]
fn every_attribute_is_kept_changed_and_imported() {
    let reconciler = Reconciler::start();
    let root = Root::new(&[reconciler.provider().as_str(), FULL].concat());
    root.apply();
    root.is_settled();
    let (_, stored) = reconciler.send("GET", "/v1/policies/full", &json!(null));
    assert_eq!(stored["spec"]["sizing"]["grow_by"], json!(1.5), "a default is written too: {stored}");
    assert_eq!(stored["spec"]["failover_criteria"][1], "error_rate > 5 %");

    root.write(&[reconciler.provider().as_str(), &FULL.replace("0.8", "0.85")].concat());
    let changed = root.apply();
    assert!(changed.text.contains("0 added, 1 changed, 0 destroyed"), "{}", changed.text);
    root.is_settled();

    assert_eq!(root.run(&["state", "rm", "shadow_policy.full"]).code, 0);
    let import = root.run(&["import", "shadow_policy.full", "full"]);
    assert_eq!(import.code, 0, "{}", import.text);
    root.is_settled();
    root.destroy();
    assert_eq!(reconciler.send("GET", "/v1/policies/full", &json!(null)).0, 404);
}

/// A configuration of one policy in a directory.
fn sparse(body: &str) -> String {
    format!("{DIRECTORY}resource \"shadow_policy\" \"p\" {{\n  name = \"p\"\n  {body}\n}}\n")
}

#[test]
fn what_is_left_out_is_null_in_the_state_whatever_the_document_has() {
    let root = Root::new(&sparse("shift = { passes = 4 }"));
    let state = || document(&root.path("terraform.tfstate"))["resources"][0]["instances"][0]["attributes"].clone();
    root.apply();
    root.is_settled();
    assert_eq!((&state()["cooldown"], &state()["shift"]["steps"]), (&json!(null), &json!(null)));
    assert_eq!(document(&root.path("d/policies/p.json"))["cooldown"], "1h");

    // Given up, it goes back to its default.
    root.write(&sparse("cooldown = \"2h\""));
    root.apply();
    root.is_settled();
    root.write(&sparse(""));
    let plan = root.plan();
    assert!(plan.text.contains(r#"~ cooldown = "2h" -> "1h""#), "{}", plan.text);
    root.apply();
    root.is_settled();
    assert_eq!(document(&root.path("d/policies/p.json"))["shift"]["passes"], 2);
}

#[test]
fn of_an_object_that_others_changed_the_changed_part_shows() {
    let root = Root::new(&sparse(""));
    root.apply();
    let path = root.path("d/policies/p.json");
    let mut edited = document(&path);
    edited["shift"]["passes"] = json!(7);
    std::fs::write(&path, edited.to_string()).unwrap();
    let plan = root.plan();
    assert!(plan.code == 2 && plan.text.contains("7 -> 2"), "{}", plan.text);
    assert!(!plan.text.contains("step_duration"), "{}", plan.text);
    root.apply();
    root.is_settled();
    assert_eq!(document(&path)["shift"]["passes"], 2);
}

#[test]
fn an_imported_default_is_quiet_whether_it_is_given_or_not() {
    let root = Root::new(&sparse(""));
    root.apply();
    assert_eq!(root.run(&["state", "rm", "shadow_policy.p"]).code, 0);
    let import = root.run(&["import", "shadow_policy.p", "p"]);
    assert_eq!(import.code, 0, "{}", import.text);
    root.is_settled();
    root.write(&sparse("cooldown = \"1h\"\n  shift = { passes = 2 }"));
    root.is_settled();
}

#[test]
fn one_run_tells_every_problem_at_its_attribute() {
    let policy = r#"
resource "terraform_data" "later" {
  input = 0.3
}

resource "shadow_policy" "wrong" {
  name                = "wrong"
  mode                = "fast"
  interval            = "soon"
  critical_threshold  = 0.4
  failover_priority   = 1.5
  failover_criteria   = ["cpu > 90 %", "cpu is high"]
  max_downtime        = "1s"
  synchronization     = { method = "magic" }
  shift               = { steps = [50, 25] }
  clear_threshold     = terraform_data.later.output
  failback_window     = { cron = "0 25 * * *", duration = "2h" }
}
"#;
    let root = Root::new(&[DIRECTORY, policy].concat());
    let run = root.run(&["plan"]);
    assert_eq!(run.code, 1);
    for told in [
        "\"fast\"",
        "interval: \"soon\" is not a duration",
        "critical_threshold: 0.4 is not above shadowing_threshold = 0.5",
        "failover_priority:",
        "failover_criteria[1]: \"cpu is high\"",
        "synchronization.method: \"magic\" is not a known method",
        "shift.steps[1]: the steps do not rise",
        "failback_window.cron: \"0 25 * * *\" is not a crontab schedule",
        "max_downtime: a hand-over may take 30s",
    ] {
        assert!(run.text.contains(told), "{told:?} is not in {}", run.text);
    }
    assert!(!run.text.contains("clear_threshold:"), "it is not known yet: {}", run.text);
}
