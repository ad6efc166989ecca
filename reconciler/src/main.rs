//! `shadow-reconciler`: the daemon, the agent and the commands of people, in one binary.

use clap::Parser;
use shadow_reconciler::cli::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run(Cli::parse())
}
