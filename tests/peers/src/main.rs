//! `make bench-forecast`: our forecasts beside those of other libraries, on the same tasks, in one run
//! and on one thread, and what ours cost. Reads tasks and what came, prints tables. Knows no data set by name.

mod cost;
mod models;
mod scores;
mod tasks;

use anyhow::Context;
use models::Model;
use scores::{Scores, WINDOWS, relative};
use std::time::{Duration, Instant};
use tasks::Task;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(tasks) = arguments.next() else { return cost::report() };
    let truth = arguments.next().context("usage: shadow-peers [TASKS TRUTH]")?;
    let tasks = tasks::read(&tasks, &truth)?;
    let naive: Vec<Scores> = tasks.iter().map(|task| Scores::of(&models::seasonal_naive(task), task)).collect();
    println!(
        "{:<22} | {:^43} | {:^13} | unusable | ms/series",
        "", "1 h, 6 h, 24 h: MASE and quantile loss,", "coverage, 24 h"
    );
    println!("{:<22} | {:^43} | {:^13} |", "", "relative to seasonal naive", "80 %    95 %");
    for model in Model::ALL {
        row(model, &tasks, &naive);
    }
    cost::report()
}

fn row(model: Model, tasks: &[Task], naive: &[Scores]) {
    let (mut spent, mut unusable) = (Duration::ZERO, 0);
    let score = |(task, naive): (&Task, &Scores)| {
        let begun = Instant::now();
        let quantiles = model.forecast(task);
        spent += begun.elapsed();
        let usable = quantiles.filter(|quantiles| quantiles.iter().flatten().all(|number| number.is_finite()));
        unusable += usize::from(usable.is_none());
        usable.map_or(*naive, |quantiles| Scores::of(&quantiles, task))
    };
    let scores: Vec<Scores> = tasks.iter().zip(naive).map(score).collect();
    let window = |index: usize| relative(&scores, naive, index);
    let errors: Vec<String> = (0..WINDOWS.len()).map(|index| format!("{:.3}", window(index).error)).collect();
    let losses: Vec<String> = (0..WINDOWS.len()).map(|index| format!("{:.3}", window(index).loss)).collect();
    let day = window(WINDOWS.len() - 1);
    let each = spent.as_secs_f64() * 1e3 / tasks.len().max(1) as f64;
    println!(
        "{:<22} | {:>20} ; {:>20} | {:.3}   {:.3} | {unusable:>8} | {each:>9.2}",
        model.name(),
        errors.join(" "),
        losses.join(" "),
        day.coverage_80,
        day.coverage_95
    );
}
