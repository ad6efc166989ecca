//! The benchmark of the provider: what it costs beside HashiCorp's `null`, which is written in Go, and beside Terraform's
//! built-in `terraform_data`, in the same run, by turns. It measures and shows; it judges nothing, since absolute figures
//! depend on the machine: compare those of one run.

mod contestant;
mod counter;
mod reconciler;
mod report;
mod runs;
mod start;

use crate::demo::interrupted;
use crate::tools;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use contestant::Contestant;
use procfs::Current;
use report::{Measured, Report};
use runs::Workshop;
use start::Start;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run takes three to five minutes on two quiet cores.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// What a user chooses.
#[derive(Debug, Parser)]
#[command(about = "What the provider costs, beside HashiCorp's null provider and terraform_data")]
pub struct Options {
    /// The provider; by default that of this build.
    #[arg(long, value_name = "FILE")]
    provider: Option<PathBuf>,
    /// The null provider.
    #[arg(long, value_name = "FILE", env = "NULL_PROVIDER")]
    null: PathBuf,
    /// A first impression within a minute: fewer repetitions, and no thousand resources.
    #[arg(long)]
    quick: bool,
}

/// How often what is done.
struct Plan {
    starts: usize,
    /// Numbers of resources, and repetitions with each: fewer where one takes longer.
    sizes: &'static [(usize, usize)],
}

const FULL: Plan = Plan { starts: 50, sizes: &[(1, 7), (100, 5), (1_000, 2)] };
const QUICK: Plan = Plan { starts: 15, sizes: &[(1, 3), (100, 2)] };

/// Measures everything and writes `target/bench/provider.json`.
///
/// # Errors
/// When a part does not start, Terraform fails, or the report cannot be written.
pub async fn run(options: &Options) -> Result<()> {
    let run = tokio::time::timeout(RUN_TIMEOUT, measure_all(options));
    // Whichever ends first, what was started ends with it.
    let report = tokio::select! {
        report = run => report.context("the benchmark did not end in time")??,
        signal = interrupted() => return Err(signal?),
    };
    let path = report.write()?;
    show(&format!("{}Report: {}\n", report.table(), path.display()));
    Ok(())
}

async fn measure_all(options: &Options) -> Result<Report> {
    let provider = options.provider.clone().map_or_else(|| tools::built("terraform-provider-shadow"), Ok)?;
    let null = options.null.clone();
    for program in [&provider, &null] {
        ensure!(program.is_file(), "{} is no file", program.display());
    }
    let plan = if options.quick { QUICK } else { FULL };
    let mut report = Report::new(load()?, [provider.clone(), null.clone()]);
    show(&format!("starting each provider {} times, by turns\n", plan.starts));
    report.starts = starts(&provider, &null, plan.starts).await?;
    let workshop = Workshop::new(&provider, &null)?;
    for (resources, repetitions) in plan.sizes {
        show(&format!("{resources} resources, {repetitions} times: plan, apply, plan without a change\n"));
        for repetition in 0..*repetitions {
            for contestant in Contestant::by_turns(repetition) {
                let times = workshop.measure(contestant, *resources).await?;
                report.measured.push(Measured { contestant, resources: *resources, times });
            }
        }
    }
    let (largest, _) = plan.sizes.last().copied().unwrap_or_default();
    show(&format!("counting the requests of a refresh of {largest}\n"));
    report.requests = Some((largest, workshop.requests_of_a_refresh(largest).await?));
    report.load_after = load()?;
    Ok(report)
}

async fn starts(shadow: &Path, null: &Path, times: usize) -> Result<[Vec<Start>; 2]> {
    let (shadow, null) = (shadow.to_owned(), null.to_owned());
    // Spawning and reading a pipe block, and nothing else runs meanwhile.
    tokio::task::spawn_blocking(move || {
        let mut starts = [Vec::new(), Vec::new()];
        for _ in 0..times {
            for (program, starts) in [&shadow, &null].into_iter().zip(&mut starts) {
                starts.push(Start::of(program)?);
            }
        }
        Ok(starts)
    })
    .await?
}

/// Processes that want a core, on the average of the last minute.
fn load() -> Result<f32> {
    Ok(procfs::LoadAverage::current()?.one)
}

fn show(text: &str) {
    // Nobody to read it is no reason to stop.
    std::io::stdout().write_all(text.as_bytes()).ok();
}
