output "applied_weights" {
  description = "Weights by slot, as they were set."
  value       = { for slot, backend in shadow_traffic_split.this.backends : slot => backend.weight }
}

output "applied_epoch" {
  description = "Epoch that the weights belong to."
  value       = shadow_traffic_split.this.epoch
}

output "supports" {
  description = "What this module can do."
  value = {
    weights  = true
    writer   = true
    mirror   = true
    affinity = false
    epoch    = true
  }
}
