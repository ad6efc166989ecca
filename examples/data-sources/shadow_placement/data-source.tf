data "shadow_placement" "checkout" {
  group = "checkout"
}

output "goes_to" {
  value = data.shadow_placement.checkout.chosen[*].candidate
}

# Every reason, for every candidate that is not chosen.
output "why_not" {
  value = data.shadow_placement.checkout.rejected
}

check "checkout_has_room_for_its_shadows" {
  assert {
    condition     = data.shadow_placement.checkout.missing == 0
    error_message = "${data.shadow_placement.checkout.missing} shadows of checkout have no place."
  }
}
