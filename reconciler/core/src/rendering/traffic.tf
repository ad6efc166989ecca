terraform {
  required_version = ">= 1.5"
}

variable "traffic" {
  description = "The division of the group's traffic: the traffic object of the module contract."
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
}

variable "params" {
  description = "The traffic module's own parameters, from the declaration of the group."
  type        = any
}

output "applied_weights" {
  description = "Weights by slot, as the traffic module applied them."
  value       = module.traffic.applied_weights
}

output "applied_epoch" {
  description = "Epoch that the weights belong to."
  value       = module.traffic.applied_epoch
}

output "supports" {
  description = "What the traffic module can do: weights, writer, mirror, affinity, epoch."
  value       = module.traffic.supports
}
