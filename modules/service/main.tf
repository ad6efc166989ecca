locals {
  sync = var.policy.synchronization
}

resource "shadow_policy" "this" {
  name = var.name
  mode = var.policy.mode

  # What is foreseen.
  interval                  = var.policy.interval
  step                      = var.policy.step
  history                   = var.policy.history
  horizons                  = var.policy.horizons
  time_zone                 = var.policy.time_zone
  confidence                = var.policy.confidence
  shadowing_threshold       = var.policy.shadowing_threshold
  critical_threshold        = var.policy.critical_threshold
  shadow_creation_threshold = var.policy.shadow_creation_threshold
  clear_threshold           = var.policy.clear_threshold
  adaptive_thresholds       = var.policy.adaptive_thresholds
  evaluations               = var.policy.evaluations
  sizing                    = var.policy.sizing

  # What counts as a failure, and as ready.
  failure           = var.policy.failure
  failover_criteria = var.policy.failover_criteria
  failover_priority = var.policy.failover_priority
  max_downtime      = var.policy.max_downtime
  ready_probes      = var.policy.ready_probes
  warmup_task       = var.policy.warmup_task

  synchronization = local.sync == null ? null : {
    method                = local.sync.method
    mode                  = local.sync.mode
    interval              = local.sync.interval
    lag_seconds_max       = local.sync.lag_seconds_max
    lag_bytes_max         = local.sync.lag_bytes_max
    allow_data_loss_bytes = local.sync.allow_data_loss_bytes
  }

  # How traffic moves.
  mirror           = var.policy.mirror
  shift            = var.policy.shift
  switch_timeout   = var.policy.switch_timeout
  watch            = var.policy.watch
  hold_after_human = var.policy.hold_after_human

  # What follows.
  hold_old        = var.policy.hold_old
  max_shadow_age  = var.policy.max_shadow_age
  cooldown        = var.policy.cooldown
  cost_ceiling    = var.policy.cost_ceiling
  after_handover  = var.policy.after_handover
  failback        = var.policy.failback
  failback_after  = var.policy.failback_after
  failback_window = var.policy.failback_window
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

  members           = var.group.members
  calendars         = var.group.calendars
  size              = var.group.size
  placement         = var.group.placement
  placement_profile = var.group.placement_profile
  sinks             = var.group.sinks
  timeouts          = var.group.timeouts
}
