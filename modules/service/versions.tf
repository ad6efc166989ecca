terraform {
  required_version = ">= 1.5"

  required_providers {
    shadow = {
      source = "shadow-failover/shadow"
    }
  }
}
