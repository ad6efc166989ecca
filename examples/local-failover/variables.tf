variable "service_command" {
  description = "Program and arguments of the session service, with an absolute path."
  type        = list(string)
}

variable "listener_port" {
  description = "Port at which Envoy serves the sessions."
  type        = number
  default     = 8080
}

variable "proxy" {
  description = "The node.cluster of the Envoy that serves them."
  type        = string
  default     = "shadow"
}

variable "memory_limit_mib" {
  description = "Memory that each instance may use; it ends where it needs more."
  type        = number
  default     = 384
}
