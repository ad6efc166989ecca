# { a = 75, b = 25, c = 0 }: a quarter for slot b, the rest for slot a, nothing for slot c.
output "weights" {
  value = provider::shadow::route_weights("a", "b", 25, "c")
}
