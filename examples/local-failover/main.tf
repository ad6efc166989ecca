# A session service that runs on this host, and what makes it fail over before it fails.
# The steps and horizons are short, so that all of it can be watched within minutes.

locals {
  group   = "sessions"
  command = concat(var.service_command, ["--allow-faults"])
  modules = abspath("${path.module}/../../modules")

  # Above nine tenths of its memory the service is about to end.
  memory_limit_bytes = floor(var.memory_limit_mib * 1024 * 1024 * 0.9)
}

# The instance that serves today. It is this root's: the reconciler never changes or removes it.
resource "shadow_process" "primary" {
  name    = "session-store"
  command = local.command

  limits = {
    memory_mib = var.memory_limit_mib
  }

  probe = {
    path = "/healthz"
  }

  # The agent offers it to Prometheus' service discovery.
  tags = {
    "shadow:metrics_path" = "/metrics"
  }
}

resource "shadow_policy" "fast" {
  name = "fast"
  mode = "full"

  interval = "1s"
  step     = "1s"
  history  = "10m"
  horizons = ["20s", "60s"]

  evaluations = {
    required = 2
    window   = 3
  }

  synchronization = {
    method          = "pull"
    interval        = "1s"
    lag_seconds_max = 2
    lag_bytes_max   = 1024 * 1024
  }

  # The service warms its memory before it counts as ready.
  warmup_task = {
    command = concat(var.service_command, ["--warm-up"])
    timeout = "30s"
  }

  mirror = {
    percent  = 25
    duration = "3s"
  }

  shift = {
    steps         = [10, 25, 50]
    step_duration = "2s"
    passes        = 2
  }

  switch_timeout = "10s"
  watch          = "5s"
  hold_old       = "3s"
  cooldown       = "10m"
  after_handover = "deprovision"
}

resource "shadow_group" "sessions" {
  name   = local.group
  policy = shadow_policy.fast.name

  primary = {
    instance_id = shadow_process.primary.name
    address     = shadow_process.primary.address
    port        = shadow_process.primary.port
    health_path = "/healthz"
  }

  signals = {
    memory = {
      query = "shadow_process_resident_memory_bytes{process=\"$instance\"}"
      limit = local.memory_limit_bytes
      unit  = "bytes"
    }
    latency = {
      query = "shadow_probe_duration_seconds{process=\"$instance\"}"
      limit = 0.5
      unit  = "seconds"
    }
  }

  sync = {
    lag_seconds = "session_sync_lag_seconds{process=\"$instance\"}"
    lag_bytes   = "session_sync_lag_bytes{process=\"$instance\"}"
    position    = "session_sync_position{process=\"$instance\"}"
  }

  instance = {
    source = "${local.modules}/instance-process"
    params = {
      command      = local.command
      memory_mib   = var.memory_limit_mib
      metrics_path = "/metrics"
    }
  }

  traffic = {
    source = "${local.modules}/traffic-envoy"
    params = {
      proxy           = var.proxy
      listener_port   = var.listener_port
      health_interval = "500ms"
    }
  }
}
