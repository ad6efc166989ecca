//! `make bench`: see `shadow_tests::bench`. It ends with 0 only if every scenario held.

use clap::Parser;
use shadow_tests::bench::{self, Options};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match bench::run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody to read it is no reason to panic.
            writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
