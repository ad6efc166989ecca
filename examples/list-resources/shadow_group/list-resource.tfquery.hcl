# terraform query -generate-config-out=groups.tf: writes resources and imports for what is found.
list "shadow_group" "payments" {
  provider = shadow

  config {
    name_prefix = "payments-"
  }
}
