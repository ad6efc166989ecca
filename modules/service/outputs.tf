output "group" {
  description = "Name of the group, for shadow_group_status and for commands such as `shadow-reconciler explain`."
  value       = shadow_group.this.name
}

output "policy" {
  description = "Name of the policy, for other groups to share it."
  value       = shadow_policy.this.name
}
