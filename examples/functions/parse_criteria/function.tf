locals {
  # { signal = "cpu", comparison = ">", value = 90, unit = "percent", duration_seconds = 300 }
  criterion = provider::shadow::parse_criteria("cpu > 90 % for 5m")
}

# The same limit in an alert of one's own, so that both always agree.
output "alert" {
  value = "cpu_percent ${local.criterion.comparison} ${local.criterion.value}"
}
