//! The blend: some twenty simple forecasts, weighed by what each was worth in the series' own past.
//!
//! For each bucket of lead times: forecasts of the past, the weights of least absolute error over
//! them, and the quantiles of what they missed, relative to how restless the series was. Newer
//! forecasts count more. Never draws at random, so that equal pasts give equal bits.

mod features;
mod past;
pub mod prior;
mod regression;
mod spread;
mod squash;
pub mod training;

use super::quantiles::{LEVELS, Quantiles, Weighted, median, of_weighted};
use features::{Features, Origin};
use past::Past;
use prior::{LeadPrior, Prior};
use regression::{Row, dot, fit};
use spread::{Causes, Restlessness, level, ratio};
use squash::Squash;

/// Origins of the back-test: enough for twenty weights, few enough for a millisecond.
const ORIGINS_MAX: usize = 480;

/// Fewest steps between two origins: closer ones see mostly the same.
const SPACING_MIN: usize = 4;

/// Days after which a forecast of the past counts half.
const HALF_LIFE_DAYS: f64 = 10.0;

/// How many rows the prior weights are worth.
const PRIOR_ROWS: f64 = 1.0;

/// Rounds of the regression; it begins at the weights of the bucket before.
const ROUNDS: usize = 2;

/// Last lead time of each bucket, in steps; beyond them each is twice the one before.
const BUCKET_ENDS: [usize; 10] = [1, 2, 4, 7, 12, 24, 48, 96, 192, 288];

/// Lead times that are forecast alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    first: usize,
    last: usize,
}

impl Bucket {
    fn middle(self) -> f64 {
        f64::midpoint(self.first as f64, self.last as f64)
    }

    /// A lead time in it, another one for each `turn`, spread evenly (by the golden ratio).
    fn lead(self, turn: usize) -> usize {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let share = (turn as f64 * GOLDEN).fract();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
        let offset = (share * (self.last - self.first + 1) as f64) as usize;
        (self.first + offset).min(self.last)
    }
}

fn buckets(horizon: usize) -> Vec<Bucket> {
    let beyond = std::iter::successors(BUCKET_ENDS.last().map(|end| 2 * end), |end| Some(2 * end));
    let mut first = 1;
    let mut buckets = Vec::new();
    for end in BUCKET_ENDS.into_iter().chain(beyond) {
        buckets.push(Bucket { first, last: end.min(horizon) });
        first = end + 1;
        if first > horizon {
            break;
        }
    }
    buckets
}

/// What was learned of one bucket.
struct Learned {
    middle: f64,
    weights: Features,
    spread: Causes,
    /// Mean level of spread in the past.
    reference: f64,
    /// Quantiles of the errors, relative to the spread.
    errors: Quantiles,
}

/// The blend of one series, ready to forecast.
pub struct Blend {
    past: Past,
    squash: Squash,
    learned: Vec<Learned>,
    horizon: usize,
}

/// A forecast of the past with where it was made.
struct Checked {
    row: Row,
    causes: Causes,
}

impl Blend {
    /// Learns from `values` (one per step, NaN for a gap) with `day` steps a day.
    pub fn fit(values: &[f64], day: usize, horizon: usize, prior: &Prior) -> Self {
        let (squash, squashed) = Squash::fit(values);
        let past = Past::new(squashed, day);
        let mut blend = Self { past, squash, learned: Vec::new(), horizon };
        let origins = blend.origins();
        let mut start = None;
        for bucket in buckets(horizon) {
            let Some(prior) = prior.at(bucket.middle() / day as f64) else { continue };
            let learned = blend.learn(bucket, &origins, prior, start.as_ref());
            start = Some(learned.weights);
            blend.learned.push(learned);
        }
        blend
    }

    /// Where forecasts of the past are made, newest first; never at a gap.
    fn origins(&self) -> Vec<(Origin, Restlessness)> {
        let last = self.past.len().saturating_sub(1);
        let first = (2 * self.past.spans.day).min(last / 3);
        let spacing = (last - first).div_ceil(ORIGINS_MAX).max(SPACING_MIN);
        let at = |step: usize| {
            let origin = Origin::new(&self.past, step);
            let restlessness = Restlessness::new(&self.past, &origin);
            (origin, restlessness)
        };
        let steps = (first..last).rev().step_by(spacing);
        steps.filter(|step| self.past.get(*step).is_some()).map(at).collect()
    }

