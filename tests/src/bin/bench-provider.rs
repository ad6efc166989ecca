//! `make bench-provider`: see `shadow_tests::bench_provider`. It ends with 0 if everything could be measured, whatever
//! the figures are.

use clap::Parser;
use shadow_tests::bench_provider::{self, Options};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match bench_provider::run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody to read it is no reason to panic.
            writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
