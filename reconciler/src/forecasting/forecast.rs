//! One series in, quantiles for each step after it out.

use super::lines::{Problem, parse};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shadow_core::forecast::{Forecast, LEVELS, ModelName, forecast};
use shadow_core::history::{History, Pushed, Sample};
use shadow_core::model::policy::HISTORY_SAMPLES_MAX;
use std::collections::BTreeMap;

/// Most steps ahead that are asked for at once: a week of minutes.
const HORIZON_MAX: usize = 10_080;

/// A series to forecast.
#[derive(Deserialize)]
struct Task {
    id: String,
    /// Seconds between two samples.
    step: i64,
    /// Time of the first sample, in seconds since the epoch.
    start: i64,
    /// Steps to forecast.
    horizon: usize,
    /// One per step; null where none was measured.
    y: Vec<Option<f64>>,
}

/// Its forecast.
#[derive(Serialize)]
pub(super) struct Answer {
    id: String,
    model: ModelName,
    reason: String,
    /// By level, one value per step: as precise as the history keeps its means, so that a value that
    /// never changes comes back as it was given.
    q: BTreeMap<String, Vec<f32>>,
}

pub(super) fn answer(line: &str) -> Result<Option<Answer>, Problem> {
    let task: Task = parse(line)?;
    let problem = |error: String| Problem::of(&task.id, error);
    if !(1..=HORIZON_MAX).contains(&task.horizon) {
        return Err(problem(format!("horizon is {}: from 1 to {HORIZON_MAX} steps can be forecast", task.horizon)));
    }
    if !(1..=86_400).contains(&task.step) {
        return Err(problem(format!("step is {}: from 1 to 86400 seconds are possible", task.step)));
    }
    let history = history(&task).map_err(problem)?;
    let forecast = forecast_of(&task, &history).map_err(problem)?;
    let unseen = forecast.steps.len() - task.horizon;
    let level = |(index, level): (usize, f64)| {
        let values = forecast.steps.iter().skip(unseen).filter_map(|quantiles| quantiles.get(index).copied());
        (level.to_string(), values.map(narrow).collect())
    };
    let q = LEVELS.into_iter().enumerate().map(level).collect();
    Ok(Some(Answer { id: task.id.clone(), model: forecast.model, reason: forecast.reason.clone(), q }))
}

fn narrow(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than any forecast has")]
    let narrow = value as f32;
    narrow.clamp(f32::MIN, f32::MAX)
}

fn history(task: &Task) -> Result<History, String> {
    let most = usize::try_from(HISTORY_SAMPLES_MAX).unwrap_or(usize::MAX);
    let skipped = task.y.len().saturating_sub(most);
    let steps = (task.y.len() - skipped).max(2 * task.horizon);
    let length = SignedDuration::from_secs(task.step.saturating_mul(i64::try_from(steps).unwrap_or(i64::MAX)));
    let mut history = History::new(SignedDuration::from_secs(task.step), length);
    for (index, value) in task.y.iter().enumerate().skip(skipped) {
        let at = at(task, index).ok_or("start is no time that can be told")?;
        if let Some(value) = *value
            && history.push(Sample { at, value }, at) == Pushed::NotANumber
        {
            return Err(format!("y[{index}] is {value:e}: too large to be a measurement"));
        }
    }
    Ok(history)
}

/// From the end of the series, over what was not measured there as well.
fn forecast_of(task: &Task, history: &History) -> Result<Forecast, String> {
    let newest = history.newest().ok_or("y has no value at all")?;
    let end = task.y.len().checked_sub(1).and_then(|last| at(task, last)).ok_or("y is empty")?;
    let steps = i32::try_from(task.horizon).unwrap_or(i32::MAX);
    let horizon = end.duration_since(newest) + SignedDuration::from_secs(task.step).saturating_mul(steps);
    forecast(history, &[horizon], newest).map_err(|not_ready| not_ready.reason)
}

fn at(task: &Task, index: usize) -> Option<Timestamp> {
    let offset = i64::try_from(index).ok()?.checked_mul(task.step)?;
    Timestamp::from_second(task.start.checked_add(offset)?).ok()
}
