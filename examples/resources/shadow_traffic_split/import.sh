# The id of a split is its name.
terraform import shadow_traffic_split.checkout checkout
