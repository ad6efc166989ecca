import {
  to = shadow_traffic_split.checkout
  id = "checkout"
}
