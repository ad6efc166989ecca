data "shadow_group_status" "checkout" {
  name = "checkout"
}

output "serving" {
  description = "The slot that serves, and where."
  value       = try(data.shadow_group_status.checkout.slots[data.shadow_group_status.checkout.primary].address, null)
}

# A warning in every plan while a hand-over is under way.
check "checkout_is_at_rest" {
  assert {
    condition     = data.shadow_group_status.checkout.phase == "idle"
    error_message = "checkout is ${data.shadow_group_status.checkout.phase}: ${coalesce(data.shadow_group_status.checkout.reason, "no reason told")}"
  }
}
