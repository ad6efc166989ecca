//! What was learned of a series, asked from its newest value.
//!
//! Never learns: the same blend asked later answers from newer values with the same weights.

use super::features::Origin;
use super::past::Past;
use super::spread::{Restlessness, level, ratio};
use super::squash::Squash;
use super::windows::{foreseen, looks};
use super::{Blend, LaidOut};
use crate::forecast::distribution::Distribution;
use crate::forecast::quantiles::{LEVELS, Quantiles, Weighted, median};

/// A blend at one moment of its series.
pub struct View<'a> {
    blend: &'a Blend,
    squash: Squash,
    past: Past,
    now: Origin,
}

impl<'a> View<'a> {
    pub(super) fn new(blend: &'a Blend, LaidOut { squash, past }: LaidOut) -> Self {
        let now = Origin::new(&past, past.len().saturating_sub(1));
        Self { blend, squash, past, now }
    }

    /// Quantiles of each of the next `horizon` steps, in the signal's unit.
    pub fn steps(&self, horizon: usize) -> Vec<Quantiles> {
        let restlessness = Restlessness::new(&self.past, &self.now);
        (1..=horizon).map(|lead| self.step(&restlessness, lead)).collect()
    }

    /// Distributions of the highest and the lowest value of the next `length` steps, by what was
    /// missed of windows of the nearest length; `None` when no such window was seen.
    pub(in crate::forecast) fn window(&self, length: usize) -> Option<(Distribution, Distribution)> {
        let missed = self.blend.missed.iter().min_by_key(|missed| missed.length.abs_diff(length))?;
        let kept = self.blend.verdict.as_ref().map_or((1.0, 1.0), |verdict| verdict.loss.kept());
        let (low, high) = foreseen(&self.past, &self.now, &looks(self.blend, length));
        let around = |foreseen: f64, missed: &[Weighted], kept: f64| {
            let in_units = |(error, weight): &Weighted| (self.squash.in_units(foreseen + error, foreseen), *weight);
            let samples: Vec<Weighted> = missed.iter().map(in_units).collect();
            (samples, kept)
        };
        let distribution = |(samples, kept): (Vec<Weighted>, f64)| {
            (!samples.is_empty()).then(|| Distribution::new(samples, missed.evidence * kept))
        };
        Some((distribution(around(high, &missed.highest, kept.0))?, distribution(around(low, &missed.lowest, kept.1))?))
    }

    fn step(&self, restlessness: &Restlessness, lead: usize) -> Quantiles {
        let point = self.now.point(&self.past, lead, &self.blend.weights(lead));
        let causes = restlessness.causes(&self.past, lead, self.squash.above_floor(point));
        let (mut quantiles, mut widening) = ([point; LEVELS.len()], [0.0; 2]);
        for (share, learned) in self.blend.neighbours(lead).into_iter().flatten() {
            let factor = share * ratio(level(&causes, &learned.spread), learned.reference);
            quantiles.iter_mut().zip(&learned.errors).for_each(|(quantile, error)| *quantile += factor * error);
            widening.iter_mut().zip(learned.widening).for_each(|(sum, factor)| *sum += share * factor);
        }
        let middle = median(&quantiles);
        // In the signal's unit: widened before, the far tail of a spiky series would be blown up by powers.
        let widened = widened(quantiles.map(|quantile| self.squash.in_units(quantile, middle)), widening);
        let (least, greatest) = self.squash.bounds(middle);
        widened.map(|quantile| quantile.max(least).min(greatest))
    }
}

/// Quantiles further from their median, by one factor up to the 80 % interval and one at the ends.
fn widened(quantiles: Quantiles, [inner, outer]: [f64; 2]) -> Quantiles {
    let middle = median(&quantiles);
    let mut index = 0;
    quantiles.map(|quantile| {
        let is_end = index == 0 || index == LEVELS.len() - 1;
        index += 1;
        middle + (quantile - middle) * if is_end { outer } else { inner }
    })
}
