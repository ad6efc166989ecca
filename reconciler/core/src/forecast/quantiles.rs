//! Quantiles of samples, plain and weighted. Never cross: both are one non-decreasing function of
//! the level.

/// Levels at which quantiles are stated: deciles, and the ends of the 95 % interval.
pub const LEVELS: [f64; 11] = [0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975];

/// One value per level of [`LEVELS`], never decreasing.
pub type Quantiles = [f64; LEVELS.len()];

/// Half the distance of the 10 % and 90 % quantiles of a normal distribution, in deviations.
const DECILE_DEVIATIONS: f64 = 1.2816;

/// The median among quantiles.
pub fn median(quantiles: &Quantiles) -> f64 {
    let [_, _, _, _, _, median, ..] = quantiles;
    *median
}

/// The middle of some values, or halfway between the two of them; none has none. Leaves them in another order.
pub(crate) fn middle(values: &mut [f64]) -> Option<f64> {
    let is_even = values.len().is_multiple_of(2);
    let place = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(place, f64::total_cmp);
    let below = lower.iter().copied().max_by(f64::total_cmp).filter(|_| is_even);
    Some(below.map_or(*upper, |below| f64::midpoint(below, *upper)))
}

/// The deviation that a normal distribution of the same 80 % interval would have.
pub(super) fn deviation(quantiles: &Quantiles) -> f64 {
    let [_, low, .., high, _] = quantiles;
    (high - low) / (2.0 * DECILE_DEVIATIONS)
}

/// The quantile of sorted samples, at position `level · (n + 1)`, so that a few samples claim no
/// more of the tails than they can know.
pub(super) fn of_sorted(sorted: &[f64], level: f64) -> f64 {
    let position = level * (sorted.len() as f64 + 1.0);
    let rank = position.floor();
    let nth = |rank: f64| sorted.get(index(rank - 1.0, sorted.len())).copied().unwrap_or(0.0);
    let below = nth(rank);
    below + (nth(rank + 1.0) - below) * (position - rank)
}

/// The nearest index to a whole number.
fn index(number: f64, length: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, which is meant")]
    let index = number as usize;
    index.min(length.saturating_sub(1))
}

/// A sample and how much it counts.
pub(super) type Weighted = (f64, f64);

/// The quantiles of samples, which it sorts.
pub(super) fn of_weighted(samples: &mut [Weighted]) -> Quantiles {
    samples.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let total: f64 = samples.iter().map(|(_, weight)| weight).sum();
    let mut rest = samples.iter().copied();
    let mut upper = rest.next().unwrap_or_default();
    let (mut lower, mut centre_lower, mut centre_upper) = (upper.0, 0.0, upper.1 / 2.0);
    LEVELS.map(|level| {
        while centre_upper < level * total {
            let Some(next) = rest.next() else { return upper.0 };
            (lower, centre_lower) = (upper.0, centre_upper);
            centre_upper += f64::midpoint(upper.1, next.1);
            upper = next;
        }
        let width = centre_upper - centre_lower;
        let share = if width > 0.0 { (level * total - centre_lower) / width } else { 1.0 };
        lower + (upper.0 - lower) * share.clamp(0.0, 1.0)
    })
}

/// The quantile of one level of samples that rise, by the same rule as [`of_weighted`].
pub(super) fn at_level(rising: impl Iterator<Item = Weighted> + Clone, level: f64) -> f64 {
    let total: f64 = rising.clone().map(|(_, weight)| weight).sum();
    let (mut before, mut wanted) = (0.0, 0.0);
    let (mut lower, mut centre_lower) = (rising.clone().next().map_or(0.0, |(value, _)| value), 0.0);
    for (value, weight) in rising {
        let centre = before + weight / 2.0;
        wanted = value;
        if centre >= level * total {
            let width = centre - centre_lower;
            let share = if width > 0.0 { (level * total - centre_lower) / width } else { 1.0 };
            return lower + (value - lower) * share.clamp(0.0, 1.0);
        }
        (lower, centre_lower, before) = (value, centre, before + weight);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(middle(&mut []), None);
        assert_eq!(middle(&mut [3.0, 1.0, 9.0]), Some(3.0));
        assert_eq!(middle(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn weights_count_as_repetitions() {
        let mut weighted: Vec<Weighted> = vec![(3.0, 1.0), (1.0, 2.0), (2.0, 1.0)];
        let mut repeated: Vec<Weighted> = [1.0, 1.0, 2.0, 3.0].map(|value| (value, 1.0)).to_vec();
        let (weighted, repeated) = (of_weighted(&mut weighted), of_weighted(&mut repeated));
        assert!(weighted.is_sorted() && repeated.is_sorted());
        assert!((weighted[10] - 3.0).abs() < 1e-12 && (repeated[10] - 3.0).abs() < 1e-12);
        assert!((median(&weighted) - median(&repeated)).abs() < 0.2);
    }

    #[test]
    fn a_hundred_equal_weights_give_the_plain_quantiles() {
        let mut samples: Vec<Weighted> = (0..100).rev().map(|value| (f64::from(value), 0.5)).collect();
        for (level, quantile) in LEVELS.into_iter().zip(of_weighted(&mut samples)) {
            assert!((quantile - (100.0 * level - 0.5)).abs() < 1e-9, "{level}: {quantile}");
        }
    }

    #[test]
    fn one_level_is_found_as_all_are() {
        let mut samples: Vec<Weighted> = (0..37).map(|i| (f64::from(i * i % 41), f64::from(1 + i % 5))).collect();
        let all = of_weighted(&mut samples);
        for (level, quantile) in LEVELS.into_iter().zip(all) {
            assert!((at_level(samples.iter().copied(), level) - quantile).abs() < 1e-9, "{level}");
        }
        assert!(
            (at_level(samples.into_iter(), 1.0) - 40.0).abs() < 1e-12 && at_level([].into_iter(), 0.5).abs() < 1e-12
        );
    }

    #[test]
    fn quantiles_of_few_sorted_samples_stay_within_them() {
        let sorted = [1.0, 2.0, 4.0];
        let quantiles = LEVELS.map(|level| of_sorted(&sorted, level));
        assert!(quantiles.is_sorted());
        assert!((quantiles[0] - 1.0).abs() < 1e-12 && (median(&quantiles) - 2.0).abs() < 1e-12);
        assert!((quantiles[10] - 4.0).abs() < 1e-12);
    }

    #[test]
    fn the_deviation_is_that_of_a_normal_distribution() {
        let mut samples: Vec<Weighted> = (0..1000).map(|value| (f64::from(value), 1.0)).collect();
        assert!((deviation(&of_weighted(&mut samples)) - 800.0 / 2.5632).abs() < 1.0);
    }
}
