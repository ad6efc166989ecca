# The id of a group is its name.
terraform import shadow_group.checkout checkout
