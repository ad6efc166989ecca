//! The blend: some twenty simple forecasts, weighed by what each was worth in the series' own past.
//!
//! For each bucket of lead times: forecasts of the past, the weights of least absolute error over
//! them, and the quantiles of what they missed, relative to how restless the series was. Newer
//! forecasts count more. Never draws at random, so that equal pasts give equal bits.

mod bucket;
mod features;
mod past;
pub mod prior;
mod regression;
mod spread;
mod squash;
pub mod training;
mod trial;
mod windows;

use super::backtest::Accuracy;
use super::choice::{ModelName, reason};
use super::distribution::Distribution;
use super::quantiles::{LEVELS, Quantiles, Weighted, median, of_weighted};
use bucket::{Bucket, buckets};
use features::{Features, Origin};
use past::Past;
use prior::{LeadPrior, Prior};
use regression::{Row, dot, fit};
use spread::{Causes, Restlessness, level, ratio};
use squash::Squash;
use trial::{Verdict, judge};

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
const PRIOR_ROWS: f64 = 1.0;

/// Every so many buckets, from the longest, models are judged in, in so many at most.
const JUDGED_EVERY: usize = 5;
const JUDGED_MAX: usize = 2;

/// Rounds of the regression; it begins at the weights of the bucket before.
const ROUNDS: usize = 2;

/// What was learned of one bucket.
struct Learned {
    middle: f64,
    weights: Features,
    spread: Causes,
    /// Mean level of spread in the past.
    reference: f64,
    /// Quantiles of the errors, relative to the spread.
    errors: Quantiles,
    /// Factors on the 80 % and the 95 % interval.
    widening: [f64; 2],
}

/// The blend of one series, ready to forecast.
pub struct Blend {
    past: Past,
    squash: Squash,
    learned: Vec<Learned>,
    places: Vec<Place>,
    verdict: Option<Verdict>,
}

/// A place in the past from which is forecast.
struct Place {
    origin: Origin,
    restlessness: Restlessness,
    /// How much it counts: less with age.
    weight: f64,
}

/// A forecast of the past with what came, and where it was made.
struct Checked {
    row: Row,
    causes: Causes,
    origin: usize,
    lead: usize,
}

impl Checked {
    /// How far it may have been off, relative to `reference`.
    fn spread(&self, prior: &LeadPrior, reference: f64) -> f64 {
        ratio(level(&self.causes, &prior.spread), reference)
    }
}

impl Blend {
    /// Learns from `values` (one per step, NaN for a gap) with `day` steps a day, for lead times up
    /// to `horizon`.
    pub fn fit(values: &[f64], day: usize, horizon: usize, prior: &Prior) -> Self {
        let mut blend = Self::unlearned(values, day);
        let with_prior = |bucket: Bucket| Some((bucket, prior.at(bucket.middle() / day as f64)?));
        let buckets: Vec<(Bucket, &LeadPrior)> = buckets(horizon).into_iter().filter_map(with_prior).collect();
        let judged: Vec<(Bucket, &LeadPrior)> =
            buckets.iter().rev().step_by(JUDGED_EVERY).take(JUDGED_MAX).copied().collect();
        blend.verdict = judge(&blend, &blend.places, &judged);
        let fixed = blend.verdict.as_ref().and_then(|verdict| verdict.fixed);
        let mut start = None;
        for (bucket, prior) in buckets {
            let learned = blend.learn(bucket, prior, fixed, start.as_ref());
            start = Some(learned.weights);
            blend.learned.push(learned);
        }
        blend
    }

    /// The past alone.
    fn unlearned(values: &[f64], day: usize) -> Self {
        let (squash, squashed) = Squash::fit(values);
        let past = Past::new(squashed, day);
        let places = places(&past);
        Self { past, squash, learned: Vec::new(), places, verdict: None }
    }

    fn checked(&self, bucket: Bucket, places: &[Place], weights: &Features) -> Vec<Checked> {
        let check = |(turn, place): (usize, &Place)| {
            let (origin, lead) = (place.origin.step, bucket.lead(turn));
            let value = self.past.get(origin + lead)?;
            let (usual, features) = place.origin.ahead(&self.past, lead);
            let height = self.squash.above_floor(usual + dot(weights, &features));
            let causes = place.restlessness.causes(&self.past, lead, height);
            Some(Checked { row: Row { features, came: value - usual, weight: place.weight }, causes, origin, lead })
        };
        places.iter().enumerate().filter_map(check).collect()
    }

