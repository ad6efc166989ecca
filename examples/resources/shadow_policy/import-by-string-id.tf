import {
  to = shadow_policy.careful
  id = "careful"
}
