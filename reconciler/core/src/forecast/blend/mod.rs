//! The blend: some twenty simple forecasts, weighed by what each was worth in the series' own past.
//!
//! For each bucket of lead times: forecasts of the past, the weights of least absolute error over
//! them, and the quantiles of what they missed, relative to how restless the series was. Newer
//! forecasts count more. Never draws at random, so that equal pasts give equal bits.

mod bucket;
mod features;
mod ground;
mod past;
pub mod prior;
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
use super::quantiles::Quantiles;
use bucket::{Bucket, buckets};
use features::Features;
use ground::Ground;
use past::{DAYS_LOOKED_AT, Past};
use prior::{LeadPrior, Prior};
use spread::Weights;
use squash::Squash;
use trial::{Verdict, judge};
pub use view::View;
use windows::Missed;

/// Every so many buckets, from the longest, models are judged in, in so many at most.
const JUDGED_EVERY: usize = 5;
const JUDGED_MAX: usize = 2;

/// What was learned of one bucket.
struct Learned {
    /// Lead time, in steps.
    middle: f64,
    weights: Features,
    spread: Weights,
    /// Mean level of spread in the past.
    reference: f64,
    /// Quantiles of the errors, relative to the spread.
    errors: Quantiles,
    /// Factors on the 80 % and the 95 % interval.
    widening: [f64; 2],
}

/// What was learned of one series: some kilobytes, without the series itself. Asked through
/// [`Blend::view`], at the step it was learned at or a little later.
pub struct Blend {
    day: usize,
    squash: Squash,
    /// What counted as no movement.
    still: f64,
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
    /// to `horizon` and windows of so many steps.
    pub fn fit(values: &[f64], day: usize, horizon: usize, windows: &[usize], prior: &Prior) -> Self {
        Self::fit_and_keep(values, day, horizon, windows, prior).0
    }

    /// The same, with the series laid out for a [`View`] from its end.
    pub(super) fn fit_and_keep(
        values: &[f64],
        day: usize,
        horizon: usize,
        windows: &[usize],
        prior: &Prior,
    ) -> (Self, LaidOut) {
        let ground = Ground::new(values, day);
        let with_prior = |bucket: Bucket| Some((bucket, prior.at(bucket.middle() / day as f64)?));
        let buckets: Vec<(Bucket, &LeadPrior)> = buckets(horizon).into_iter().filter_map(with_prior).collect();
        let judged: Vec<(Bucket, &LeadPrior)> =
            buckets.iter().rev().step_by(JUDGED_EVERY).take(JUDGED_MAX).copied().collect();
        let verdict = judge(&ground, &judged);
        let fixed = verdict.as_ref().and_then(|verdict| verdict.fixed);
        let (squash, still) = (ground.squash, ground.past.still);
        let mut blend = Self { day, squash, still, learned: Vec::new(), verdict, missed: Vec::new() };
        let mut start = None;
        for (bucket, prior) in buckets {
            let learned = ground.learn(bucket, prior, fixed, start.as_ref());
            start = Some(learned.weights);
            blend.learned.push(learned);
        }
        blend.missed = windows.iter().map(|length| blend.missed(&ground, *length)).collect();
        (blend, LaidOut { squash, past: ground.past })
    }

    /// Values up to its end that a view looks at, in steps: one that is given more is no other.
    pub fn looked_at(&self) -> usize {
        DAYS_LOOKED_AT * self.day
    }

    /// Forecasts from the last of `values`: those it was fitted to, and what came since.
    pub fn view(&self, values: &[f64]) -> View<'_> {
        let recent = values.get(values.len().saturating_sub(self.looked_at())..).unwrap_or(values);
        let squashed: Vec<f64> = recent.iter().map(|value| self.squash.squashed(*value)).collect();
        let mut squash = self.squash;
        squash.see(&squashed);
        self.view_of(LaidOut { squash, past: Past::recent(squashed, self.day, self.still) })
    }

    /// Forecasts from the end of the series that it was fitted to, or of a later one.
    pub(super) fn view_of(&self, series: LaidOut) -> View<'_> {
        View::new(self, series)
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
            weights.iter_mut().zip(&learned.weights).for_each(|(sum, weight)| *sum += share * weight);
        }
        weights
    }

    /// The two buckets that a lead time lies between, each with its share.
    fn neighbours(&self, lead: usize) -> [Option<(f64, &Learned)>; 2] {
        let after = self.learned.partition_point(|learned| learned.middle < lead as f64);
        let (before, after) = (after.checked_sub(1).and_then(|index| self.learned.get(index)), self.learned.get(after));
        let share = match (before, after) {
            (Some(a), Some(b)) => (lead as f64 / a.middle).ln() / (b.middle / a.middle).ln(),
            (None, _) => 1.0,
            (_, None) => 0.0,
        };
        [before.map(|learned| (1.0 - share, learned)), after.map(|learned| (share, learned))]
    }
}
