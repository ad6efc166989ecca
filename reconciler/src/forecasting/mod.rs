//! The forecaster, the score and the search for anomalies as filters: JSON lines in, JSON lines out, for scripts, benchmarks
//! and other tools. Never reads a clock: a series ends where its samples end.

mod anomalies;
mod forecast;
pub mod group;
mod lines;
mod score;
mod train;

pub use train::train_prior;

use std::io::{BufRead, Write};

/// Forecasts each task of `input`. Answers how many lines could not be understood.
///
/// # Errors
/// When `input` cannot be read or `output` not be written.
pub fn forecast_lines(input: impl BufRead, output: &mut impl Write) -> std::io::Result<usize> {
    lines::each(input, output, forecast::answer)
}

/// Scores each tick of `input`. Answers how many lines could not be understood.
///
/// # Errors
/// When `input` cannot be read or `output` not be written.
pub fn score_lines(input: impl BufRead, output: &mut impl Write) -> std::io::Result<usize> {
    let mut scorer = score::Scorer::default();
    lines::each(input, output, |line| scorer.answer(line))
}

/// Finds anomalies in each tick of `input`. Answers how many lines could not be understood.
///
/// # Errors
/// When `input` cannot be read or `output` not be written.
pub fn anomaly_lines(input: impl BufRead, output: &mut impl Write) -> std::io::Result<usize> {
    let mut finder = anomalies::Finder::default();
    lines::each(input, output, |line| finder.answer(line))
}
