//! How far forecasts were from what came.

use crate::tasks::Task;
use shadow_core::forecast::{LEVELS, Quantiles, median};

/// Steps of the windows that are scored: an hour, six, a day.
pub(crate) const WINDOWS: [usize; 3] = [12, 72, 288];

/// Added before logarithms: a forecast without any error is not infinitely better.
const SHIFT: f64 = 1e-3;

/// Of one window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// Mean absolute error of the median, or its ratio.
    pub(crate) error: f64,
    /// Mean quantile loss over the deciles, or its ratio.
    pub(crate) loss: f64,
    pub(crate) coverage_80: f64,
    pub(crate) coverage_95: f64,
}

/// Of one task, by window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scores([Score; WINDOWS.len()]);

impl Scores {
    pub(crate) fn of(quantiles: &[Quantiles], task: &Task) -> Self {
        Self(WINDOWS.map(|window| score(quantiles, task, window)))
    }
}

fn score(quantiles: &[Quantiles], task: &Task, window: usize) -> Score {
    let (mut score, mut count) = (Score::default(), 0.0);
    for (quantiles, came) in quantiles.iter().zip(&task.came).take(window).filter(|(_, came)| !came.is_nan()) {
        count += 1.0;
        score.error += (came - median(quantiles)).abs() / task.scale;
        let inner = LEVELS.iter().zip(quantiles).skip(1).take(LEVELS.len() - 2);
        let pinball =
            inner.map(|(level, quantile)| f64::max(level * (came - quantile), (level - 1.0) * (came - quantile)));
        score.loss += 2.0 * pinball.sum::<f64>() / (LEVELS.len() - 2) as f64 / task.scale;
        let [least, low, .., high, most] = *quantiles;
        score.coverage_80 += f64::from(u8::from(low <= *came && *came <= high));
        score.coverage_95 += f64::from(u8::from(least <= *came && *came <= most));
    }
    let count = f64::max(count, 1.0);
    Score {
        error: score.error / count,
        loss: score.loss / count,
        coverage_80: score.coverage_80 / count,
        coverage_95: score.coverage_95 / count,
    }
}

/// Errors and losses as ratios of geometric means over the tasks, coverages as means.
pub(crate) fn relative(scores: &[Scores], naive: &[Scores], window: usize) -> Score {
    let of = |scores: &[Scores], part: fn(&Score) -> f64| -> Vec<f64> {
        scores.iter().map(|scores| part(&scores.0[window])).collect()
    };
    let ratio = |part| geometric(&of(scores, part)) / geometric(&of(naive, part));
    let mean = |part| of(scores, part).iter().sum::<f64>() / scores.len() as f64;
    Score {
        error: ratio(|score| score.error),
        loss: ratio(|score| score.loss),
        coverage_80: mean(|score| score.coverage_80),
        coverage_95: mean(|score| score.coverage_95),
    }
}

fn geometric(values: &[f64]) -> f64 {
    (values.iter().map(|value| (value + SHIFT).ln()).sum::<f64>() / values.len() as f64).exp() - SHIFT
}
