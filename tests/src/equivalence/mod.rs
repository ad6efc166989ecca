//! Terraform's own equivalence tests: its configurations, its prior states and its expected outputs, with our framework
//! in the place of the providers that HashiCorp used. The rules are those of `terraform-equivalence-testing`.
//!
//! The cases are read from a checkout of Terraform and never copied into this repository: their licence is another.

mod case;
mod compare;
mod strip;

use crate::demo::interrupted;
use crate::mirror::Mirror;
use crate::terraform::Terraform;
use crate::tools;
use anyhow::{Context, Result, ensure};
use case::{Case, Outcome};
use clap::Parser;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Ten times what the fifty cases take on two cores.
const RUN_TIMEOUT: Duration = Duration::from_secs(900);

/// Where the cases are in a checkout of Terraform.
const CASES: &str = "testing/equivalence-tests";

/// The providers that the stand-in is, in the versions that the cases ask for.
const PROVIDERS: [(&str, &str); 2] = [("hashicorp/tfcoremock", "0.1.1"), ("hashicorp/null", "3.1.1")];

/// What a user chooses.
#[derive(Debug, Parser)]
#[command(about = "Terraform's own equivalence tests over this provider framework")]
pub struct Options {
    /// A checkout of hashicorp/terraform, best at the tag of the installed Terraform:
    /// git clone --depth 1 --branch v1.11.4 https://github.com/hashicorp/terraform
    #[arg(long, env = "TERRAFORM_SOURCE", value_name = "FOLDER")]
    source: PathBuf,
    /// Only the cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// Runs every case and shows how each fared. Answers whether some passed and none failed.
///
/// # Errors
/// When the checkout holds no cases, or the stand-in is not built.
pub async fn run(options: &Options) -> Result<bool> {
    let cases = Case::all(&options.source.join(CASES), &options.only)?;
    ensure!(!cases.is_empty(), "no case is called {:?}", options.only);
    let run = tokio::time::timeout(RUN_TIMEOUT, run_all(&cases));
    // Whichever ends first, a running Terraform ends with it.
    tokio::select! {
        tally = run => Ok(tally.context("the cases did not end in time")??.held()),
        signal = interrupted() => Err(signal?),
    }
}

/// How many cases fared how.
#[derive(Debug, Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
    files: usize,
}

impl Tally {
    fn held(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

async fn run_all(cases: &[Case]) -> Result<Tally> {
    let laboratory = Laboratory::new()?;
    let mut tally = Tally::default();
    for case in cases {
        match laboratory.outcome(case).await {
            Outcome::Passed(files) => {
                tally.passed += 1;
                tally.files += files;
                show(&format!("passed   {} ({files} files)\n", case.name));
            }
            Outcome::Skipped(needs) => {
                tally.skipped += 1;
                show(&format!("skipped  {}: it needs {}\n", case.name, needs.join(", ")));
            }
            Outcome::Failed(reasons) => {
                tally.failed += 1;
                show(&format!("FAILED   {}\n{}\n", case.name, reasons.join("\n")));
            }
        }
    }
    let Tally { passed, failed, skipped, files } = tally;
    show(&format!("{passed} passed, {failed} failed, {skipped} skipped; {files} golden files are equal\n"));
    Ok(tally)
}

/// Terraform, and the mirror with the stand-in.
struct Laboratory {
    folder: TempDir,
    terraform: Terraform,
}

impl Laboratory {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("equivalence-").tempdir()?;
        let stand_in = tools::built("terraform-provider-stand-in")?;
        let mut mirror = Mirror::new(&folder.path().join("mirror"));
        for (address, version) in PROVIDERS {
            mirror.add(address, version, &stand_in)?;
        }
        let terraform = mirror.terraform(folder.path())?;
        Ok(Self { folder, terraform })
    }

    async fn outcome(&self, case: &Case) -> Outcome {
        let scratch = self.folder.path().join(&case.name);
        case.run(&self.terraform, &scratch, &PROVIDERS.map(|(address, _)| address))
            .await
            .unwrap_or_else(|error| Outcome::Failed(vec![format!("  {error:#}")]))
    }
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn show(text: &str) {
    // Nobody to read it is no reason to stop.
    std::io::stdout().write_all(text.as_bytes()).ok();
}
