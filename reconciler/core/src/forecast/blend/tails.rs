//! The ends of the 95 % interval, where a past holds too few windows to tell them.
//!
//! An end rests on one error in forty. Of lead times of a day a month has some twenty independent windows, so that the
//! end is what one odd day did. How many times further out than the decile it usually lies is known better.

use crate::forecast::quantiles::{Quantiles, median};

/// How many times as far from the median as its decile an end usually lies: 1.53 for a normal distribution, more for
/// telemetry.
const USUAL: f64 = 1.7;

/// Independent windows that the usual ratio is worth.
const WINDOWS: f64 = 30.0;

/// Share of the distance between the deciles from which the one of a side tells anything.
const DISTANCE_MIN: f64 = 0.01;

/// Errors' quantiles with their ends drawn towards the usual ratio, by how few `windows` they were learned from.
pub(super) fn steadied(mut quantiles: Quantiles, windows: f64) -> Quantiles {
    let middle = median(&quantiles);
    let [lowest, low, .., high, highest] = &mut quantiles;
    let least = DISTANCE_MIN * (*high - *low);
    let usual = WINDOWS / (windows + WINDOWS);
    for (end, decile) in [(lowest, *low), (highest, *high)] {
        let (seen, distance) = (*end - middle, decile - middle);
        if distance.abs() > least {
            let ratio = (seen / distance).powf(1.0 - usual) * USUAL.powf(usual);
            *end = middle + distance * ratio.max(1.0);
        }
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tail three times as far out as its decile on one side, and one that no decile tells of on the other.
    const QUANTILES: Quantiles = [-9.0, -3.0, -2.0, -1.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0];

    #[test]
    fn many_windows_are_believed_and_few_are_drawn_to_what_is_usual() {
        let [of_few, of_many] = [1.0, 3_000.0].map(|windows| steadied(QUANTILES, windows)[0]);
        assert!((-5.4..-5.1).contains(&of_few) && (-9.0..-8.9).contains(&of_many), "{of_few} {of_many}");
    }

    #[test]
    fn an_end_whose_decile_is_the_median_stays() {
        let steadied = steadied(QUANTILES, 1.0);
        assert!(steadied.is_sorted() && (steadied[10] - 8.0).abs() < 1e-12, "{steadied:?}");
        assert!(super::steadied([0.0; 11], 1.0).iter().all(|quantile| *quantile == 0.0));
    }
}
