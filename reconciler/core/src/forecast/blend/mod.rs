//! The blend: some twenty simple forecasts, weighed by what each was worth in the series' own past.
//!
//! For each bucket of lead times: forecasts of the past, the weights of least absolute error over
//! them, and the quantiles of what they missed, relative to how restless the series was. Newer
//! forecasts count more. Never draws at random, so that equal pasts give equal bits.

mod bucket;
mod features;
mod ground;
mod hour;
mod past;
pub mod prior;
mod recent;
mod regression;
mod spread;
mod squash;
mod tails;
pub mod training;
mod trial;
mod view;
mod windows;

use super::backtest::Accuracy;
use super::choice::{ModelName, reason};
use super::quantiles::LEVELS;
use crate::model::signal::Direction;
use bucket::{Bucket, buckets};
use features::Features;
use ground::Ground;
pub use hour::{Hour, Look};
use past::Past;
use prior::{LeadPrior, Prior};
use squash::Squash;
use trial::{Verdict, judge};
pub use view::View;
use windows::Missed;

/// Every so many buckets, from the longest, models are judged in, in so many at most.
const JUDGED_EVERY: usize = 5;
const JUDGED_MAX: usize = 2;

/// What was learned of one bucket: as precise as the history keeps its values.
struct Learned {
    /// Lead time, in steps, and its logarithm.
    middle: f64,
    log: f64,
    weights: [f32; features::COUNT],
    spread: [f32; spread::COUNT],
    /// Mean level of spread in the past.
    reference: f64,
    /// Quantiles of the errors, relative to the spread.
    errors: [f32; LEVELS.len()],
    /// Factors on the 80 % and the 95 % interval.
    widening: [f32; 2],
}

/// What was learned of one series: some kilobytes, without the series itself. Asked through
/// [`Blend::view`] at the step it was learned at, and through a [`Look`] within the hour after.
pub struct Blend {
    squash: Squash,
    learned: Vec<Learned>,
    verdict: Option<Verdict>,
    /// By length of the window, in the order asked for.
    missed: Vec<Missed>,
}

/// A series, ready to be forecast from its end.
pub(super) struct LaidOut {
    squash: Squash,
    past: Past,
}

impl Blend {
    /// Learns from `values` (one per step, NaN for a gap) with `day` steps a day, for lead times up
    /// to `horizon` and windows of so many steps. Answers with the series laid out for a [`View`] or an [`Hour`].
    pub(super) fn fit(values: &[f64], day: usize, horizon: usize, windows: &[usize], prior: &Prior) -> (Self, LaidOut) {
        let ground = Ground::new(values, day);
        let with_prior = |bucket: Bucket| Some((bucket, prior.at(bucket.middle() / day as f64)?));
        let buckets: Vec<(Bucket, &LeadPrior)> = buckets(horizon).into_iter().filter_map(with_prior).collect();
        let judged: Vec<(Bucket, &LeadPrior)> =
            buckets.iter().rev().step_by(JUDGED_EVERY).take(JUDGED_MAX).copied().collect();
        let verdict = judge(&ground, &judged);
        let fixed = verdict.as_ref().and_then(|verdict| verdict.fixed);
        let squash = ground.squash;
        let mut blend = Self { squash, learned: Vec::with_capacity(buckets.len()), verdict, missed: Vec::new() };
        let mut start = None;
        for (bucket, prior) in buckets {
            let learned = ground.learn(bucket, prior, fixed, start.as_ref());
            start = Some(learned.weights.map(f64::from));
            blend.learned.push(learned);
        }
        blend.missed = windows.iter().map(|length| blend.missed(&ground, *length)).collect();
        (blend, LaidOut { squash, past: ground.past })
    }

    /// Forecasts from the end of the series that it was fitted to.
    pub(super) fn view(&self, series: LaidOut) -> View<'_> {
        View::new(self, series)
    }

    /// Forgets what was missed on the other side of windows.
    pub(super) fn keep(&mut self, side: Direction) {
        self.missed.iter_mut().for_each(|missed| missed.keep(side));
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let missed = |it: &Missed| (it.highest.capacity() + it.lowest.capacity()) * size_of::<(f32, f32)>();
        self.learned.capacity() * size_of::<Learned>()
            + self.missed.capacity() * size_of::<Missed>()
            + self.missed.iter().map(missed).sum::<usize>()
    }

    /// The model that the past preferred.
    pub(super) fn model(&self) -> ModelName {
        self.verdict.as_ref().map_or(ModelName::Blend, |verdict| verdict.model)
    }

    /// Why that model, for people.
    pub(super) fn reason(&self) -> String {
        let told =
            |verdict: &Verdict| reason((verdict.model, &verdict.loss), (ModelName::SeasonalNaive, &verdict.naive));
        self.verdict.as_ref().map(told).unwrap_or_default()
    }

    /// How good its forecasts of the past were; `None` when too few could be checked.
    pub(super) fn accuracy(&self) -> Option<Accuracy> {
        self.verdict.as_ref().map(|verdict| verdict.loss.accuracy(&verdict.naive))
    }

    /// What the corrections weigh `lead` steps after any origin.
    fn weights(&self, lead: usize) -> Features {
        let mut weights = Features::default();
        for (share, learned) in self.neighbours(lead).into_iter().flatten() {
            weights.iter_mut().zip(&learned.weights).for_each(|(sum, weight)| *sum += share * f64::from(*weight));
        }
        weights
    }

    /// The two buckets that a lead time lies between, each with its share.
    fn neighbours(&self, lead: usize) -> [Option<(f64, &Learned)>; 2] {
        let after = self.learned.partition_point(|learned| learned.middle < lead as f64);
        let (before, after) = (after.checked_sub(1).and_then(|index| self.learned.get(index)), self.learned.get(after));
        let share = match (before, after) {
            (Some(a), Some(b)) => ((lead as f64).ln() - a.log) / (b.log - a.log),
            (None, _) => 1.0,
            (_, None) => 0.0,
        };
        [before.map(|learned| (1.0 - share, learned)), after.map(|learned| (share, learned))]
    }
}
