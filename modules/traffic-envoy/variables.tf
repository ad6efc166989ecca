variable "traffic" {
  description = "How the group's traffic is divided: the traffic object of the module contract, protocol 1."
  type = object({
    protocol = number
    group    = string
    epoch    = number
    backends = map(object({
      address = string
      port    = number
      weight  = number
      state   = string
    }))
    writer = optional(string)
    mirror = optional(object({
      from            = string
      to              = string
      percent         = number
      match           = object({ methods = list(string) })
      max_concurrency = number
      timeout_ms      = number
    }))
    affinity = optional(object({ cookie = string }))
  })

  validation {
    condition     = var.traffic.protocol == 1
    error_message = "This module speaks protocol 1 of the module contract: use a release of it that fits the reconciler."
  }
}

variable "params" {
  description = "Where Envoy listens and how it asks backends for their health: the params of the group's traffic."
  type = object({
    proxy               = optional(string, "shadow")
    listener_address    = optional(string, "127.0.0.1")
    listener_port       = number
    health_path         = optional(string, "/healthz")
    health_interval     = optional(string, "1s")
    health_timeout      = optional(string, "1s")
    unhealthy_threshold = optional(number, 2)
    healthy_threshold   = optional(number, 1)
  })
}
