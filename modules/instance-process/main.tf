locals {
  # A size that was asked for goes before the module's own parameters.
  cpu_cores  = var.shadow.size.cpu_cores != null ? var.shadow.size.cpu_cores : var.params.cpu_cores
  memory_mib = var.shadow.size.memory_gib != null ? ceil(var.shadow.size.memory_gib * 1024) : var.params.memory_mib

  # A changed environment restarts the process, so this holds nothing that changes while the slot
  # lives: a role or an epoch belongs into the tags.
  sync_source = var.shadow.sync.method == "none" ? null : var.shadow.sync.source_endpoint
  sync_environment = local.sync_source == null ? {} : {
    SYNC_SOURCE = "${local.sync_source.address}:${local.sync_source.port}"
  }
}

resource "shadow_process" "this" {
  name  = "${var.shadow.group}-${var.shadow.slot}"
  agent = var.params.agent

  command             = var.params.command
  environment         = merge(var.params.environment, local.sync_environment)
  inherit_environment = var.params.inherit_environment
  working_directory   = var.params.working_directory
  address             = var.params.address
  port                = var.params.port

  limits = {
    cpu_cores  = local.cpu_cores
    memory_mib = local.memory_mib
    open_files = var.params.open_files
  }

  probe = var.params.probe_path == null ? null : {
    path     = var.params.probe_path
    interval = var.params.probe_interval
    timeout  = var.params.probe_timeout
  }

  stop = {
    signal = var.params.stop_signal
    grace  = var.params.stop_grace
  }

  restart       = var.params.restart
  desired_state = var.shadow.desired_state == "stopped" ? "stopped" : "running"

  # With shadow:metrics_path the agent offers the process to Prometheus' service discovery.
  tags = merge(
    var.shadow.tags,
    {
      "shadow:role"  = var.shadow.role
      "shadow:epoch" = tostring(var.shadow.epoch)
    },
    var.params.metrics_path == null ? {} : { "shadow:metrics_path" = var.params.metrics_path },
  )
}
