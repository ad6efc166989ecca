//! Gradient-boosted trees for a probability: evaluation, and training by histograms (Friedman,
//! "Greedy function approximation", 2001; second-order leaves as in Chen and Guestrin, 2016).
//!
//! Deterministic: no sampling, and equal gains go to the first feature and the lowest threshold.

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
        self.base + self.trees.iter().map(|tree| tree.leaf(features)).sum::<f32>()
    }
}

impl Tree {
    fn leaf(&self, features: &Features) -> f32 {
        let mut index = 0_u16;
        loop {
            let Some(Node(feature, threshold, left)) = self.0.get(usize::from(index)).copied() else { return 0.0 };
            // Children always follow their parent, so that any tree, however it was stored, ends.
            if left <= index {
                return if left == 0 { threshold } else { 0.0 };
            }
            let value = features.get(usize::from(feature)).copied().unwrap_or(0.0);
            index = if value <= threshold { left } else { left + 1 };
        }
    }
}

/// One case to learn from.
#[derive(Debug, Clone, Copy)]
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
    for _ in 0..settings.trees {
        let pulls: Vec<Pull> = cases.iter().zip(&odds).map(|(case, odds)| Pull::of(case, *odds)).collect();
        let tree = grow(&binned, &pulls, &bins, settings);
        for (odds, case) in odds.iter_mut().zip(cases) {
            *odds += tree.leaf(&case.features);
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
        let probability = 1.0 / (1.0 + (-odds).exp());
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

/// One tree, level by level.
fn grow(binned: &[[u8; COUNT]], pulls: &[Pull], bins: &Bins, settings: &Settings) -> Tree {
    let mut tree = Tree(vec![Node(0, 0.0, 0)]);
    let mut groups: Vec<(usize, Vec<u32>)> = vec![(0, (0..).take(binned.len()).collect())];
    for depth in 0..=settings.depth {
        let mut next = Vec::new();
        for (node, members) in groups {
            let total = members.iter().fold(Pull::default(), |sum, member| sum.plus(pulls[*member as usize]));
            let split = (depth < settings.depth).then(|| best_split(binned, pulls, bins, &members, total, settings));
            let Some((feature, bin)) = split.flatten() else {
                tree.0[node] = Node(0, settings.rate * total.first / (total.second + settings.ridge), 0);
                continue;
            };
            let left = tree.0.len();
            let (below, above): (Vec<u32>, Vec<u32>) =
                members.iter().partition(|member| usize::from(binned[**member as usize][feature]) <= bin);
            tree.0[node] =
                Node(u8::try_from(feature).unwrap_or(0), bins.0[feature][bin], u16::try_from(left).unwrap_or(0));
            tree.0.extend([Node(0, 0.0, 0); 2]);
            next.push((left, below));
            next.push((left + 1, above));
        }
        groups = next;
    }
    tree
}

fn best_split(
    binned: &[[u8; COUNT]],
    pulls: &[Pull],
    bins: &Bins,
    members: &[u32],
    total: Pull,
    settings: &Settings,
) -> Option<(usize, usize)> {
    let mut sums = vec![[Pull::default(); BINS]; COUNT];
    for member in members {
        let pull = pulls[*member as usize];
        for (sums, bin) in sums.iter_mut().zip(&binned[*member as usize]) {
            let sum = &mut sums[usize::from(*bin)];
            *sum = sum.plus(pull);
        }
    }
    let (mut best, mut most) = (None, total.worth(settings.ridge) + 1e-3);
    for (feature, sums) in sums.iter().enumerate() {
        let mut left = Pull::default();
        for (bin, sum) in sums.iter().enumerate().take(bins.0[feature].len()) {
            left = left.plus(*sum);
            let right = total.minus(left);
            if left.second < settings.leaf_min || right.second < settings.leaf_min {
                continue;
            }
            let worth = left.worth(settings.ridge) + right.worth(settings.ridge);
            if worth > most {
                (best, most) = (Some((feature, bin)), worth);
            }
        }
    }
    best
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
        assert!(tree.leaf(&[0.0; COUNT]).abs() < 1e-6 && tree.leaf(&[1.0; COUNT]).abs() < 1e-6);
    }
}
