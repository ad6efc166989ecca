//! Learns the shipped priors from recorded series.

use super::lines::parse;
use anyhow::Context;
use serde::Deserialize;
use shadow_core::forecast::blend::training::{Lesson, train};
use shadow_core::warning::training::{Recording, train_on};
use std::path::Path;

/// A recorded series; other fields are passed over.
#[derive(Deserialize)]
struct Recorded {
    /// Seconds between two values.
    step: u32,
    /// One per step; null where none was measured.
    y: Vec<Option<f64>>,
}

/// Fewest days from which anything is learned of a series.
const DAYS_MIN: usize = 7;

/// Learns from the JSON lines of `data` and writes both priors into `folder`. `trained_on` says what
/// the data are and on which terms.
///
/// # Errors
/// When a file cannot be read or written, or a line is no series.
pub fn train_prior(data: &Path, trained_on: &str, folder: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(data).with_context(|| format!("{} cannot be read", data.display()))?;
    let mut series = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let told = |problem: super::lines::Problem| {
            anyhow::anyhow!("{} line {number}, column {}: {}", data.display(), problem.column, problem.error)
        };
        let recorded: Recorded = parse(line).map_err(told)?;
        let day = 86_400 / recorded.step.max(1) as usize;
        let values: Vec<f64> = recorded.y.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        if values.len() >= DAYS_MIN * day {
            series.push((day, values));
        }
    }
    let trained_on = format!("{trained_on}; train again with `make train-prior DATA=FILE`");
    let lessons: Vec<Lesson<'_>> = series.iter().map(|(day, values)| Lesson { values, day: *day }).collect();
    write(&folder.join("forecast.json"), &train(&lessons, &trained_on))?;
    let recordings: Vec<Recording<'_>> = series.iter().map(|(day, values)| Recording { values, day: *day }).collect();
    write(&folder.join("warning.json"), &train_on(&recordings, &trained_on))
}

fn write(path: &Path, prior: &impl serde::Serialize) -> anyhow::Result<()> {
    std::fs::write(path, serde_json::to_string(prior)? + "\n")
        .with_context(|| format!("{} cannot be written", path.display()))
}
