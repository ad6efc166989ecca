terraform {
  required_version = ">= 1.5"
}

variable "slots" {
  description = "The managed instances of the group: the shadow object of the module contract, by slot."
  type = map(object({
    protocol      = number
    group         = string
    slot          = string
    generation    = number
    role          = string
    desired_state = string
    size = object({
      cpu_cores      = optional(number)
      memory_gib     = optional(number)
      iops           = optional(number)
      bandwidth_mbps = optional(number)
      storage_gib    = optional(number)
    })
    placement = object({
      region         = optional(string)
      zone           = optional(string)
      host           = optional(string)
      instance_class = optional(string)
    })
    sync = object({
      method      = string
      mode        = string
      source_slot = optional(string)
      source_endpoint = optional(object({
        address = string
        port    = number
      }))
      interval = string
    })
    epoch = number
    tags  = map(string)
  }))
}

variable "params" {
  description = "The instance module's own parameters, from the declaration of the group."
  type        = any
}

output "slots" {
  description = "What the instance module says of each slot; what it does not say is null."
  value = {
    for key, slot in module.slot : key => {
      instance_id    = slot.instance_id
      endpoint       = slot.endpoint
      zone           = slot.zone
      size           = slot.size
      health         = try(slot.health, null)
      agent          = try(slot.agent, null)
      metrics        = try(slot.metrics, null)
      sync           = try(slot.sync, null)
      failure_domain = try(slot.failure_domain, null)
      licence_units  = try(slot.licence_units, null)
      hourly_cost    = try(slot.hourly_cost, null)
    }
  }
}
