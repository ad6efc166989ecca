//! The benchmark: what a thousand declared groups cost while there is nothing to do. It measures and shows; the only
//! thing that it judges is that nothing was started. Absolute figures depend on the machine: compare those of one run.

mod exporter;
mod fleet;
mod measure;
mod report;
mod scenario;

use crate::demo::interrupted;
use anyhow::{Context, Result};
use clap::Parser;
use fleet::Fleet;
use report::Report;
use scenario::Scenario;
use std::io::Write;
use std::time::Duration;

/// Three times what a run takes on two cores.
const RUN_TIMEOUT: Duration = Duration::from_secs(360);

/// What a user chooses.
#[derive(Debug, Parser)]
#[command(about = "What idle groups cost: cycles, CPU and memory beside Prometheus")]
pub struct Options {
    /// Declared groups.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    groups: u32,
}

/// Measures every scenario and writes `target/bench/noop.json`. Answers whether nothing was started.
///
/// # Errors
/// When a part does not start, a group is refused or the report cannot be written.
pub async fn run(options: &Options) -> Result<bool> {
    let run = tokio::time::timeout(RUN_TIMEOUT, measure_all(options));
    // Whichever ends first, the parts end with it.
    let report = tokio::select! {
        report = run => report.context("the benchmark did not end in time")??,
        signal = interrupted() => return Err(signal?),
    };
    let path = report.write()?;
    show(&format!("{}Report: {}\n", report.table(), path.display()));
    Ok(report.held())
}

async fn measure_all(options: &Options) -> Result<Report> {
    let mut figures = Vec::new();
    for scenario in Scenario::all() {
        show(&format!("{}: {} groups, a few seconds until all are declared\n", scenario.name, options.groups));
        let fleet = Fleet::start(&scenario, options.groups).await?;
        show(&format!("{}: measuring for {:?}\n", scenario.name, scenario.window));
        figures.push(measure::measure(&fleet, &scenario).await?);
        fleet.stop().await?;
    }
    Ok(Report::new(options.groups, figures))
}

fn show(text: &str) {
    // Nobody to read it is no reason to stop.
    std::io::stdout().write_all(text.as_bytes()).ok();
}
