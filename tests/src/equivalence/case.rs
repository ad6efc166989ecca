//! One case: a configuration with its prior state, the commands that are run on it, and what they should print.

use super::{compare, folders_in, strip};
use crate::terraform::{Output, Terraform};
use crate::world::{COPY_DEPTH_MAX, copy_folder};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A case by its name.
pub(super) struct Case {
    pub(super) name: String,
    folder: PathBuf,
    golden: PathBuf,
    specification: Specification,
}

/// How a case fared.
pub(super) enum Outcome {
    /// So many files are as expected.
    Passed(usize),
    /// It needs these providers.
    Skipped(Vec<String>),
    /// Why, one reason a line.
    Failed(Vec<String>),
}

/// `spec.json`.
#[derive(Debug, Deserialize)]
struct Specification {
    /// Further files to compare after the commands.
    #[serde(default)]
    include_files: Vec<String>,
    /// Paths to leave out, by file.
    #[serde(default)]
    ignore_fields: BTreeMap<String, Vec<String>>,
    /// What to run in place of the usual commands.
    #[serde(default)]
    commands: Vec<Command>,
}

/// One run of Terraform.
#[derive(Debug, Clone, Deserialize)]
struct Command {
    arguments: Vec<String>,
    #[serde(default)]
    capture_output: bool,
    #[serde(default)]
    output_file_name: String,
    #[serde(default)]
    has_json_output: bool,
    #[serde(default)]
    streams_json_output: bool,
}

/// An output to compare.
pub(super) enum Content {
    Text(String),
    Json(Value),
}

impl Case {
    /// The cases below `folder` whose name contains `only`.
    pub(super) fn all(folder: &Path, only: &str) -> Result<Vec<Self>> {
        let folders = folders_in(&folder.join("tests")).context("is this a checkout of Terraform?")?;
        let names = folders.iter().filter_map(|path| path.file_name()?.to_str());
        names.filter(|name| name.contains(only)).map(|name| Self::read(folder, name)).collect()
    }

    fn read(folder: &Path, name: &str) -> Result<Self> {
        let (tests, golden) = (folder.join("tests").join(name), folder.join("outputs").join(name));
        let specification = tests.join("spec.json");
        let text = std::fs::read(&specification).with_context(|| format!("reading {}", specification.display()))?;
        let specification = serde_json::from_slice(&text).with_context(|| specification.display().to_string())?;
        Ok(Self { name: name.to_owned(), folder: tests, golden, specification })
    }

    /// Runs it in `scratch`, which is made, if `available` has every provider that it needs.
    pub(super) async fn run(&self, terraform: &Terraform, scratch: &Path, available: &[&str]) -> Result<Outcome> {
        let mut missing = providers_of(&self.folder)?;
        missing.retain(|address| !available.contains(&address.as_str()));
        if !missing.is_empty() {
            return Ok(Outcome::Skipped(missing.into_iter().collect()));
        }
        // Lock files are left behind: they hold the digests of the original providers.
        copy_folder(&self.folder, scratch, COPY_DEPTH_MAX)?;
        self.copy_state(scratch)?;
        let outputs = self.outputs(terraform, scratch).await?;
        let differences = self.differences(&outputs)?;
        Ok(if differences.is_empty() { Outcome::Passed(outputs.len()) } else { Outcome::Failed(differences) })
    }

    /// The prior state, which the copy of a folder leaves out.
    fn copy_state(&self, scratch: &Path) -> Result<()> {
        let state = self.folder.join("terraform.tfstate");
        if state.is_file() {
            std::fs::copy(&state, scratch.join("terraform.tfstate"))
                .with_context(|| format!("copying {}", state.display()))?;
        }
        Ok(())
    }

    async fn outputs(&self, terraform: &Terraform, folder: &Path) -> Result<BTreeMap<String, Content>> {
        let mut outputs = BTreeMap::new();
        let own = &self.specification.commands;
        for command in if own.is_empty() { usual_commands() } else { own.clone() } {
            let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
            let run = terraform.run(folder, &arguments).await?;
            let run = run.success().with_context(|| format!("terraform {}", arguments.join(" ")))?;
            if command.capture_output {
                outputs.insert(command.output_file_name.clone(), command.content(run)?);
            }
        }
        for name in &self.specification.include_files {
            let text = std::fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"))?;
            outputs.insert(name.clone(), Content::of_file(name, text)?);
        }
        Ok(outputs)
    }

    /// What differs from the golden files, and which of them were not made.
    fn differences(&self, outputs: &BTreeMap<String, Content>) -> Result<Vec<String>> {
        let mut differences = Vec::new();
        for (name, content) in outputs {
            let path = self.golden.join(name);
            let expected = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let ignored = self.specification.ignore_fields.get(name).map(Vec::as_slice).unwrap_or_default();
            let difference = match content {
                Content::Text(text) => compare::texts(&expected, text),
                Content::Json(json) => {
                    compare::documents(&serde_json::from_str(&expected)?, &strip::stripped(json.clone(), name, ignored))
                }
            };
            differences.extend(difference.map(|difference| format!("  {name}: {difference}")));
        }
        Ok(differences)
    }
}

impl Command {
    fn usual(arguments: &str, output_file_name: &str) -> Self {
        Self {
            arguments: arguments.split(' ').map(str::to_owned).collect(),
            capture_output: !output_file_name.is_empty(),
            output_file_name: output_file_name.to_owned(),
            has_json_output: output_file_name.ends_with(".json"),
            streams_json_output: arguments.starts_with("apply"),
        }
    }

    fn content(&self, run: Output) -> Result<Content> {
        if !self.has_json_output {
            return Ok(Content::Text(run.stdout));
        }
        let json = if self.streams_json_output {
            run.stdout.lines().map(serde_json::from_str::<Value>).collect::<Result<Value, _>>()
        } else {
            serde_json::from_str(&run.stdout)
        };
        Ok(Content::Json(json.with_context(|| format!("{} is no JSON", self.output_file_name))?))
    }
}

impl Content {
    fn of_file(name: &str, text: String) -> Result<Self> {
        if name.ends_with(".json") { Ok(Self::Json(serde_json::from_str(&text)?)) } else { Ok(Self::Text(text)) }
    }
}

/// What is run where a case names no commands of its own.
fn usual_commands() -> Vec<Command> {
    [
        ("init", ""),
        ("plan -out=equivalence_test_plan -no-color", "plan"),
        ("apply -json equivalence_test_plan", "apply.json"),
        ("show -no-color", "state"),
        ("show -json", "state.json"),
        ("show -json equivalence_test_plan", "plan.json"),
    ]
    .map(|(arguments, file)| Command::usual(arguments, file))
    .into()
}

/// The addresses that the configurations in a folder and below it require.
fn providers_of(folder: &Path) -> Result<BTreeSet<String>> {
    let mut addresses = BTreeSet::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let text = std::fs::read_to_string(&path)?;
            let quoted = text.lines().filter(|line| line.trim_start().starts_with("source"));
            let sources = quoted.filter_map(|line| line.split('"').nth(1)).map(str::to_owned);
            // Others are folders of modules.
            addresses.extend(sources.filter(|source| !source.starts_with('.')));
        }
    }
    for inner in folders_in(folder)? {
        ensure!(!inner.is_symlink(), "{} is a link", inner.display());
        addresses.extend(providers_of(&inner)?);
    }
    Ok(addresses)
}
