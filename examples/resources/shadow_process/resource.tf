variable "api_key" {
  type      = string
  ephemeral = true
}

resource "shadow_process" "sessions" {
  name    = "sessions"
  command = ["/usr/local/bin/session-service", "--verbose"]

  environment = {
    LOG_FORMAT = "json"
  }

  # The value comes from the agent's own environment, so that the secret is in no file of Terraform's.
  inherit_environment = ["DATABASE_PASSWORD"]

  # Or it is given with the declaration, and is in no plan and no state. Raise the version when it changes.
  secret_environment_wo         = { API_KEY = var.api_key }
  secret_environment_wo_version = 1

  limits = {
    memory_mib = 512
    cpu_cores  = 1
  }

  probe = {
    path     = "/healthz"
    interval = "2s"
  }

  stop = {
    signal = "SIGTERM"
    grace  = "30s"
  }

  restart = "on_failure"

  timeouts = {
    create = "2m"
  }

  tags = {
    "shadow:metrics_path" = "/metrics"
  }
}

# The agent chose the port: it is PORT in the process's environment.
output "sessions_url" {
  value = "http://${shadow_process.sessions.address}:${shadow_process.sessions.port}"
}