    fn learn(&self, bucket: Bucket, prior: &LeadPrior, fixed: Option<Features>, start: Option<&Features>) -> Learned {
        let start = start.unwrap_or(&prior.weights);
        let checked = self.checked(bucket, &self.places, start);
        let rows: Vec<Row> = checked.iter().map(|checked| checked.row).collect();
        let weights = fixed.unwrap_or_else(|| learn_weights(&rows, start, prior));
        let (mut errors, reference) = errors_of(&checked, &weights, prior);
        let errors = if errors.is_empty() { [0.0; LEVELS.len()] } else { of_weighted(&mut errors) };
        let widening = widening(&self.places, bucket);
        Learned { middle: bucket.middle(), weights, spread: prior.spread, reference, errors, widening }
    }

    /// Quantiles of each of the next `horizon` steps, in the signal's unit.
    pub fn steps(&self, horizon: usize) -> Vec<Quantiles> {
        let now = self.now();
        let restlessness = Restlessness::new(&self.past, &now);
        (1..=horizon).map(|lead| self.step(&now, &restlessness, lead)).collect()
    }

    /// Distributions of the highest and the lowest value of the next `length` steps; `None` when no
    /// such window was seen.
    pub(super) fn window(&self, length: usize) -> Option<(Distribution, Distribution)> {
        let extremes = self.extremes(&self.now(), &self.places, length);
        let kept = self.verdict.as_ref().map_or((1.0, 1.0), |verdict| verdict.loss.kept());
        let distribution = |samples: Vec<Weighted>, kept: f64| {
            (!samples.is_empty()).then(|| Distribution::new(samples, extremes.evidence * kept))
        };
        Some((distribution(extremes.highest, kept.0)?, distribution(extremes.lowest, kept.1)?))
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

    fn now(&self) -> Origin {
        Origin::new(&self.past, self.past.len().saturating_sub(1))
    }

    /// What is expected `lead` steps after an origin, squashed.
    fn point(&self, origin: &Origin, lead: usize) -> f64 {
        let (usual, features) = origin.ahead(&self.past, lead);
        let weighed =
            self.neighbours(lead).into_iter().flatten().map(|(share, it)| share * dot(&it.weights, &features));
        usual + weighed.sum::<f64>()
    }

    fn step(&self, origin: &Origin, restlessness: &Restlessness, lead: usize) -> Quantiles {
        let point = self.point(origin, lead);
        let causes = restlessness.causes(&self.past, lead, self.squash.above_floor(point));
        let (mut quantiles, mut widening) = ([point; LEVELS.len()], [0.0; 2]);
        for (share, learned) in self.neighbours(lead).into_iter().flatten() {
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

fn learn_weights(rows: &[Row], start: &Features, prior: &LeadPrior) -> Features {
    fit(rows, start, &prior.weights, PRIOR_ROWS, ROUNDS)
}

/// What was missed, relative to the spread, and the level of spread that it is relative to.
fn errors_of(checked: &[Checked], weights: &Features, prior: &LeadPrior) -> (Vec<Weighted>, f64) {
    let levels = checked.iter().map(|checked| level(&checked.causes, &prior.spread));
    let reference = levels.sum::<f64>() / checked.len().max(1) as f64;
    let scaled = |it: &Checked| (it.row.error(weights) / it.spread(prior, reference), it.row.weight);
    (checked.iter().map(scaled).collect(), reference)
}

/// Factors on the intervals of a bucket, from how many independent windows of its length were seen.
fn widening(places: &[Place], bucket: Bucket) -> [f64; 2] {
    let [newest, .., oldest] = places else { return UNDERSTATED };
    let spacing = (newest.origin.step - oldest.origin.step) as f64 / (places.len() - 1) as f64;
    let sum: f64 = places.iter().map(|place| place.weight).sum();
    let squares: f64 = places.iter().map(|place| place.weight * place.weight).sum();
    let windows = (sum * sum / squares * spacing).max(1.0) / bucket.middle();
    UNDERSTATED.map(|factor| factor * (1.0 + WEIGHTS_DECIDED / windows).sqrt())
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
