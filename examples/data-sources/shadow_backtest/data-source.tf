# What would the policy "careful" have done for checkout in the past week, and what would others have done?
data "shadow_backtest" "checkout" {
  group       = "checkout"
  policy      = "careful"
  window      = "7d"
  hourly_cost = 0.12
}

output "breaches_with_a_shadow_in_time" {
  value = { for method, outcome in data.shadow_backtest.checkout.outcomes : method => outcome.warned }
}

output "false_alarms_per_week" {
  value = { for method, outcome in data.shadow_backtest.checkout.outcomes : method => outcome.false_alarms_per_week }
}
