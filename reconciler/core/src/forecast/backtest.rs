//! Forecasts of the past from what was known at the time, against what came.
//!
//! The origins lie at geometric ages: dense close to the present, so that a change of behaviour
//! counts within a few samples, and sparse far back, so that any length of history costs little
//! more than a short one. Together with the weights, each doubling of the age counts alike.

use super::learning::{Lesson, independence};
use super::quantiles::{LEVELS, Quantiles, of_sorted};
use super::series::Series;
use serde::{Deserialize, Serialize};

/// Origins lie an age divided by this apart, in whole steps: 73 of them over two minutes of seconds,
/// 201 over the longest history.
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
    /// From `first` on, up to `horizon` steps ahead. Nothing is forecast from a gap, in the past as
    /// in the present.
    pub(super) fn new(series: &'a Series, first: usize, horizon: usize) -> Self {
        let origin = |age: usize| {
            let index = series.last() - age;
            series.get(index).map(|_| Origin { index, weight: 1.0 / age.clamp(NEWEST, DENSITY) as f64 })
        };
        let mut origins: Vec<Origin> = ages(series.last().saturating_sub(first)).filter_map(origin).collect();
        origins.reverse();
        let lead = |steps| Lead { steps, scale: mean_move(series, &origins, steps) };
        let leads = lead_steps(horizon).into_iter().map(lead).collect();
        Self { series, origins, leads }
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
        total.loss(checked.into_iter().filter(|checked| *checked).count())
    }

    fn tally(&self, lead: &Lead, predict: impl Fn(usize, usize) -> f64, tally: &mut Tally, checked: &mut [bool]) {
        let mut known = KnownErrors::default();
        let mut waiting = self.origins.iter().peekable();
        for (origin, checked) in self.origins.iter().zip(checked) {
            while let Some(earlier) = waiting.next_if(|earlier| earlier.index + lead.steps <= origin.index) {
                if let Some(error) = self.error(earlier.index, lead.steps, &predict) {
                    known.add(error, earlier.index, lead.steps);
                }
            }
            let error = self.error(origin.index, lead.steps, &predict);
            if let (Some(error), Some(quantiles)) = (error, known.quantiles()) {
                tally.add(error, &quantiles, lead.scale, origin.weight);
                *checked = true;
            }
        }
    }
}

/// Errors at one lead time, as far as they are known at some step.
#[derive(Default)]
struct KnownErrors {
    sorted: Vec<f64>,
    sum: f64,
    evidence: f64,
    newest_origin: usize,
}

impl KnownErrors {
    fn add(&mut self, error: f64, origin: usize, lead: usize) {
        self.sorted.insert(self.sorted.partition_point(|other| *other < error), error);
        self.sum += error;
        self.evidence += independence(origin - self.newest_origin, lead);
        self.newest_origin = origin;
    }

    /// Of the next error, if enough are known.
    fn quantiles(&self) -> Option<Quantiles> {
        let lesson = Lesson::new(self.sum / self.sorted.len() as f64, self.evidence);
        let quantile = |level| lesson.apply(of_sorted(&self.sorted, level));
        (self.sorted.len() >= ERRORS_MIN).then(|| LEVELS.map(quantile))
    }
}

/// How far the series was, on average, from where it had been so many steps before.
fn mean_move(series: &Series, origins: &[Origin], steps: usize) -> f64 {
    let mut distance = Mean::default();
    for origin in origins {
        if let (Some(before), Some(after)) = (series.get(origin.index), series.get(origin.index + steps)) {
            distance.add((after - before).abs(), origin.weight);
        }
    }
    distance.value().filter(|distance| *distance > 0.0).unwrap_or(1.0)
}

/// What became of the forecasts that were checked.
#[derive(Default)]
pub(super) struct Tally {
    pinball: Mean,
    below: Mean,
    above: Mean,
}

impl Tally {
    /// A forecast of an error that became `error`.
    pub(super) fn add(&mut self, error: f64, quantiles: &Quantiles, scale: f64, weight: f64) {
        let loss =
            |(level, quantile): (f64, f64)| f64::max(level * (error - quantile), (level - 1.0) * (error - quantile));
        let pinball = LEVELS.into_iter().zip(*quantiles).map(loss).sum::<f64>() / LEVELS.len() as f64;
        let [_, low, .., high, _] = *quantiles;
        self.pinball.add(pinball / scale, weight);
        self.below.add(f64::from(u8::from(error < low)), weight);
        self.above.add(f64::from(u8::from(error > high)), weight);
    }
}

impl Tally {
    /// Of forecasts from so many origins; `None` when there was none.
    pub(super) fn loss(&self, origins: usize) -> Option<Loss> {
        let Self { pinball, below, above } = self;
        Some(Loss { pinball: pinball.value()?, below: below.value()?, above: above.value()?, origins })
    }
}

impl Loss {
    /// As it is told, beside the naive model's.
    pub(super) fn accuracy(&self, naive: &Self) -> Accuracy {
        Accuracy {
            pinball: self.pinball,
            pinball_naive: naive.pinball,
            coverage_80: 1.0 - self.below - self.above,
            origins: self.origins,
        }
    }

    /// Share of the evidence for the highest and for the lowest value of a window that is left when
    /// this share of values, of nine in ten that should have, kept to its bound. Only the bound on
    /// the near side counts: a model that was too timid is no reason to doubt its warning.
    pub(super) fn kept(&self) -> (f64, f64) {
        let kept = |beyond: f64| ((1.0 - beyond) / 0.9).min(1.0);
        (kept(self.below), kept(self.above))
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

/// 1, 2 … 48, 50, 52 … 72, 75 …, up to `oldest`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: u32) -> Vec<f64> {
        (0..count).map(|i| (f64::from(i) * 0.3).sin()).collect()
    }

    #[test]
    fn origins_are_bounded_dense_near_the_present_and_never_in_a_gap() {
        assert_eq!(ages(5).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(ages(119).count() == 73 && ages(20_000).count() == 201);
        let mut values = wave(100);
        values[97] = f64::NAN;
        let series = Series::new(&values).unwrap();
        let origins = Backtest::new(&series, 10, 5).origins();
        assert!(origins.is_sorted() && origins.ends_with(&[95, 96, 98]), "{origins:?}");
    }

    #[test]
    fn lead_times_end_at_the_horizon() {
        assert_eq!(lead_steps(1), [1]);
        assert_eq!(lead_steps(15), [1, 2, 3, 4, 6, 9, 13, 15]);
    }

    #[test]
    fn quantiles_of_the_past_use_only_errors_known_by_then() {
        let values = wave(80);
        let series = Series::new(&values).unwrap();
        let backtest = Backtest::new(&series, 10, 1);
        let newest_jump = |origin: usize, lead: usize| if origin + lead == 79 { -1e6 } else { 0.0 };
        let (with, without) = (backtest.loss(newest_jump).unwrap(), backtest.loss(|_, _| 0.0).unwrap());
        let checked = with.origins as f64;
        assert!(with.above > without.above, "the surprise was not foreseen");
        assert!(checked > 30.0 && with.pinball > 1e3);
        let perfect = backtest.loss(|origin, lead| series.get(origin + lead).unwrap()).unwrap();
        assert!(perfect.pinball.abs() < 1e-12 && perfect.below + perfect.above < 1e-12);
    }

    #[test]
    fn a_series_of_gaps_checks_nothing() {
        let mut values = vec![f64::NAN; 80];
        values[79] = 1.0;
        assert!(Backtest::new(&Series::new(&values).unwrap(), 10, 3).loss(|_, _| 0.0).is_none());
    }
}
