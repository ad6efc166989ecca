variable "name" {
  description = "Name of the service: the group's, its policy's and its route's."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$", var.name))
    error_message = "Use 1 to 50 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "primary" {
  description = "The instance that serves today. It stays yours: it is watched and gets or loses traffic, and is never changed or removed."
  type = object({
    instance_id = string
    address     = string
    port        = number
    health_path = optional(string, "/healthz")
    zone        = optional(string)
  })
}

variable "signals" {
  description = "What tells that the service degrades, by any name: a PromQL query with $instance in it, its limit, its unit, on which side of the limit the trouble lies, and the part of a shadow's size that follows it."
  type = map(object({
    query     = string
    limit     = number
    unit      = string
    direction = optional(string, "above")
    resource  = optional(string)
  }))
}

variable "instance" {
  description = "How a shadow of the service is run: the params of modules/instance-process."
  type        = any
}

variable "traffic" {
  description = "Where the proxy listens: the params of modules/traffic-envoy."
  type        = any
}

variable "policy" {
  description = "What differs from the defaults, which fit a service that starts in minutes and whose load follows the day. Nothing is done, only scored, until mode is advise, provision or full."
  type = object({
    mode                = optional(string, "observe")
    horizons            = optional(list(string))
    shadowing_threshold = optional(number)
    critical_threshold  = optional(number)
    cooldown            = optional(string)
    after_handover      = optional(string)
    cost_ceiling        = optional(number)
    synchronization = optional(object({
      method          = string
      interval        = optional(string)
      lag_seconds_max = optional(number)
      lag_bytes_max   = optional(number)
      queries = object({
        lag_seconds = string
        lag_bytes   = string
        position    = string
      })
    }))
  })
  default = {}
}
