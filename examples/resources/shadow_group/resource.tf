resource "shadow_policy" "careful" {
  name = "careful"
  mode = "provision"
}

resource "shadow_group" "checkout" {
  name   = "checkout"
  policy = shadow_policy.careful.name

  # What serves today. It stays yours: the reconciler never changes or removes it.
  primary = {
    instance_id = "checkout-main"
    address     = "10.0.3.17"
    port        = 8080
    health_path = "/healthz"
    zone        = "eu-central-1a"
  }

  # $instance is the primary's instance_id, and later the shadow's.
  signals = {
    memory = {
      query = "process_resident_memory_bytes{instance_id=\"$instance\"}"
      limit = 900 * 1024 * 1024
      unit  = "bytes"
      # The memory of a shadow follows what is forecast of this signal.
      resource = "memory_gib"
    }
    latency = {
      query = "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{instance_id=\"$instance\"}[5m])))"
      limit = 0.5
      unit  = "seconds"
    }
  }

  # How to make another one, and how to divide the traffic: modules that the reconciler is allowed to use.
  instance = {
    source = "/opt/shadow/modules/instance-process"
    params = {
      command = ["/usr/local/bin/checkout"]
    }
  }

  traffic = {
    source = "/opt/shadow/modules/traffic-envoy"
    params = {
      listener_port = 80
    }
  }
}
