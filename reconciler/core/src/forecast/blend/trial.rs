//! Which model a series' own past prefers: each learns from the older part and is judged on the
//! newer, so that many weights are no advantage.
//!
//! Never prefers a model that did not beat the naive one.

use super::bucket::Bucket;
use super::features::{A_DAY_BEFORE, Features, LEVELS as SMOOTHED, NEWEST};
use super::ground::{Checked, Ground, errors_of, learn_weights, reference};
use super::prior::LeadPrior;
use crate::forecast::backtest::{Loss, Tally};
use crate::forecast::choice::ModelName;
use crate::forecast::quantiles::of_weighted;

/// Share of the forecasts of the past, the newest, that models are judged on.
const JUDGED: usize = 4;

/// Fewest forecasts on either side of the cut.
const ROWS_MIN: usize = 10;

/// Factor on the blend's loss before it is compared. One model serves all lead times, and the blend
/// is the only one that differs by lead time; the few buckets judged do not show that.
const BLEND_ADVANTAGE: f64 = 0.9;

/// What becomes of the models.
pub(super) struct Verdict {
    pub(super) model: ModelName,
    /// Of a model that does not learn.
    pub(super) fixed: Option<Features>,
    pub(super) loss: Loss,
    pub(super) naive: Loss,
}

/// The models in the order in which they win a draw.
fn candidates() -> [(ModelName, Option<Features>); 4] {
    let [short, long] = SMOOTHED;
    [
        (ModelName::SeasonalNaive, Some(A_DAY_BEFORE)),
        (ModelName::SmoothedLevel, Some(short)),
        (ModelName::SmoothedLevel, Some(long)),
        (ModelName::Blend, None),
    ]
}

/// The model of least loss over the given buckets; `None` when too little could be checked.
pub(super) fn judge(ground: &Ground, buckets: &[(Bucket, &LeadPrior)]) -> Option<Verdict> {
    let mut tallies = candidates().map(|_| Tally::default());
    let mut judged = 0;
    for (bucket, prior) in buckets {
        let checked = ground.checked(*bucket, &prior.weights);
        let (newer, older) = split(&checked);
        if newer.len() < ROWS_MIN || older.len() < ROWS_MIN {
            continue;
        }
        judged = judged.max(newer.len());
        let trial = Trial::new((newer, older), prior);
        for ((_, fixed), tally) in candidates().iter().zip(&mut tallies) {
            trial.judge(*fixed, tally);
        }
    }
    let losses = tallies.iter().map(|tally| tally.loss(judged)).collect::<Option<Vec<Loss>>>()?;
    let naive = *losses.first()?;
    let best = candidates().into_iter().zip(losses).reduce(|best, next| {
        let handicap = if next.0.0 == ModelName::Blend { BLEND_ADVANTAGE } else { 1.0 };
        if handicap * next.1.pinball < best.1.pinball { next } else { best }
    });
    best.map(|((model, fixed), loss)| Verdict { model, fixed, loss, naive })
}

/// The newest forecasts, and those whose outcome was known before the first of them.
fn split(checked: &[Checked]) -> (&[Checked], &[Checked]) {
    let (newer, older) = checked.split_at(checked.len() / JUDGED);
    let cut = newer.last().map_or(0, |oldest| oldest.origin);
    let known = older.partition_point(|checked| checked.origin + checked.lead > cut);
    (newer, older.get(known..).unwrap_or_default())
}

/// How far the newest value was from what came.
fn typical_move(checked: &[Checked]) -> f64 {
    let mean = checked.iter().map(|checked| checked.row.error(&NEWEST).abs()).sum::<f64>() / checked.len() as f64;
    if mean > 0.0 { mean } else { 1.0 }
}

/// What the models are judged on in one bucket.
struct Trial<'a> {
    older: &'a [Checked],
    newer: &'a [Checked],
    /// What each may have been off, which is the same whatever the model.
    spreads_older: Vec<f64>,
    spreads_newer: Vec<f64>,
    prior: &'a LeadPrior,
    /// Unit of the losses.
    scale: f64,
}

impl<'a> Trial<'a> {
    fn new((newer, older): (&'a [Checked], &'a [Checked]), prior: &'a LeadPrior) -> Self {
        let reference = reference(older, prior);
        let spreads = |checked: &[Checked]| checked.iter().map(|it| it.spread(prior, reference)).collect();
        let (spreads_older, spreads_newer) = (spreads(older), spreads(newer));
        Self { older, newer, spreads_older, spreads_newer, prior, scale: typical_move(newer) }
    }

    /// Judges the model of `fixed` weights, or the one that learns them.
    fn judge(&self, fixed: Option<Features>, tally: &mut Tally) {
        let weights = fixed.unwrap_or_else(|| learn_weights(self.older, &self.prior.weights, self.prior));
        let quantiles = of_weighted(&mut errors_of(self.older, &self.spreads_older, &weights));
        for (checked, spread) in self.newer.iter().zip(&self.spreads_newer) {
            let quantiles = quantiles.map(|quantile| quantile * spread);
            tally.add(checked.row.error(&weights), &quantiles, self.scale, 1.0);
        }
    }
}
