//! Ours and the others, each as its users would call it. Where a library has Gaussian intervals, its
//! quantiles are theirs.

use crate::tasks::Task;
use anofox_forecast::core::TimeSeries;
use anofox_forecast::models::theta::Theta;
use anofox_forecast::prelude::Forecaster;
use augurs::ets::AutoETS;
use augurs::mstl::MSTLModel;
use augurs::{Fit, Predict};
use chrono::DateTime;
use jiff::{SignedDuration, Timestamp};
use shadow_core::forecast::{LEVELS, Quantiles, forecast};
use shadow_core::history::{History, Sample};

/// Steps that are forecast.
pub(crate) const HORIZON: usize = 288;

/// Quantiles of the standard normal distribution at our levels.
const NORMAL: Quantiles = [-1.96, -1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816, 1.96];

/// Share of values within the interval that is asked of the others, and its half width in deviations.
const INTERVAL: (f64, f64) = (0.8, 1.2816);

/// Who forecasts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Model {
    Ours,
    SeasonalNaive,
    AugursMstlEts,
    AnofoxTheta,
}

impl Model {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::SeasonalNaive, Self::AugursMstlEts, Self::AnofoxTheta];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::SeasonalNaive => "seasonal naive",
            Self::AugursMstlEts => "augurs MSTL + AutoETS",
            Self::AnofoxTheta => "anofox Theta",
        }
    }

    /// `None` where it fails.
    pub(crate) fn forecast(self, task: &Task) -> Option<Vec<Quantiles>> {
        match self {
            Self::Ours => ours(task),
            Self::SeasonalNaive => Some(seasonal_naive(task)),
            Self::AugursMstlEts => augurs_mstl_ets(task),
            Self::AnofoxTheta => anofox_theta(task),
        }
    }
}

fn ours(task: &Task) -> Option<Vec<Quantiles>> {
    let step = SignedDuration::from_secs(task.step);
    let length = step.saturating_mul(i32::try_from(task.values.len()).ok()?);
    let mut history = History::new(step, length);
    for (index, value) in (0_i64..).zip(&task.values) {
        let at = Timestamp::from_second(index * task.step).ok()?;
        history.push(Sample { at, value: *value }, at);
    }
    let newest = history.newest()?;
    let end = Timestamp::from_second(i64::try_from(task.values.len()).ok()? * task.step - task.step).ok()?;
    let horizon = end.duration_since(newest) + step.saturating_mul(i32::try_from(HORIZON).ok()?);
    let mut steps = forecast(&history, &[horizon], newest).ok()?.steps;
    Some(steps.split_off(steps.len() - HORIZON))
}

/// What was seen a day before, with the quantiles of how much that missed in the past.
pub(crate) fn seasonal_naive(task: &Task) -> Vec<Quantiles> {
    let (values, day) = (task.filled(), task.day());
    let mut missed: Vec<f64> = values.iter().skip(day).zip(&values).map(|(now, then)| now - then).collect();
    missed.sort_unstable_by(f64::total_cmp);
    let quantile = |level: f64| missed[(level * (missed.len() - 1) as f64).round() as usize];
    let middle = quantile(0.5);
    let last_day = &values[values.len() - day..];
    (0..HORIZON).map(|lead| LEVELS.map(|level| last_day[lead % day] + quantile(level) - middle)).collect()
}

fn augurs_mstl_ets(task: &Task) -> Option<Vec<Quantiles>> {
    let model = MSTLModel::new(vec![task.day()], AutoETS::non_seasonal().into_trend_model());
    let fitted = model.fit(&task.filled()).ok()?;
    let forecast = fitted.predict(HORIZON, INTERVAL.0).ok()?;
    let intervals = forecast.intervals?;
    Some(normal(&forecast.point, &intervals.lower, &intervals.upper))
}

fn anofox_theta(task: &Task) -> Option<Vec<Quantiles>> {
    let values = task.filled();
    let times = (0_i64..).zip(&values).map(|(index, _)| DateTime::from_timestamp(index * task.step, 0));
    let series = TimeSeries::univariate(times.collect::<Option<Vec<_>>>()?, values).ok()?;
    let mut model = Theta::seasonal(task.day());
    model.fit(&series).ok()?;
    let forecast = model.predict_with_intervals(HORIZON, INTERVAL.0).ok()?;
    let (lower, upper) = (forecast.lower_series(0).ok()?, forecast.upper_series(0).ok()?);
    Some(normal(forecast.primary(), lower, upper))
}

fn normal(points: &[f64], lower: &[f64], upper: &[f64]) -> Vec<Quantiles> {
    let step = |((point, lower), upper): ((&f64, &f64), &f64)| {
        let deviation = (upper - lower) / (2.0 * INTERVAL.1);
        NORMAL.map(|quantile| point + quantile * deviation)
    };
    points.iter().zip(lower).zip(upper).map(step).collect()
}
