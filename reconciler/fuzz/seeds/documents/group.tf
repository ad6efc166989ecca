shadow_group "g" {
  name     = "g"
  policy   = "p"
  primary  = { instance_id = "a", address = "10.0.3.17", port = 8080 }
  signals  = { memory = { query = "m{instance_id=\"$instance\"}", limit = 900 * 1024, unit = "bytes" } }
  instance = { source = "/m/i", params = { command = ["x"] } }
  traffic  = { source = "/m/t" }
}
