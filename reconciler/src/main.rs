//! `shadow-reconciler`: the daemon, the agent and the commands of people, in one binary.

use clap::Parser;
use shadow_reconciler::cli::{Cli, run};
use std::process::ExitCode;

/// What is learned of a signal lies between what learning needs for a moment. The system's allocator keeps those holes:
/// twice the memory for each signal.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
