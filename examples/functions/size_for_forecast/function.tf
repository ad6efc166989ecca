variable "memory_gib" {
  description = "What the service has now, and what a forecast says that it needs."
  type        = object({ current = number, predicted = number, upper = number })
  default     = { current = 10, predicted = 14, upper = 20 }
}

# 16: the prediction is more than 1.2 times the present size, so 1.5 times the difference is added.
output "shadow_memory_gib" {
  value = provider::shadow::size_for_forecast(var.memory_gib.current, var.memory_gib.predicted, var.memory_gib.upper, null)
}

# 12: the same, with a limit.
output "shadow_memory_gib_at_most_12" {
  value = provider::shadow::size_for_forecast(var.memory_gib.current, var.memory_gib.predicted, var.memory_gib.upper, { max = 12 })
}
