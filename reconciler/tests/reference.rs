//! The committed reference of the command line is what the program has.

use clap::CommandFactory as _;
use shadow_reconciler::cli::Cli;
use shadow_reconciler::reference::reference;

#[test]
fn the_reference_is_that_of_the_program() {
    let committed = include_str!("../../docs/cli.md");
    assert!(
        committed == reference(&mut Cli::command()),
        "docs/cli.md is out of date: run `make cli-docs` and commit it"
    );
}
