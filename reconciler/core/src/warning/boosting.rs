//! Gradient-boosted trees for a probability: evaluation, and training by histograms (Friedman,
//! "Greedy function approximation", 2001; second-order leaves as in Chen and Guestrin, 2016).
//!
//! Deterministic: each tree leaves out other features and other cases, by turns and not by chance, and
//! equal gains go to the first feature and the lowest threshold.

use super::features::{COUNT, Features};
use serde::{Deserialize, Serialize};

/// A model: the logarithm of the odds is the base plus one leaf of each tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boosted {
    /// What it was trained on, and how to train it again.
    pub trained_on: String,
    base: f32,
    trees: Vec<Tree>,
}

/// The probability of a logarithm of odds.
pub(super) fn probability(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Nodes in breadth-first order; the first is the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Tree(Vec<Node>);

/// A question or an answer: `(feature, threshold, index of the left child)`, the right one follows;
/// a left child of 0 makes the threshold the leaf's value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Node(u8, f32, u16);

impl Boosted {
    /// Logarithm of the odds.
    pub fn log_odds(&self, features: &Features) -> f32 {
        let (together, others) = self.trees.as_chunks::<AT_ONCE>();
        let together = together.iter().flat_map(|trees| leaves(trees, features));
        let others = others.iter().flat_map(|tree| leaves(std::array::from_ref(tree), features));
        self.base + together.chain(others).sum::<f32>()
    }
}

/// Trees that are walked through together: each waits for its own memory, and none for another's.
const AT_ONCE: usize = 8;

/// What the trees answer, in their order.
fn leaves<const TREES: usize>(trees: &[Tree; TREES], features: &Features) -> [f32; TREES] {
    let mut places = [0; TREES];
    loop {
        let before = places;
        places = std::array::from_fn(|tree| trees[tree].next(places[tree], features));
        if places == before {
            return std::array::from_fn(|tree| trees[tree].answer(places[tree]));
        }
    }
}

impl Tree {
    /// The child that the features lead to; a leaf leads to itself. Children always follow their parent, so that any
    /// tree, however it was stored, ends.
    fn next(&self, index: u16, features: &Features) -> u16 {
        let Some(Node(feature, threshold, left)) = self.0.get(usize::from(index)).copied() else { return index };
        let value = features.get(usize::from(feature)).copied().unwrap_or(0.0);
        let child = left.saturating_add(u16::from(value > threshold));
        if left <= index { index } else { child }
    }

    fn answer(&self, index: u16) -> f32 {
        self.0.get(usize::from(index)).filter(|Node(_, _, left)| *left == 0).map_or(0.0, |Node(_, leaf, _)| *leaf)
    }
}

/// One case to learn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// What was known.
    pub features: Features,
    /// Whether the limit broke.
    pub broke: bool,
    /// How much it counts.
    pub weight: f32,
}

/// How a model is trained.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Trees.
    pub trees: usize,
    /// Questions on the way to a leaf.
    pub depth: usize,
    /// Share of each tree's answer that is taken.
    pub rate: f32,
    /// Least weight of the second derivatives in a leaf.
    pub leaf_min: f32,
    /// Holds leaves near zero.
    pub ridge: f32,
}

/// Thresholds tried per feature.
const BINS: usize = 64;

/// Of so many neighbouring features a tree sees so many: trees that differ err less together.
const FEATURES_SEEN: (usize, usize) = (3, 5);

/// Of so many neighbouring cases a tree sees all but one.
const CASES_OF: usize = 3;

