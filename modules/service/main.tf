locals {
  sync = var.policy.synchronization
}

resource "shadow_policy" "this" {
  name = var.name
  mode = var.policy.mode

  horizons            = var.policy.horizons
  shadowing_threshold = var.policy.shadowing_threshold
  critical_threshold  = var.policy.critical_threshold
  cooldown            = var.policy.cooldown
  after_handover      = var.policy.after_handover
  cost_ceiling        = var.policy.cost_ceiling

  synchronization = local.sync == null ? null : {
    method          = local.sync.method
    interval        = local.sync.interval
    lag_seconds_max = local.sync.lag_seconds_max
    lag_bytes_max   = local.sync.lag_bytes_max
  }
}

resource "shadow_group" "this" {
  name    = var.name
  policy  = shadow_policy.this.name
  primary = var.primary
  signals = var.signals

  instance = {
    source = abspath("${path.module}/../instance-process")
    params = var.instance
  }

  traffic = {
    source = abspath("${path.module}/../traffic-envoy")
    params = var.traffic
  }

  sync = local.sync == null ? null : local.sync.queries
}
