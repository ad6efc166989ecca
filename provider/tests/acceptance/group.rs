//! `shadow_group` at a real reconciler: its references, its members, its placement.

use crate::reconciler::Reconciler;
use crate::terraform::Root;

const POLICY: &str = "resource \"shadow_policy\" \"default\" {\n  name = \"default\"\n}\n";

fn group(modules: &str, policy: &str) -> String {
    format!(
        r#"
resource "shadow_group" "checkout" {{
  name    = "checkout"
  policy  = {policy}
  primary = {{ instance_id = "i-1", address = "127.0.0.1", port = 1, zone = "eu-1a" }}
  members = {{ b = {{ instance_id = "i-2", address = "127.0.0.1", port = 2, zone = "eu-1b" }} }}
  signals = {{ latency = {{ query = "probe_seconds{{instance=\"$instance\"}}", limit = 0.5, unit = "seconds" }} }}
  instance = {{ source = "{modules}/instance" }}
  traffic  = {{ source = "{modules}/traffic" }}
  size     = {{ cpu_cores = 4 }}
  sinks    = {{ handover = ["https://hooks.example.com/x"] }}
  timeouts = {{ delete = "30m" }}
  placement_profile = {{
    shadow_count = 2
    candidates = {{
      home = {{ zone = "eu-1b" }}
      good = {{ zone = "eu-1c", hourly_cost = 0.5, capacity = {{ cpu_cores = 4 }} }}
      tiny = {{ zone = "eu-1d", capacity = {{ cpu_cores = 1 }} }}
    }}
  }}
}}
"#
    )
}

#[test]
fn a_group_is_declared_and_its_places_are_explained() {
    let reconciler = Reconciler::start();
    let placement = r#"
data "shadow_placement" "checkout" {
  group = shadow_group.checkout.name
}

output "chosen" {
  value = data.shadow_placement.checkout.chosen[*].candidate
}

output "rejected" {
  value = data.shadow_placement.checkout.rejected
}
"#;
    let group = group(&reconciler.modules(), "shadow_policy.default.name");
    let root = Root::new(&[&reconciler.provider(), POLICY, &group, placement].concat());
    let applied = root.apply().text;
    assert!(applied.contains(r#"chosen = tolist([ "good", ])"#), "{applied}");
    assert!(applied.contains("zone eu-1b serves already"), "{applied}");
    assert!(applied.contains("cpu_cores: 4 wanted, 1 free"), "{applied}");
    root.is_settled();
    root.destroy();
}

#[test]
fn a_policy_that_nobody_makes_is_missed_while_planning() {
    let reconciler = Reconciler::start();
    let root = Root::new(&[reconciler.provider(), group(&reconciler.modules(), "\"default\"")].concat());
    let plan = root.plan();
    assert!(plan.code == 1 && plan.text.contains("policy: there is no policy \"default\""), "{}", plan.text);
    assert!(plan.text.contains("policy = \"default\""), "the line is shown: {}", plan.text);

    let calendars = "calendars = [\"sales\"]\n  policy  = shadow_policy.default.name";
    let group = group(&reconciler.modules(), "\"\"").replace("policy  = \"\"", calendars);
    root.write(&[reconciler.provider().as_str(), POLICY, &group].concat());
    let plan = root.plan();
    assert!(plan.code == 1 && plan.text.contains("calendars[0]: there is no calendar \"sales\""), "{}", plan.text);
    assert!(!plan.text.contains("there is no policy"), "this plan makes it: {}", plan.text);

    let calendar = "resource \"shadow_calendar\" \"sales\" {\n  name = \"sales\"\n  events = { a = { dates = [\"2026-11-27\"], factor = 3 } }\n}\n";
    let group = group.replace("[\"sales\"]", "[shadow_calendar.sales.name]");
    root.write(&[reconciler.provider().as_str(), POLICY, calendar, &group].concat());
    root.apply();
    root.is_settled();
    root.destroy();
}

#[test]
fn a_query_that_is_no_query_is_refused() {
    let group = group("/m", "\"default\"").replace("probe_seconds{", "rate(probe_seconds{");
    let root = Root::new(&["provider \"shadow\" {\n  directory = \"d\"\n}\n", &group].concat());
    let run = root.run(&["validate"]);
    assert!(run.code == 1 && run.text.contains("is not PromQL"), "{}", run.text);
    assert!(run.text.contains("signals[\"latency\"].query"), "{}", run.text);
}