/// Trains a model.
pub fn train(cases: &[Case], settings: &Settings, trained_on: &str) -> Boosted {
    let bins = Bins::new(cases);
    let binned: Vec<[u8; COUNT]> = cases.iter().map(|case| bins.of(&case.features)).collect();
    let broke: f32 = cases.iter().map(|case| if case.broke { case.weight } else { 0.0 }).sum();
    let total: f32 = cases.iter().map(|case| case.weight).sum();
    let rate = (broke / total.max(f32::MIN_POSITIVE)).clamp(1e-6, 1.0 - 1e-6);
    let base = (rate / (1.0 - rate)).ln();
    let mut model = Boosted { trained_on: trained_on.to_owned(), base, trees: Vec::new() };
    let mut odds = vec![base; cases.len()];
    for turn in 0..settings.trees {
        let pulls: Vec<Pull> = cases.iter().zip(&odds).map(|(case, odds)| Pull::of(case, *odds)).collect();
        let tree = Grower { binned: &binned, pulls: &pulls, bins: &bins, settings, turn }.grow();
        for (odds, case) in odds.iter_mut().zip(cases) {
            *odds += leaves(std::array::from_ref(&tree), &case.features).iter().sum::<f32>();
        }
        model.trees.push(tree);
    }
    model
}

/// First and second derivative of the loss.
#[derive(Debug, Clone, Copy, Default)]
struct Pull {
    first: f32,
    second: f32,
}

impl Pull {
    fn of(case: &Case, odds: f32) -> Self {
        let probability = probability(odds);
        let came = f32::from(u8::from(case.broke));
        Self { first: case.weight * (came - probability), second: case.weight * probability * (1.0 - probability) }
    }

    fn plus(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second }
    }

    fn minus(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second }
    }

    fn worth(self, ridge: f32) -> f32 {
        self.first * self.first / (self.second + ridge)
    }
}

/// Thresholds of each feature: its quantiles.
struct Bins(Vec<Vec<f32>>);

impl Bins {
    fn new(cases: &[Case]) -> Self {
        let of_feature = |feature: usize| {
            let stride = cases.len().div_ceil(100_000).max(1);
            let mut values: Vec<f32> = cases.iter().step_by(stride).map(|case| case.features[feature]).collect();
            values.sort_unstable_by(f32::total_cmp);
            let mut edges: Vec<f32> =
                (1..BINS).filter_map(|bin| values.get(bin * values.len() / BINS).copied()).collect();
            edges.dedup();
            edges
        };
        Self((0..COUNT).map(of_feature).collect())
    }

    fn of(&self, features: &Features) -> [u8; COUNT] {
        let bin = |feature: usize| self.0[feature].partition_point(|edge| *edge < features[feature]);
        std::array::from_fn(|feature| u8::try_from(bin(feature)).unwrap_or(u8::MAX))
    }
}

/// For each feature and bin, the pull of the cases in it.
type Sums = Vec<[Pull; BINS]>;

/// Cases that are together in a node.
struct Together {
    node: usize,
    members: Vec<u32>,
    sums: Sums,
}

/// Grows one tree.
struct Grower<'a> {
    binned: &'a [[u8; COUNT]],
    pulls: &'a [Pull],
    bins: &'a Bins,
    settings: &'a Settings,
    turn: usize,
}

