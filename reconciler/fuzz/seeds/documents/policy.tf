resource "shadow_policy" "p" {
  name        = "p"
  step        = "1m"
  history     = "7d"
  horizons    = ["10m", "${1 + 1}h"]
  evaluations = { required = 1 + 1, window = 3 }
  lifecycle { prevent_destroy = true }
}
