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
  description = "What tells that the service degrades, by any name: a PromQL query with $instance in it, its limit, its unit, on which side of the limit the trouble lies, whether the query is a gauge or a counter, and the part of a shadow's size that follows it."
  type = map(object({
    query     = string
    limit     = number
    unit      = string
    direction = optional(string, "above")
    kind      = optional(string)
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
  description = "What differs from the defaults, which fit a service that starts in minutes and whose load follows the day: the attributes of shadow_policy. Nothing is done, only scored, until mode is advise, provision or full."
  type = object({
    mode = optional(string, "observe")

    interval                  = optional(string)
    step                      = optional(string)
    history                   = optional(string)
    horizons                  = optional(list(string))
    time_zone                 = optional(string)
    confidence                = optional(number)
    shadowing_threshold       = optional(number)
    critical_threshold        = optional(number)
    shadow_creation_threshold = optional(number)
    clear_threshold           = optional(number)
    adaptive_thresholds = optional(object({
      shadowing = object({ min = number, max = number })
      critical  = object({ min = number, max = number })
    }))
    evaluations = optional(object({ required = number, window = number }))
    sizing = optional(object({
      grow_above   = optional(number)
      grow_by      = optional(number)
      shrink_below = optional(number)
      shrink_by    = optional(number)
      interval     = optional(string)
      clamp        = optional(bool)
      min = optional(object({
        cpu_cores      = optional(number)
        memory_gib     = optional(number)
        iops           = optional(number)
        bandwidth_mbps = optional(number)
        storage_gib    = optional(number)
      }))
      max = optional(object({
        cpu_cores      = optional(number)
        memory_gib     = optional(number)
        iops           = optional(number)
        bandwidth_mbps = optional(number)
        storage_gib    = optional(number)
      }))
    }))

    failure = optional(object({
      signals     = optional(number)
      evaluations = optional(number)
    }))
    failover_criteria = optional(list(string))
    failover_priority = optional(number)
    max_downtime      = optional(string)
    ready_probes      = optional(number)
    warmup_task       = optional(object({ command = list(string), timeout = optional(string) }))

    # queries become the group's: they say how far a shadow's data is behind.
    synchronization = optional(object({
      method                = string
      mode                  = optional(string)
      interval              = optional(string)
      lag_seconds_max       = optional(number)
      lag_bytes_max         = optional(number)
      allow_data_loss_bytes = optional(number)
      queries = object({
        lag_seconds = string
        lag_bytes   = string
        position    = string
      })
    }))

    mirror = optional(object({
      percent  = optional(number)
      duration = optional(string)
      methods  = optional(list(string))
      classes  = optional(map(object({ path_prefix = string, methods = optional(list(string)) })))
    }))
    shift = optional(object({
      steps         = optional(list(number))
      step_duration = optional(string)
      passes        = optional(number)
      split_writes  = optional(bool)
      judge = optional(object({
        error_rate_increase_max = optional(number)
        latency_ratio_max       = optional(number)
        requests_min            = optional(number)
        inconclusive            = optional(string)
      }))
    }))
    switch_timeout   = optional(string)
    watch            = optional(string)
    hold_after_human = optional(string)

    hold_old       = optional(string)
    max_shadow_age = optional(string)
    cooldown       = optional(string)
    cost_ceiling   = optional(number)
    after_handover = optional(string)
    failback       = optional(string)
    failback_after = optional(string)
    failback_window = optional(object({
      cron      = string
      duration  = string
      time_zone = optional(string)
    }))
  })
  default = {}
}

variable "group" {
  description = "What else there is to say of the service: the attributes of shadow_group that no other input gives."
  type = object({
    members = optional(map(object({
      instance_id = string
      address     = string
      port        = number
      health_path = optional(string)
      zone        = optional(string)
    })))
    calendars = optional(list(string))
    size = optional(object({
      cpu_cores      = optional(number)
      memory_gib     = optional(number)
      iops           = optional(number)
      bandwidth_mbps = optional(number)
      storage_gib    = optional(number)
    }))
    placement = optional(object({
      region         = optional(string)
      zone           = optional(string)
      host           = optional(string)
      instance_class = optional(string)
    }))
    placement_profile = optional(object({
      shadow_count     = optional(number)
      replica_priority = optional(number)
      spread           = optional(bool)
      sync_method      = optional(string)
      latency_ms_max   = optional(number)
      hourly_cost_max  = optional(number)
      triggers = optional(object({
        predictive      = optional(bool)
        cpu_percent     = optional(number)
        memory_percent  = optional(number)
        network_percent = optional(number)
      }))
      candidates = map(object({
        zone            = string
        region          = optional(string)
        host            = optional(string)
        instance_class  = optional(string)
        latency_ms      = optional(number)
        data_latency_ms = optional(number)
        health          = optional(number)
        hourly_cost     = optional(number)
        licences        = optional(number)
        priority        = optional(number)
        capacity = optional(object({
          cpu_cores      = optional(number)
          memory_gib     = optional(number)
          iops           = optional(number)
          bandwidth_mbps = optional(number)
          storage_gib    = optional(number)
        }))
      }))
    }))
    sinks    = optional(map(list(string)))
    timeouts = optional(object({ delete = optional(string) }))
  })
  default = {}
}
