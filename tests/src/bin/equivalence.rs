//! `make equivalence`: see `shadow_tests::equivalence`. It ends with 0 only if cases were run and none failed.

use clap::Parser;
use shadow_tests::equivalence::{self, Options};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match equivalence::run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody to read it is no reason to panic.
            writeln!(std::io::stderr(), "\nerror: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
