# One request in twenty goes to the second backend, and a tenth of what the first answers is copied to it.
resource "shadow_traffic_split" "checkout" {
  name  = "checkout"
  epoch = 1

  listener = {
    address = "0.0.0.0"
    port    = 80
  }

  backends = {
    a = {
      address = "10.0.3.17"
      port    = 8080
      weight  = 95
    }
    b = {
      address = "10.0.4.22"
      port    = 8080
      weight  = 5
    }
  }

  # Whatever the weights, requests that may change something go to one backend only.
  writer = "a"

  mirror = {
    from    = "a"
    to      = "b"
    percent = 10
  }

  health_check = {
    path                = "/healthz"
    interval            = "1s"
    timeout             = "500ms"
    unhealthy_threshold = 2
    healthy_threshold   = 1
  }
}
