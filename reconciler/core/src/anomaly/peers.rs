//! One replica unlike the others: measured by how far it usually is from them.

use super::Kind;
use super::detector::Finding;
use super::rarity::Rarity;
use crate::forecast::middle;
use crate::model::name::SlotId;
use std::collections::BTreeMap;

/// Replicas without which nobody is the odd one: of two that differ either may be.
const PEERS_MIN: usize = 3;

/// Part of what the peers have in common that makes no difference.
const NOISE: f64 = 0.01;

/// One signal of all replicas of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Peers {
    rarities: BTreeMap<SlotId, Rarity>,
}

impl Peers {
    /// Takes what was measured of each replica in one step. Answers what is odd about each, once
    /// enough is known of it.
    pub(super) fn push(&mut self, values: &BTreeMap<SlotId, f64>) -> BTreeMap<SlotId, Finding> {
        self.rarities.retain(|slot, _| values.contains_key(slot));
        if values.len() < PEERS_MIN {
            return BTreeMap::new();
        }
        // The middle of all: one that is far away, the judged one included, does not move it.
        let mut all: Vec<f64> = values.values().copied().collect();
        let Some(usual) = middle(&mut all) else { return BTreeMap::new() };
        let findings = values.iter().filter_map(|(slot, value)| {
            let rarity = self.rarities.entry(slot.clone()).or_default();
            let odd = rarity.judge(value - usual, NOISE * usual.abs())?;
            Some((slot.clone(), Finding::new(Kind::UnlikePeers, odd, *value, usual)))
        });
        findings.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::MINOR;

    fn slot(id: &str) -> SlotId {
        SlotId::new(id).unwrap()
    }

    /// Two days of replicas that go up and down together, then one step in which `c` does not.
    fn last(replicas: &[&str], odd: f64) -> BTreeMap<SlotId, Finding> {
        let mut peers = Peers::default();
        let values = |step: usize, odd: f64| {
            let common = 100.0 + 50.0 * (step as f64 / 40.0).sin();
            let own = |n: usize| common + ((step * 7 + n * 3) % 11) as f64 / 10.0;
            let of = |(n, id): (usize, &&str)| (slot(id), if *id == "c" { own(n) + odd } else { own(n) });
            replicas.iter().enumerate().map(of).collect::<BTreeMap<_, _>>()
        };
        for step in 0..576 {
            peers.push(&values(step, 0.0));
        }
        peers.push(&values(576, odd))
    }

    #[test]
    fn the_one_that_is_unlike_the_others_is_found_and_only_that_one() {
        let findings = last(&["a", "b", "c", "d"], 40.0);
        let odd: Vec<&SlotId> = findings.iter().filter(|(_, it)| it.severity >= MINOR).map(|(slot, _)| slot).collect();
        assert_eq!(odd, [&slot("c")]);
    }

    #[test]
    fn replicas_that_move_together_are_alike() {
        assert!(last(&["a", "b", "c"], 0.0).values().all(|finding| finding.severity < MINOR));
    }

    #[test]
    fn of_two_nobody_is_the_odd_one() {
        assert!(last(&["b", "c"], 40.0).is_empty());
    }
}
