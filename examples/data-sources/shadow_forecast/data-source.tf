data "shadow_forecast" "checkout" {
  group = "checkout"
}

# The probability that a limit breaks, by horizon: { PT1H = 0.02, PT6H = 0.11, PT24H = 0.3 }.
output "risk" {
  value = { for score in data.shadow_forecast.checkout.horizons : score.horizon => score.probability }
}

# What is not forecast yet, and why.
output "not_scored" {
  value = { for signal in data.shadow_forecast.checkout.missing : signal.signal => signal.reason }
}
