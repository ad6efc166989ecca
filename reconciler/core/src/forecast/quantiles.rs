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
