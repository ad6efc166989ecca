//! Tasks and what came, as JSON lines.

use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A series to forecast, and what came.
pub(crate) struct Task {
    /// Seconds between two values.
    pub(crate) step: i64,
    /// NaN for a gap.
    pub(crate) values: Vec<f64>,
    /// NaN for a gap.
    pub(crate) came: Vec<f64>,
    /// What errors are divided by: the mean absolute difference of two days.
    pub(crate) scale: f64,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    step: i64,
    y: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Came {
    id: String,
    scale: f64,
    y: Vec<Option<f64>>,
}

impl Task {
    /// Steps in a day.
    pub(crate) fn day(&self) -> usize {
        usize::try_from(86_400 / self.step.max(1)).unwrap_or(1).max(1)
    }

    /// Without gaps: straight lines over them.
    pub(crate) fn filled(&self) -> Vec<f64> {
        let mut filled = self.values.clone();
        let present: Vec<usize> = (0..filled.len()).filter(|index| !filled[*index].is_nan()).collect();
        let (Some(first), Some(last)) = (present.first().copied(), present.last().copied()) else { return filled };
        let (first_value, last_value) = (filled[first], filled[last]);
        filled[..first].fill(first_value);
        filled[last..].fill(last_value);
        for pair in present.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let (a, b) = (filled[from], filled[to]);
            for index in from + 1..to {
                filled[index] = a + (b - a) * (index - from) as f64 / (to - from) as f64;
            }
        }
        filled
    }
}

/// Reads both files and puts them together by id.
pub(crate) fn read(tasks: &str, truth: &str) -> anyhow::Result<Vec<Task>> {
    let came: Vec<Came> = lines(truth)?;
    let mut came: BTreeMap<String, Came> = came.into_iter().map(|came| (came.id.clone(), came)).collect();
    let asked: Vec<Asked> = lines(tasks)?;
    let task = |asked: Asked| {
        let came = came.remove(&asked.id)?;
        Some(Task { step: asked.step, values: gaps(asked.y), came: gaps(came.y), scale: came.scale })
    };
    Ok(asked.into_iter().filter_map(task).collect())
}

fn gaps(values: Vec<Option<f64>>) -> Vec<f64> {
    values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

fn lines<T: for<'a> Deserialize<'a>>(path: &str) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{path} line {}", number + 1))
    };
    text.lines().enumerate().map(line).collect()
}
