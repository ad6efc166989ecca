import {
  to = shadow_group.checkout
  id = "checkout"
}
