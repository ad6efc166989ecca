//! `make provider-docs`: writes the provider's pages below `docs`. It ends with 0 only if no example is missing.

use anyhow::{Result, ensure};
use shadow_tests::provider_docs::{Catalog, Pages};
use shadow_tests::tools;
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(pages) => {
            writeln!(std::io::stdout(), "{pages} pages are written to docs").ok();
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Nobody to read it is no reason to panic.
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<usize> {
    let catalog = Catalog::of(&tools::built("terraform-provider-shadow")?).await?;
    let repository = tools::repository();
    let pages = Pages::new(&catalog, &repository.join("examples"));
    // What there is helps also while an example is missing.
    pages.write(&repository.join("docs"))?;
    ensure!(pages.problems.is_empty(), "\n{}", pages.problems.join("\n"));
    Ok(pages.pages.len())
}
