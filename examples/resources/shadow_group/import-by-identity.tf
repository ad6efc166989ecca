import {
  to = shadow_group.checkout
  identity = {
    name = "checkout"
  }
}
