# The id of a policy is its name.
terraform import shadow_policy.careful careful
