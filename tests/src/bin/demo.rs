//! `make demo`: see `shadow_tests::demo`. It ends with 0 only if everything held.

use clap::Parser;
use shadow_tests::demo::{self, Options};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody to read it is no reason to panic.
            writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
