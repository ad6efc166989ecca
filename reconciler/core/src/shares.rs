//! Who gets which share of a route's traffic. Pure; whether to move traffic is decided elsewhere.

use std::collections::BTreeMap;

/// Shares of all traffic are given in percent.
pub const ALL: u32 = 100;

/// Weights in percent that sum to [`ALL`]: `percent` of the traffic for `target`, the rest for
/// `primary`, nothing for `others`. All of it for the primary where both are one.
pub fn route_weights<K: Ord>(
    primary: K,
    target: K,
    percent: u32,
    others: impl IntoIterator<Item = K>,
) -> BTreeMap<K, u32> {
    let percent = if primary == target { ALL } else { percent.min(ALL) };
    let mut weights: BTreeMap<K, u32> = others.into_iter().map(|key| (key, 0)).collect();
    weights.insert(primary, ALL - percent);
    weights.insert(target, percent);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_has_its_share_and_the_primary_the_rest() {
        assert_eq!(route_weights("a", "b", 25, []), BTreeMap::from([("a", 75), ("b", 25)]));
        assert_eq!(route_weights("a", "b", 0, ["c"]), BTreeMap::from([("a", 100), ("b", 0), ("c", 0)]));
        assert_eq!(route_weights("a", "b", 400, ["a"]), BTreeMap::from([("a", 0), ("b", 100)]));
        assert_eq!(route_weights("a", "a", 40, ["b"]), BTreeMap::from([("a", 100), ("b", 0)]));
    }
}
