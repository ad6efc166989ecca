//! `modules/service`: it passes on every attribute of the policy and of the group.

use crate::terraform::{Root, json};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the module itself decides, or has an input of its own for.
const POLICY_OWN: [&str; 1] = ["name"];
const GROUP_OWN: [&str; 5] = ["name", "policy", "instance", "traffic", "sync"];

const MODULE: &str = r#"
provider "shadow" {
  directory = "declared"
}

locals {
  given = jsondecode(file("given.json"))
}

resource "shadow_calendar" "sales" {
  name   = "sales"
  events = { friday = { dates = ["2026-11-27"], factor = 3 } }
}

module "shadow" {
  source     = "./modules/service"
  depends_on = [shadow_calendar.sales]

  name     = "checkout"
  primary  = local.given.group.primary
  signals  = local.given.group.signals
  instance = { command = ["checkout"] }
  traffic  = { listener_port = 80 }
  policy   = local.given.policy
  group    = local.given.group
}
"#;

fn size() -> Value {
    json!({"cpu_cores": 2, "memory_gib": 4, "iops": 100, "bandwidth_mbps": 50, "storage_gib": 20})
}

/// Something other than the default, everywhere.
fn policy() -> Value {
    json!({
        "mode": "provision", "interval": "30s", "step": "10m", "history": "14d", "horizons": ["2h", "12h"],
        "confidence": 0.8, "shadowing_threshold": 0.4, "critical_threshold": 0.7, "shadow_creation_threshold": 0.5,
        "clear_threshold": 0.1, "evaluations": {"required": 2, "window": 4},
        "adaptive_thresholds": {"shadowing": {"min": 0.3, "max": 0.5}, "critical": {"min": 0.6, "max": 0.9}},
        "sizing": {
            "grow_above": 1.3, "grow_by": 1.4, "shrink_below": 0.7, "shrink_by": 0.4, "interval": "90s", "clamp": false,
            "min": size(), "max": size(),
        },
        "failure": {"signals": 3, "evaluations": 3}, "failover_criteria": ["memory > 90 %"], "failover_priority": 5,
        "max_downtime": "30m", "ready_probes": 4, "warmup_task": {"command": ["true"], "timeout": "2m"},
        "synchronization": {
            "method": "log", "mode": "synchronous", "interval": "30s", "lag_seconds_max": 5, "lag_bytes_max": 1000,
            "allow_data_loss_bytes": 10,
        },
        "mirror": {
            "percent": 5, "duration": "2m", "methods": ["GET"],
            "classes": {"api": {"path_prefix": "/api/", "methods": ["GET"]}},
        },
        "shift": {
            "steps": [10, 50], "step_duration": "3m", "passes": 3, "split_writes": true,
            "judge": {
                "error_rate_increase_max": 0.02, "latency_ratio_max": 1.5, "requests_min": 50, "inconclusive": "fail",
            },
        },
        "switch_timeout": "20s", "watch": "20m", "hold_after_human": "1h", "hold_old": "45m", "max_shadow_age": "48h",
        "cooldown": "2h", "cost_ceiling": 12, "after_handover": "stop", "failback": "window",
        "failback_after": "1h", "time_zone": "Europe/Berlin",
        "failback_window": {"cron": "0 3 * * SUN", "duration": "2h", "time_zone": "Europe/Berlin"},
    })
}

fn group() -> Value {
    let place = json!({
        "zone": "z2", "region": "r", "host": "h", "instance_class": "c", "latency_ms": 3, "data_latency_ms": 4,
        "health": 0.9, "hourly_cost": 0.5, "licences": 7, "priority": 2, "capacity": size(),
    });
    let query = "requests_total{i=\"$instance\"}";
    json!({
        "primary": {"instance_id": "i-1", "address": "127.0.0.1", "port": 8080, "health_path": "/well", "zone": "z1"},
        "signals": {
            "disk": {
                "query": query, "limit": 9, "unit": "per_second", "direction": "above", "kind": "counter",
                "resource": "iops",
            },
            "requests": {"query": query, "limit": 9, "unit": "per_second", "direction": "below", "kind": "counter"},
        },
        "members": {"b": {"instance_id": "i-2", "address": "127.0.0.2", "port": 8081, "health_path": "/h", "zone": "z3"}},
        "calendars": ["sales"], "size": size(),
        "placement": {"region": "r", "zone": "z2", "host": "h", "instance_class": "c"},
        "placement_profile": {
            "shadow_count": 2, "replica_priority": 3, "spread": false, "sync_method": "log", "latency_ms_max": 20,
            "hourly_cost_max": 9, "candidates": {"home": place},
            "triggers": {"predictive": false, "cpu_percent": 80, "memory_percent": 70, "network_percent": 60},
        },
        "sinks": {"alert": ["http://127.0.0.1:9/alert"]},
        "timeouts": {"delete": "30m"},
    })
}

