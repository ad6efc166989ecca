variable "shadow" {
  description = "What the reconciler wants of this slot: the shadow object of the module contract, protocol 1."
  type = object({
    protocol      = number
    group         = string
    slot          = string
    generation    = number
    role          = string
    desired_state = string
    size = object({
      cpu_cores  = optional(number)
      memory_gib = optional(number)
    })
    placement = object({
      zone = optional(string)
      host = optional(string)
    })
    sync = object({
      method = string
      source_endpoint = optional(object({
        address = string
        port    = number
      }))
    })
    epoch = number
    tags  = map(string)
  })

  validation {
    condition     = var.shadow.protocol == 1
    error_message = "This module speaks protocol 1 of the module contract: use a release of it that fits the reconciler."
  }

  validation {
    condition     = length("${var.shadow.group}-${var.shadow.slot}") <= 63
    error_message = "The process would be named after group and slot with more than 63 characters: shorten the group's name."
  }
}

variable "params" {
  description = "How the service is run: the params of the group's instance."
  type = object({
    command             = list(string)
    environment         = optional(map(string), {})
    inherit_environment = optional(list(string), [])
    working_directory   = optional(string)
    address             = optional(string, "127.0.0.1")
    port                = optional(number)
    memory_mib          = optional(number)
    cpu_cores           = optional(number)
    open_files          = optional(number)
    probe_path          = optional(string, "/healthz")
    probe_interval      = optional(string, "1s")
    probe_timeout       = optional(string, "1s")
    stop_signal         = optional(string, "SIGTERM")
    stop_grace          = optional(string, "10s")
    restart             = optional(string, "never")
    metrics_path        = optional(string)
    agent               = optional(string)
  })
}
