//! Forecasts of the past from what was known at the time, against what came.
//!
//! The origins lie at geometric ages: dense close to the present, so that a change of behaviour
//! counts within a few samples, and sparse far back, so that any length of history costs little
//! more than a short one. Together with the weights, each doubling of the age counts alike.

use super::quantiles::{LEVELS, of_sorted};
use super::series::Series;
use serde::{Deserialize, Serialize};

/// Origins are one step apart up to this age, and an age divided by this apart beyond it. It gives
/// about 60 origins over two minutes of seconds and 190 over the longest history.
const DENSITY: usize = 24;

/// Ages below this weigh alike: one odd sample must not decide which model is chosen.
const NEWEST: usize = 4;

/// Earlier errors that must be known before a backtest states quantiles from them.
const ERRORS_MIN: usize = 5;

/// How good a model's forecasts of the past were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Accuracy {
    /// Mean pinball loss over all levels and lead times, each relative to how far the signal moves
    /// in that time; less is better.
    pub pinball: f64,
    /// The same of the seasonal naive model, or of the last value where there is no season.
    pub pinball_naive: f64,
    /// Share of values that fell into the 80 % interval.
    pub coverage_80: f64,
    /// Points in the past from which was forecast.
    pub origins: usize,
}

/// What one model lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    pub(super) pinball: f64,
    /// Share of values below the 10 % quantile.
    pub(super) below: f64,
    /// Share of values above the 90 % quantile.
    pub(super) above: f64,
    pub(super) origins: usize,
}

/// Where to forecast from and how far.
pub(super) struct Backtest<'a> {
    series: &'a Series,
    /// Oldest first.
    origins: Vec<Origin>,
    leads: Vec<Lead>,
}

/// A step to forecast from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    index: usize,
    weight: f64,
}

/// A time ahead at which forecasts are checked.
struct Lead {
    steps: usize,
    /// How far the signal moves in that time. Relative to it all lead times count alike; otherwise
    /// the longest, of which the least was seen, would decide alone.
    scale: f64,
}

impl<'a> Backtest<'a> {
    /// From `first` on, up to `horizon` steps ahead.
    pub(super) fn new(series: &'a Series, first: usize, horizon: usize) -> Self {
        let origin =
            |age: usize| Origin { index: series.last() - age, weight: 1.0 / age.clamp(NEWEST, DENSITY) as f64 };
        let mut origins: Vec<Origin> = ages(series.last().saturating_sub(first)).map(origin).collect();
        origins.reverse();
        let mut backtest = Self { series, origins, leads: Vec::new() };
        let lead = |steps| Lead { steps, scale: backtest.mean_move(steps) };
        backtest.leads = lead_steps(horizon).into_iter().map(lead).collect();
        backtest
    }

    fn mean_move(&self, steps: usize) -> f64 {
        let change = |origin: usize| Some(self.series.get(origin + steps)? - self.series.get(origin)?);
        let distance = self.mean_absolute(change);
        if distance > 0.0 { distance } else { 1.0 }
    }

    fn mean_absolute(&self, of: impl Fn(usize) -> Option<f64>) -> f64 {
        let mut total = Mean::default();
        for origin in &self.origins {
            if let Some(value) = of(origin.index) {
                total.add(value.abs(), origin.weight);
            }
        }
        total.value().unwrap_or(0.0)
    }

    /// Indices of the origins, oldest first.
    pub(super) fn origins(&self) -> Vec<usize> {
        self.origins.iter().map(|origin| origin.index).collect()
    }

    /// Over every origin and lead time whose value is known, relative to how far the signal moves.
    pub(super) fn mean_absolute_error(&self, predict: impl Fn(usize, usize) -> f64) -> f64 {
        let mut total = Mean::default();
        for lead in &self.leads {
            for origin in &self.origins {
                if let Some(error) = self.error(origin.index, lead.steps, &predict) {
                    total.add(error.abs() / lead.scale, origin.weight);
                }
            }
        }
        total.value().unwrap_or(0.0)
    }

    /// What came minus what was predicted, if it has come.
    fn error(&self, origin: usize, lead: usize, predict: impl Fn(usize, usize) -> f64) -> Option<f64> {
        Some(self.series.get(origin + lead)? - predict(origin, lead))
    }

    /// The loss of quantiles made, at each origin, from the errors that were known by then. `None`
    /// when no origin had enough of them.
    pub(super) fn loss(&self, predict: impl Fn(usize, usize) -> f64) -> Option<Loss> {
        let mut checked = vec![false; self.origins.len()];
        let mut total = Tally::default();
        for lead in &self.leads {
            self.tally(lead, &predict, &mut total, &mut checked);
        }
        Some(Loss {
            pinball: total.pinball.value()?,
            below: total.below.value()?,
            above: total.above.value()?,
            origins: checked.into_iter().filter(|checked| *checked).count(),
        })
    }

    fn tally(&self, lead: &Lead, predict: impl Fn(usize, usize) -> f64, tally: &mut Tally, checked: &mut [bool]) {
        let mut known: Vec<f64> = Vec::with_capacity(self.origins.len());
        let mut waiting = self.origins.iter().peekable();
        for (origin, checked) in self.origins.iter().zip(checked) {
            while let Some(earlier) = waiting.next_if(|earlier| earlier.index + lead.steps <= origin.index) {
                if let Some(error) = self.error(earlier.index, lead.steps, &predict) {
                    known.insert(known.partition_point(|other| *other < error), error);
                }
            }
            let error = self.error(origin.index, lead.steps, &predict).filter(|_| known.len() >= ERRORS_MIN);
            if let Some(error) = error {
                tally.add(error, &known, lead.scale, origin.weight);
                *checked = true;
            }
        }
    }
}

/// What became of the forecasts that were checked.
#[derive(Default)]
struct Tally {
    pinball: Mean,
    below: Mean,
    above: Mean,
}

impl Tally {
    /// A forecast from the `known` errors of earlier ones, when `error` came.
    fn add(&mut self, error: f64, known: &[f64], scale: f64, weight: f64) {
        let quantiles = LEVELS.map(|level| of_sorted(known, level));
        let loss =
            |(level, quantile): (f64, f64)| f64::max(level * (error - quantile), (level - 1.0) * (error - quantile));
        let pinball = LEVELS.into_iter().zip(quantiles).map(loss).sum::<f64>() / LEVELS.len() as f64;
        let [_, low, .., high, _] = quantiles;
        self.pinball.add(pinball / scale, weight);
        self.below.add(f64::from(u8::from(error < low)), weight);
        self.above.add(f64::from(u8::from(error > high)), weight);
    }
}

/// A weighted mean.
#[derive(Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// 1, 2 … 24, 25, 26 … 48, 50 …, up to `oldest`.
fn ages(oldest: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), |age| Some(age + (age / DENSITY).max(1))).take_while(move |age| *age <= oldest)
}

/// 1, 2, 3, 4, 6, 9, 13 … and `horizon`: neighbouring lead times say nearly the same.
fn lead_steps(horizon: usize) -> Vec<usize> {
    let mut steps: Vec<usize> = std::iter::successors(Some(1), |lead| Some((lead * 3 / 2).max(lead + 1)))
        .take_while(|lead| *lead < horizon)
        .collect();
    steps.push(horizon);
    steps
}