fn root() -> Root {
    let root = Root::new("provider \"shadow\" {\n  directory = \"declared\"\n}\n");
    let module = root.path("modules/service");
    std::fs::create_dir_all(&module).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../modules/service");
    for file in std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, module.join(file.file_name().unwrap())).unwrap();
    }
    root.write(MODULE);
    root
}

fn give(root: &Root, mut policy: Value, group: &Value) {
    if policy["synchronization"].is_object() {
        let queries = ["lag_seconds", "lag_bytes", "position"].map(|name| (name, format!("{name}{{i=\"$instance\"}}")));
        policy["synchronization"]["queries"] = queries.into_iter().collect();
    }
    std::fs::write(root.path("given.json"), json!({"policy": policy, "group": group}).to_string()).unwrap();
}

/// Attributes of a schema that users may give and `given` lacks.
fn lacking(attributes: &Map<String, Value>, given: &Value, path: &str) -> Vec<String> {
    let writable = |attribute: &Value| attribute["optional"] == true || attribute["required"] == true;
    let lacks = |(name, attribute): (&String, &Value)| {
        let path = format!("{path}.{name}");
        let Some(given) = given.get(name) else { return vec![path] };
        let Some(nested) = attribute["nested_type"]["attributes"].as_object() else { return Vec::new() };
        let is_map = attribute["nested_type"]["nesting_mode"] == "map";
        let given = if is_map { given.as_object().unwrap().values().next().unwrap() } else { given };
        lacking(nested, given, &path)
    };
    attributes.iter().filter(|(_, attribute)| writable(attribute)).flat_map(lacks).collect()
}

/// Whether everything in `part` is in `whole` as well.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| holds(whole, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (Value::Number(whole), Value::Number(part)) => whole.as_f64() == part.as_f64(),
        _ => whole == part,
    }
}

#[test]
fn it_passes_on_everything() {
    let root = root();
    give(&root, policy(), &group());
    let init = root.run(&["init", "-input=false"]);
    assert_eq!(init.code, 0, "{}", init.text);
    let schema: Value = serde_json::from_str(&root.run(&["providers", "schema", "-json"]).text).unwrap();
    let resources = &schema["provider_schemas"]["registry.terraform.io/shadow-failover/shadow"]["resource_schemas"];
    for (name, given, own) in [("shadow_policy", policy(), &POLICY_OWN[..]), ("shadow_group", group(), &GROUP_OWN[..])]
    {
        let mut attributes = resources[name]["block"]["attributes"].as_object().unwrap().clone();
        attributes.retain(|attribute, _| !own.contains(&attribute.as_str()));
        assert_eq!(lacking(&attributes, &given, name), Vec::<String>::new(), "they are not tested");
    }
    root.apply();
    root.is_settled();
    let declared = json(&root.path("declared/policies/checkout.json"));
    assert!(holds(&declared, &policy()), "{declared}");
    let declared = json(&root.path("declared/groups/checkout.json"));
    let mut group = group();
    let timeouts = group.as_object_mut().unwrap().remove("timeouts");
    assert!(holds(&declared, &group), "{declared}");
    assert_eq!((declared.get("timeouts"), timeouts.is_some()), (None, true), "only Terraform knows them");
    assert_eq!(declared["sync"]["position"], "position{i=\"$instance\"}");
}

#[test]
fn what_is_left_out_has_the_providers_defaults() {
    let root = root();
    let signal = json!({"query": "up{i=\"$instance\"}", "limit": 1, "unit": "count"});
    let primary = json!({"instance_id": "i-1", "address": "127.0.0.1", "port": 8080});
    give(&root, json!({}), &json!({"primary": primary, "signals": {"up": signal}}));
    assert_eq!(root.run(&["init", "-input=false"]).code, 0);
    root.apply();
    root.is_settled();
    let with_module = json(&root.path("declared/policies/checkout.json"));
    root.destroy();
    root.write("provider \"shadow\" {\n  directory = \"plain\"\n}\nresource \"shadow_policy\" \"p\" {\n  name = \"checkout\"\n}\n");
    root.apply();
    assert_eq!(with_module, json(&root.path("plain/policies/checkout.json")));
}
