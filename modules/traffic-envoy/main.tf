resource "shadow_traffic_split" "this" {
  name  = var.traffic.group
  epoch = var.traffic.epoch
  proxy = var.params.proxy

  listener = {
    address = var.params.listener_address
    port    = var.params.listener_port
  }

  backends = var.traffic.backends
  writer   = var.traffic.writer

  mirror = var.traffic.mirror == null ? null : {
    from            = var.traffic.mirror.from
    to              = var.traffic.mirror.to
    percent         = var.traffic.mirror.percent
    methods         = var.traffic.mirror.match.methods
    max_concurrency = var.traffic.mirror.max_concurrency
    timeout_ms      = var.traffic.mirror.timeout_ms
  }

  # Refused with a reason rather than ignored.
  affinity = var.traffic.affinity

  health_check = var.params.health_path == null ? null : {
    path                = var.params.health_path
    interval            = var.params.health_interval
    timeout             = var.params.health_timeout
    unhealthy_threshold = var.params.unhealthy_threshold
    healthy_threshold   = var.params.healthy_threshold
  }
}
