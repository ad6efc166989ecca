# terraform query: every policy that is declared, whether or not this configuration knows it.
list "shadow_policy" "all" {
  provider = shadow
}

# Those of one team only, with all their attributes.
list "shadow_policy" "payments" {
  provider         = shadow
  include_resource = true

  config {
    name_prefix = "payments-"
  }
}
