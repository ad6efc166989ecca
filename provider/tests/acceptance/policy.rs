//! `shadow_policy` with every attribute, at a real reconciler.

use crate::reconciler::Reconciler;
use crate::terraform::Root;
use serde_json::json;

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
    let root = Root::new(&["provider \"shadow\" {\n  directory = \"d\"\n}\n", policy].concat());
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