    fn checked(&self, bucket: Bucket, origins: &[(Origin, Restlessness)], weights: &Features) -> Vec<Checked> {
        let last = self.past.len().saturating_sub(1);
        let day = self.past.spans.day as f64;
        let check = |(turn, (origin, restlessness)): (usize, &(Origin, Restlessness))| {
            let lead = bucket.lead(turn);
            let value = self.past.get(origin.step + lead)?;
            let (usual, features) = origin.ahead(&self.past, lead);
            let height = self.squash.above_floor(usual + dot(weights, &features));
            let age = (last - origin.step - lead) as f64 / day;
            let weight = 0.5_f64.powf(age / HALF_LIFE_DAYS);
            let causes = restlessness.causes(&self.past, lead, height);
            Some(Checked { row: Row { features, came: value - usual, weight }, causes })
        };
        origins.iter().enumerate().filter_map(check).collect()
    }

    fn learn(
        &self,
        bucket: Bucket,
        origins: &[(Origin, Restlessness)],
        prior: &LeadPrior,
        start: Option<&Features>,
    ) -> Learned {
        let checked = self.checked(bucket, origins, start.unwrap_or(&prior.weights));
        let rows: Vec<Row> = checked.iter().map(|checked| checked.row).collect();
        let weights = fit(&rows, start.unwrap_or(&prior.weights), &prior.weights, PRIOR_ROWS, ROUNDS);
        let levels: Vec<f64> = checked.iter().map(|checked| level(&checked.causes, &prior.spread)).collect();
        let reference = levels.iter().sum::<f64>() / levels.len().max(1) as f64;
        let scaled = |(row, level): (&Row, &f64)| (row.error(&weights) / ratio(*level, reference), row.weight);
        let mut errors: Vec<Weighted> = rows.iter().zip(&levels).map(scaled).collect();
        let errors = if errors.is_empty() { [0.0; LEVELS.len()] } else { widened(of_weighted(&mut errors), prior.widening) };
        Learned { middle: bucket.middle(), weights, spread: prior.spread, reference, errors }
    }

    /// Quantiles of each step of the horizon, in the signal's unit.
    pub fn forecast(&self) -> Vec<Quantiles> {
        let Some(newest) = self.past.len().checked_sub(1) else { return Vec::new() };
        let origin = Origin::new(&self.past, newest);
        let restlessness = Restlessness::new(&self.past, &origin);
        (1..=self.horizon).map(|lead| self.step(&origin, &restlessness, lead)).collect()
    }

    fn step(&self, origin: &Origin, restlessness: &Restlessness, lead: usize) -> Quantiles {
        let (usual, features) = origin.ahead(&self.past, lead);
        let neighbours = self.neighbours(lead);
        let point = usual + neighbours.iter().map(|(share, learned)| share * dot(&learned.weights, &features)).sum::<f64>();
        let causes = restlessness.causes(&self.past, lead, self.squash.above_floor(point));
        let spread = neighbours.map(|(share, learned)| (share * ratio(level(&causes, &learned.spread), learned.reference), learned));
        let mut levels = (0..LEVELS.len())
            .map(|index| point + spread.iter().map(|(factor, learned)| factor * learned.errors[index]).sum::<f64>());
        let quantiles: Quantiles = std::array::from_fn(|_| levels.next().unwrap_or(point));
        let middle = median(&quantiles);
        quantiles.map(|quantile| self.squash.in_units(quantile, middle))
    }

    /// The two buckets that a lead time lies between, each with its share.
    fn neighbours(&self, lead: usize) -> [(f64, &Learned); 2] {
        let after = self.learned.partition_point(|learned| learned.middle < lead as f64).min(self.learned.len() - 1);
        let before = after.saturating_sub(1);
        let (a, b) = (&self.learned[before], &self.learned[after]);
        let share = ((lead as f64 / a.middle).ln() / (b.middle / a.middle).ln()).clamp(0.0, 1.0);
        let share = if share.is_nan() { 1.0 } else { share };
        [(1.0 - share, a), (share, b)]
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