impl Grower<'_> {
    /// Level by level.
    fn grow(&self) -> Tree {
        let mut tree = Tree(vec![Node(0, 0.0, 0)]);
        let seen = |case: &u32| !(*case as usize + self.turn).is_multiple_of(CASES_OF);
        let members: Vec<u32> = (0..).take(self.binned.len()).filter(seen).collect();
        let sums = self.sums(&members);
        let mut groups = vec![Together { node: 0, members, sums }];
        for depth in 0..=self.settings.depth {
            let mut next = Vec::new();
            for group in groups {
                let split = if depth < self.settings.depth { self.best_split(&group) } else { None };
                if let Some((feature, bin)) = split {
                    next.extend(self.split(&mut tree, group, feature, bin));
                } else {
                    let total = self.total(&group.members);
                    let answer = self.settings.rate * total.first / (total.second + self.settings.ridge);
                    tree.0[group.node] = Node(0, answer, 0);
                }
            }
            groups = next;
        }
        tree
    }

    fn split(&self, tree: &mut Tree, group: Together, feature: usize, bin: usize) -> [Together; 2] {
        let left = tree.0.len();
        let question = (u8::try_from(feature), u16::try_from(left));
        if let (Ok(feature), Ok(left)) = question {
            tree.0[group.node] = Node(feature, self.bins.0[usize::from(feature)][bin], left);
        }
        tree.0.extend([Node(0, 0.0, 0); 2]);
        let (below, above): (Vec<u32>, Vec<u32>) =
            group.members.iter().partition(|member| usize::from(self.binned[**member as usize][feature]) <= bin);
        // The sums of the larger half are what the smaller one leaves.
        let below_is_smaller = below.len() <= above.len();
        let smaller = self.sums(if below_is_smaller { &below } else { &above });
        let larger = without(group.sums, &smaller);
        let (sums_below, sums_above) = if below_is_smaller { (smaller, larger) } else { (larger, smaller) };
        [
            Together { node: left, members: below, sums: sums_below },
            Together { node: left + 1, members: above, sums: sums_above },
        ]
    }

    fn total(&self, members: &[u32]) -> Pull {
        members.iter().fold(Pull::default(), |sum, member| sum.plus(self.pulls[*member as usize]))
    }

    fn sums(&self, members: &[u32]) -> Sums {
        let mut sums = vec![[Pull::default(); BINS]; COUNT];
        for member in members {
            let pull = self.pulls[*member as usize];
            for (sums, bin) in sums.iter_mut().zip(&self.binned[*member as usize]) {
                let sum = &mut sums[usize::from(*bin)];
                *sum = sum.plus(pull);
            }
        }
        sums
    }

    fn best_split(&self, group: &Together) -> Option<(usize, usize)> {
        let total = self.total(&group.members);
        let (mut best, mut most) = (None, total.worth(self.settings.ridge) + 1e-3);
        let (seen, of) = FEATURES_SEEN;
        for (feature, sums) in group.sums.iter().enumerate().filter(|(feature, _)| (feature + self.turn) % of < seen) {
            let mut left = Pull::default();
            for (bin, sum) in sums.iter().enumerate().take(self.bins.0[feature].len()) {
                left = left.plus(*sum);
                let right = total.minus(left);
                if left.second < self.settings.leaf_min || right.second < self.settings.leaf_min {
                    continue;
                }
                let worth = left.worth(self.settings.ridge) + right.worth(self.settings.ridge);
                if worth > most {
                    (best, most) = (Some((feature, bin)), worth);
                }
            }
        }
        best
    }
}

fn without(mut all: Sums, some: &Sums) -> Sums {
    let pairs = all.iter_mut().flatten().zip(some.iter().flatten());
    pairs.for_each(|(all, some)| *all = all.minus(*some));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { trees: 20, depth: 2, rate: 0.3, leaf_min: 1.0, ridge: 1.0 };

    /// Breaks where the third number is above one half and the first below one quarter.
    fn cases() -> Vec<Case> {
        let case = |index: usize| {
            let mut features = [0.0; COUNT];
            features[0] = (index % 10) as f32 / 10.0;
            features[2] = (index / 10 % 10) as f32 / 10.0;
            Case { features, broke: features[2] > 0.5 && features[0] < 0.25, weight: 1.0 }
        };
        (0..1000).map(case).collect()
    }

    #[test]
    fn what_two_numbers_decide_together_is_learned() {
        let model = train(&cases(), &SETTINGS, "a test");
        let odds = |first: f32, third: f32| {
            let mut features = [0.0; COUNT];
            (features[0], features[2]) = (first, third);
            model.log_odds(&features)
        };
        assert!(odds(0.1, 0.9) > 2.0 && odds(0.9, 0.9) < -2.0 && odds(0.1, 0.1) < -2.0);
    }

    #[test]
    fn training_is_deterministic_and_survives_storage() {
        let (a, b) = (train(&cases(), &SETTINGS, "a test"), train(&cases(), &SETTINGS, "a test"));
        assert_eq!(a, b);
        let stored = serde_json::to_string(&a).unwrap();
        assert_eq!(serde_json::from_str::<Boosted>(&stored).unwrap(), a);
    }

    #[test]
    fn a_tree_that_points_back_at_itself_ends() {
        let tree = Tree(vec![Node(0, 0.5, 1), Node(0, 0.5, 1), Node(0, 0.5, 9)]);
        for features in [[0.0; COUNT], [1.0; COUNT]] {
            assert!(leaves(std::array::from_ref(&tree), &features)[0].abs() < 1e-6);
        }
    }
}
