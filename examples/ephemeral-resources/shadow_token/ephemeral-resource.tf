# Lives for this run, may only read, and is in no plan and no state.
ephemeral "shadow_token" "dashboard" {
  scope            = "read"
  lifetime_seconds = 600
}

# A provider's settings may take ephemeral values: here a second one that cannot change anything.
provider "shadow" {
  alias    = "readonly"
  endpoint = "http://127.0.0.1:9580"
  token    = ephemeral.shadow_token.dashboard.token
}
