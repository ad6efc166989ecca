//! The data sources that compute: forecast and backtest, at a real reconciler without metrics.

use crate::reconciler::Reconciler;
use crate::terraform::Root;

#[test]
fn a_replay_compares_a_policy_with_what_others_use() {
    let reconciler = Reconciler::start();
    let replay = r#"
resource "shadow_policy" "p" {
  name     = "p"
  interval = "1m"
  step     = "1m"
  history  = "6h"
  horizons = ["10m", "1h"]
}

locals {
  start = "2026-01-01T00:00:00Z"
}

data "shadow_backtest" "leak" {
  policy      = shadow_policy.p.name
  hourly_cost = 2
  signals = {
    memory = {
      limit   = 100
      samples = [for i in range(200) : { at = timeadd(local.start, "${i}m"), value = max(40, i - 80) + (i * 7 % 13) / 13 }]
    }
  }
}

output "breaches" {
  value = length(data.shadow_backtest.leak.breaches)
}

output "warned" {
  value = { for name, it in data.shadow_backtest.leak.outcomes : name => it.warned }
}

output "first" {
  value = data.shadow_backtest.leak.outcomes["policy"].actions[0].kind
}
"#;
    let root = Root::new(&[reconciler.provider().as_str(), replay].concat());
    let applied = root.apply().text;
    assert!(applied.contains("breaches = 1"), "{applied}");
    assert!(applied.contains("\"no_policy\" = 0") && applied.contains("\"policy\" = 1"), "{applied}");
    assert!(applied.contains("first = \"stage\""), "{applied}");
    root.is_settled();
}

#[test]
fn a_group_without_metrics_has_no_forecast_and_says_why() {
    let reconciler = Reconciler::start();
    let modules = reconciler.modules();
    let configuration = format!(
        r#"
resource "shadow_policy" "p" {{
  name = "p"
}}

resource "shadow_group" "g" {{
  name     = "g"
  policy   = shadow_policy.p.name
  primary  = {{ instance_id = "i-1", address = "127.0.0.1", port = 1 }}
  signals  = {{ latency = {{ query = "probe_seconds{{instance=\"$instance\"}}", limit = 0.5, unit = "seconds" }} }}
  instance = {{ source = "{modules}/instance" }}
  traffic  = {{ source = "{modules}/traffic" }}
}}

data "shadow_forecast" "g" {{
  group = shadow_group.g.name
}}

output "model" {{
  value = coalesce(data.shadow_forecast.g.signals["latency"].model, "none")
}}

output "missing" {{
  value = data.shadow_forecast.g.missing[*].signal
}}
"#
    );
    let root = Root::new(&[reconciler.provider(), configuration].concat());
    let applied = root.apply().text;
    assert!(applied.contains("model = \"none\""), "{applied}");
    assert!(applied.contains("missing = tolist([ \"latency\", ])"), "{applied}");
    root.destroy();
    root.write(
        &[reconciler.provider().as_str(), "data \"shadow_placement\" \"none\" {\n  group = \"nobody\"\n}\n"].concat(),
    );
    let told = root.apply_fails();
    assert!(told.contains("The reconciler has no group \"nobody\""), "{told}");
}
