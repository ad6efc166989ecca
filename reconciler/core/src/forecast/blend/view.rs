//! What was learned of a series, asked from its newest value.
//!
//! Never learns: the same blend asked later answers from newer values with the same weights.

use super::features::Origin;
use super::past::Past;
use super::spread::{Causes, RATIO_MAX, Restlessness, Then, level, ratio};
use super::squash::Squash;
use super::windows::{Missed, foreseen, looks, stride};
use super::{Blend, LaidOut};
use crate::forecast::distribution::Distribution;
use crate::forecast::quantiles::{LEVELS, Quantiles, Weighted, median};
use crate::model::signal::Direction;

/// A blend at the end of the series that it was learned from.
pub struct View<'a> {
    blend: &'a Blend,
    series: LaidOut,
    now: Origin,
}

impl<'a> View<'a> {
    pub(super) fn new(blend: &'a Blend, series: LaidOut) -> Self {
        let now = Origin::new(&series.past, series.past.len().saturating_sub(1));
        Self { blend, series, now }
    }

    /// Quantiles of each of the next `horizon` steps, in the signal's unit.
    pub fn steps(&self, horizon: usize) -> Vec<Quantiles> {
        let restlessness = Restlessness::new(self.past(), &self.now);
        (1..=horizon).map(|lead| self.step(&restlessness, lead)).collect()
    }

    /// Distributions of the highest and the lowest value of the next `length` steps; `None` when no such window was seen.
    pub(in crate::forecast) fn window(&self, length: usize) -> Option<(Distribution, Distribution)> {
        let missed = self.blend.nearest(length)?;
        let looks = looks(self.blend, length, stride(missed.length));
        let (low, high) = foreseen(self.past(), &self.now, &looks);
        let extreme = |side, foreseen| self.blend.extreme(&self.series.squash, missed, side, foreseen);
        Some((extreme(Direction::Above, high)?, extreme(Direction::Below, low)?))
    }

    fn past(&self) -> &Past {
        &self.series.past
    }

    fn step(&self, restlessness: &Restlessness, lead: usize) -> Quantiles {
        let (past, squash) = (self.past(), &self.series.squash);
        let point = self.now.point(past, lead, &self.blend.weights(lead));
        let then = Then::new(past, self.now.step, lead);
        let causes = restlessness.causes(then, squash.above_floor(point), past.still);
        self.blend.quantiles(squash, lead, point, &causes)
    }
}

impl Blend {
    /// What was missed of windows of the length nearest to `length`.
    pub(super) fn nearest(&self, length: usize) -> Option<&Missed> {
        self.missed.iter().min_by_key(|missed| missed.length.abs_diff(length))
    }

    /// Distribution of the extreme of a window on one side, where `foreseen` (squashed) is expected and so much was
    /// `missed` of windows like it.
    pub(super) fn extreme(
        &self,
        squash: &Squash,
        missed: &Missed,
        side: Direction,
        foreseen: f64,
    ) -> Option<Distribution> {
        let (above, below) = self.verdict.as_ref().map_or((1.0, 1.0), |verdict| verdict.loss.kept());
        let in_units = |(error, weight): &(f32, f32)| {
            (squash.in_units(foreseen + f64::from(*error), foreseen), f64::from(*weight))
        };
        let samples: Vec<Weighted> = missed.on(side).iter().map(in_units).collect();
        (!samples.is_empty()).then(|| Distribution::new(samples, missed.evidence * side.pick(above, below)))
    }

    /// How far a median may be from what is expected, squashed.
    pub(super) fn bias_max(&self) -> f64 {
        let biases = self.learned.iter().map(|learned| median(&learned.errors.map(f64::from)).abs());
        RATIO_MAX.exp() * biases.fold(0.0, f64::max)
    }

    /// Quantiles `lead` steps ahead, in the signal's unit, where `point` is expected, squashed.
    pub(super) fn quantiles(&self, squash: &Squash, lead: usize, point: f64, causes: &Causes) -> Quantiles {
        let (quantiles, widening) = self.around(lead, point, causes);
        let middle = median(&quantiles);
        // In the signal's unit: widened before, the far tail of a spiky series would be blown up by powers.
        let widened = widened(quantiles.map(|quantile| squash.in_units(quantile, middle)), widening);
        let (least, greatest) = squash.bounds(middle);
        widened.map(|quantile| quantile.max(least).min(greatest))
    }

    /// The same, squashed and not yet widened, and the factors by which they are to be.
    pub(super) fn around(&self, lead: usize, point: f64, causes: &Causes) -> (Quantiles, [f64; 2]) {
        let (mut quantiles, mut widening) = ([point; LEVELS.len()], [0.0; 2]);
        for (share, learned) in self.neighbours(lead).into_iter().flatten() {
            let factor = share * ratio(level(causes, &learned.spread.map(f64::from)), learned.reference);
            quantiles
                .iter_mut()
                .zip(learned.errors)
                .for_each(|(quantile, error)| *quantile += factor * f64::from(error));
            widening.iter_mut().zip(learned.widening).for_each(|(sum, factor)| *sum += share * f64::from(factor));
        }
        (quantiles, widening)
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
