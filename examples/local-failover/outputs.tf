output "url" {
  description = "Where the sessions are served, whichever instance answers."
  value       = "http://127.0.0.1:${var.listener_port}"
}

output "group" {
  description = "The group, for commands such as `shadow-reconciler explain`."
  value       = shadow_group.sessions.name
}

output "primary" {
  description = "The instance that serves until the first hand-over."
  value       = shadow_process.primary.name
}
