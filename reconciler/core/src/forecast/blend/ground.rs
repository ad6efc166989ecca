//! What a series did, with the places in it from which is forecast: all that is needed to learn, and
//! nothing of it to forecast.
//!
//! Never sees a value after the last one.

use super::Learned;
use super::bucket::Bucket;
use super::features::{Features, Origin};
use super::past::Past;
use super::prior::LeadPrior;
use super::regression::{Row, dot, fit};
use super::spread::{Causes, Restlessness, Then, level, ratio};
use super::squash::Squash;
use super::tails::steadied;
use crate::forecast::quantiles::{LEVELS, Weighted, of_weighted};
use crate::history::narrow;

/// Origins of the back-test: enough for twenty weights, few enough for a millisecond.
const ORIGINS_MAX: usize = 360;

/// Days after which a forecast of the past counts half. From six to ten, losses differ by a hundredth.
const HALF_LIFE_DAYS: f64 = 7.0;

/// How much wider than past errors the next ones fall, for the 80 % and for the 95 % interval, however
/// many errors were seen: the weights were fitted to these very errors.
const UNDERSTATED: [f64; 2] = [1.04, 1.06];

/// Weights that a series' past really decides: as in a regression, this many over the number of
/// independent windows is the share by which squared errors of the past understate the next.
/// Measured on series cut to three, five and nine days, and on whole ones of up to 28.
const WEIGHTS_DECIDED: f64 = 6.0;

/// How many rows the prior weights are worth.
pub(super) const PRIOR_ROWS: f64 = 1.0;

/// Rounds of the regression; it begins at the weights of the bucket before.
const ROUNDS: usize = 2;

/// The past of one series.
pub(super) struct Ground {
    pub(super) past: Past,
    pub(super) squash: Squash,
    pub(super) places: Vec<Place>,
}

/// A place in the past from which is forecast.
pub(super) struct Place {
    pub(super) origin: Origin,
    restlessness: Restlessness,
    /// How much it counts: less with age.
    pub(super) weight: f64,
}

/// A forecast of the past with what came, and where it was made.
pub(super) struct Checked {
    pub(super) row: Row,
    pub(super) causes: Causes,
    pub(super) origin: usize,
    pub(super) lead: usize,
}

impl AsRef<Row> for Checked {
    fn as_ref(&self) -> &Row {
        &self.row
    }
}

impl Checked {
    /// How far it may have been off, relative to `reference`.
    pub(super) fn spread(&self, prior: &LeadPrior, reference: f64) -> f64 {
        ratio(level(&self.causes, &prior.spread), reference)
    }
}

impl Ground {
    /// Of `values`, one per step, NaN for a gap, with `day` steps a day.
    pub(super) fn new(values: &[f64], day: usize) -> Self {
        let (squash, squashed) = Squash::fit(values);
        let past = Past::new(squashed, day);
        let places = places(&past);
        Self { past, squash, places }
    }

    /// Forecasts of the past, one from each place, with what came.
    pub(super) fn checked(&self, bucket: Bucket, weights: &Features) -> Vec<Checked> {
        let check = |(turn, place): (usize, &Place)| {
            let (origin, lead) = (place.origin.step, bucket.lead(turn));
            let value = self.past.get(origin + lead)?;
            let (usual, features) = place.origin.ahead(&self.past, lead);
            let height = self.squash.above_floor(usual + dot(weights, &features));
            let then = Then::new(&self.past, origin, lead);
            let causes = place.restlessness.causes(then, height, self.past.still);
            Some(Checked { row: Row { features, came: value - usual, weight: place.weight }, causes, origin, lead })
        };
        // Made as long as it may become: growing would copy everything twice.
        let mut checked = Vec::with_capacity(self.places.len());
        checked.extend(self.places.iter().enumerate().filter_map(check));
        checked
    }

    /// What the past teaches of a bucket: all of it, or the errors of `fixed` weights alone.
    pub(super) fn learn(
        &self,
        bucket: Bucket,
        prior: &LeadPrior,
        fixed: Option<Features>,
        start: Option<&Features>,
    ) -> Learned {
        let start = start.unwrap_or(&prior.weights);
        let checked = self.checked(bucket, start);
        let weights = fixed.unwrap_or_else(|| learn_weights(&checked, start, prior));
        let reference = reference(&checked, prior);
        let spreads: Vec<f64> = checked.iter().map(|it| it.spread(prior, reference)).collect();
        let mut errors = errors_of(&checked, &spreads, &weights);
        let errors = if errors.is_empty() { [0.0; LEVELS.len()] } else { of_weighted(&mut errors) };
        let windows = windows(&self.places, bucket);
        let (errors, widening) = (steadied(errors, windows), widening(windows));
        Learned {
            middle: bucket.middle(),
            log: bucket.middle().ln(),
            weights: weights.map(narrow),
            spread: prior.spread.map(narrow),
            reference,
            errors: errors.map(narrow),
            widening: widening.map(narrow),
        }
    }
}

/// Where forecasts of the past are made, newest first; never at a gap.
fn places(past: &Past) -> Vec<Place> {
    let last = past.len().saturating_sub(1);
    let first = (2 * past.spans.day).min(last / 3);
    let spacing = (last - first).div_ceil(ORIGINS_MAX).max(1);
    let at = |step: usize| {
        let origin = Origin::new(past, step);
        let restlessness = Restlessness::new(past, &origin);
        let age = (last - step) as f64 / past.spans.day as f64;
        Place { origin, restlessness, weight: 0.5_f64.powf(age / HALF_LIFE_DAYS) }
    };
    let steps = (first..last).rev().step_by(spacing);
    steps.filter(|step| past.get(*step).is_some()).map(at).collect()
}

pub(super) fn learn_weights(rows: &[Checked], start: &Features, prior: &LeadPrior) -> Features {
    fit(rows, start, &prior.weights, PRIOR_ROWS, ROUNDS)
}

/// The level of spread that others are relative to: its mean.
pub(super) fn reference(checked: &[Checked], prior: &LeadPrior) -> f64 {
    let levels = checked.iter().map(|checked| level(&checked.causes, &prior.spread));
    levels.sum::<f64>() / checked.len().max(1) as f64
}

/// What was missed, relative to the spreads.
pub(super) fn errors_of(checked: &[Checked], spreads: &[f64], weights: &Features) -> Vec<Weighted> {
    let scaled = |(it, spread): (&Checked, &f64)| (it.row.error(weights) / spread, it.row.weight);
    checked.iter().zip(spreads).map(scaled).collect()
}

/// How many independent windows of a bucket's length the places hold, the newer counting more.
fn windows(places: &[Place], bucket: Bucket) -> f64 {
    let [newest, .., oldest] = places else { return f64::INFINITY };
    let spacing = (newest.origin.step - oldest.origin.step) as f64 / (places.len() - 1) as f64;
    let sum: f64 = places.iter().map(|place| place.weight).sum();
    let squares: f64 = places.iter().map(|place| place.weight * place.weight).sum();
    (sum * sum / squares * spacing).max(1.0) / bucket.middle()
}

/// Factors on the intervals learned from so many independent windows.
fn widening(windows: f64) -> [f64; 2] {
    UNDERSTATED.map(|factor| factor * (1.0 + WEIGHTS_DECIDED / windows).sqrt())
}
