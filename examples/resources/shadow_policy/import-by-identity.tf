import {
  to = shadow_policy.careful
  identity = {
    name = "careful"
  }
}
