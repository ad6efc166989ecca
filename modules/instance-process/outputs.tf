output "instance_id" {
  description = "What $instance stands for in queries: the name of the process."
  value       = shadow_process.this.name
}

output "endpoint" {
  description = "Where the process serves."
  value = {
    address  = shadow_process.this.address
    port     = shadow_process.this.port
    protocol = "http"
  }
}

output "zone" {
  description = "The zone that was asked for."
  value       = var.shadow.placement.zone
}

output "size" {
  description = "The size that was granted; null is unlimited."
  value = {
    cpu_cores  = local.cpu_cores
    memory_gib = local.memory_mib == null ? null : local.memory_mib / 1024
  }
}

output "health" {
  description = "Where the process says whether it is well; null without a probe."
  value = var.params.probe_path == null ? null : {
    url = "http://${shadow_process.this.address}:${shadow_process.this.port}${var.params.probe_path}"
  }
}

output "agent" {
  description = "URL of the agent that runs the process; null is the one that the provider is configured with."
  value       = var.params.agent
}

output "failure_domain" {
  description = "What fails with the process: its host."
  value       = coalesce(var.shadow.placement.host, var.params.agent, "the provider's agent")
}

output "hourly_cost" {
  description = "A process on a host that runs anyway costs nothing more."
  value       = 0
}
