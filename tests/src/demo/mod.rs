//! The demo: the product on real parts under load, with a fault, from the first `terraform apply` to the last
//! `terraform destroy`. It talks to the product as a user does, and puts the fault into the service alone.

mod evidence;
mod judge;
mod screen;
mod stage;
mod story;
mod victim;

use crate::report::Report;
use crate::tools::{self, Tools};
use crate::world::World;
use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use evidence::Evidence;
use screen::Screen;
use stage::Stage;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The demo promises five minutes; a run that takes twice as long hangs.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// Predictive failover on real parts: Terraform, Envoy, Prometheus, processes and load.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// What happens to the primary.
    #[arg(long, value_enum, default_value_t)]
    pub fault: Fault,
    /// How fast the primary's memory grows.
    #[arg(long, default_value_t = 4)]
    pub leak_mib_per_second: u32,
    /// Memory that each instance may use, in MiB.
    #[arg(long, default_value_t = 384)]
    pub memory_limit_mib: u32,
    /// Folder of the run, which is emptied first.
    #[arg(long, default_value_os_t = tools::repository().join("target/demo"))]
    pub folder: PathBuf,
}

/// What happens to the primary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// It leaks memory, becomes slow and dies: what forecasts are for.
    #[default]
    Leak,
    /// It is killed without warning while a shadow is ready.
    Kill,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Kill => "kill",
        }
    }
}

/// Runs the demo; true when everything held. Nothing runs on when this returns.
///
/// # Errors
/// When the parts cannot be set up, or on Ctrl-C.
pub async fn run(options: &Options) -> Result<bool> {
    tokio::select! {
        report = report(options) => Ok(report?.passed),
        signal = interrupted() => Err(signal?),
    }
}

/// Runs the demo and judges it. Nothing runs on when this returns.
///
/// # Errors
/// When the parts cannot be set up.
pub async fn report(options: &Options) -> Result<Report> {
    let folder = &options.folder;
    let mut screen = Screen::start();
    let mut world = World::at(folder)?;
    let versions = introduce(&mut screen, world.tools(), options).await?;
    let mut evidence = Evidence::new(options.fault, versions);
    let run = play(&mut world, &mut screen, &mut evidence, options);
    let outcome = tokio::time::timeout(RUN_TIMEOUT, run).await.context("the run did not end in time").flatten();
    screen.line("stopping every part");
    let stopped = world.stop_all().await;
    evidence.orphans = world.orphans().await.ok();
    evidence.seconds = screen.seconds();
    evidence.error = outcome.and(stopped).err().map(|error| format!("{error:#}"));
    // Ends what should not be there, after it was counted.
    drop(world);
    let report = judge::judge(&evidence);
    let path = folder.join("report.json");
    report.write(&path)?;
    screen.text(&report.summary());
    screen.text(&format!("Report: {}\nLogs:   {}\n", path.display(), folder.join("logs").display()));
    Ok(report)
}

/// Tells the story, then tidies up as a user would, whatever came of it.
async fn play(world: &mut World, screen: &mut Screen, evidence: &mut Evidence, options: &Options) -> Result<()> {
    for part in crate::world::Part::ALL {
        screen.line(&format!("starting {}", part.name()));
        world.start(part).await?;
    }
    let mut stage = Stage::new(world, screen, evidence)?;
    let told = story::tell(&mut stage, options).await;
    stage.end_load().await;
    let tidied = story::tidy_up(&mut stage).await;
    told.and(tidied)
}

async fn introduce(
    screen: &mut Screen,
    tools: &Tools,
    options: &Options,
) -> Result<std::collections::BTreeMap<String, String>> {
    screen.line(&format!("predictive failover on real parts, fault: {}", options.fault.name()));
    let versions = tools.versions().await;
    for (part, version) in &versions {
        screen.line(&format!("  {part:<26} {version}"));
    }
    Ok(versions)
}

/// Ends with the signal that a user ends a program with.
pub(crate) async fn interrupted() -> Result<anyhow::Error> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listening for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    Ok(anyhow::anyhow!("interrupted: every part is stopped"))
}
