//! The provider's documentation: every page is what the provider serves, every attribute says what a user needs, and
//! every example is accepted by the real Terraform.

#![cfg(test)]

use anyhow::{Context, Result, ensure};
use shadow_tests::mirror::Mirror;
use shadow_tests::provider_docs::{Attribute, Attributes, Catalog, Content, Group, Pages, Schema};
use shadow_tests::terraform::Terraform;
use shadow_tests::tools;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Deepest folder of examples; more is a loop of links.
const DEPTH_MAX: u32 = 5;

/// First Terraform with `identity` in import blocks.
const IDENTITY_SINCE: (u32, u32) = (1, 12);

async fn catalog() -> Catalog {
    Catalog::of(&tools::built("terraform-provider-shadow").unwrap()).await.unwrap()
}

fn examples() -> PathBuf {
    tools::repository().join("examples")
}

fn none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[tokio::test]
async fn every_page_is_what_the_provider_serves() {
    let pages = Pages::new(&catalog().await, &examples());
    none(&pages.problems, "examples are missing");
    let differences = pages.differences(&tools::repository().join("docs")).unwrap();
    none(&differences, "run `make provider-docs` and commit what it writes");
}

#[tokio::test]
async fn every_attribute_says_what_a_user_needs() {
    let catalog = catalog().await;
    let mut lacks = Vec::new();
    let mut check = |name: &str, schema: &Schema| {
        if !is_a_sentence(&schema.description) {
            lacks.push(format!("{name}: a description"));
        }
        attributes_lack(name, &schema.attributes, &mut lacks);
    };
    check("provider", &catalog.provider);
    let by_name = [&catalog.resources, &catalog.data_sources, &catalog.ephemeral_resources, &catalog.list_resources];
    for (name, schema) in by_name.into_iter().flatten() {
        check(name, schema);
    }
    for (name, function) in &catalog.functions {
        let parameters = function.parameters.iter().chain(&function.variadic);
        let texts = parameters.map(|parameter| (parameter.name.as_str(), &parameter.description));
        let texts = texts.chain([("description", &function.description)]);
        let vague = texts.filter(|(_, text)| !is_a_sentence(text));
        lacks.extend(vague.map(|(part, _)| format!("function {name}, {part}: a description")));
    }
    none(&lacks, "the provider's schema lacks");
}

fn attributes_lack(parent: &str, attributes: &Attributes, lacks: &mut Vec<String>) {
    for (name, attribute) in attributes {
        let path = format!("{parent}.{name}");
        lacks.extend(lacking(attribute).into_iter().map(|what| format!("{path}: {what}")));
        if let Content::Nested(_, attributes) = &attribute.content {
            attributes_lack(&path, attributes, lacks);
        }
    }
}

/// What a description leaves open.
fn lacking(attribute: &Attribute) -> Vec<&'static str> {
    let text = attribute.description.as_str();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let mut lacking = Vec::new();
    if !is_a_sentence(text) {
        lacking.push("a description");
    }
    // Parts of an object tell their own defaults.
    let is_object = matches!(attribute.content, Content::Nested("Attributes", _)) && attribute.computed;
    if attribute.group == Group::Optional && !is_object && !says(&WITHOUT_IT) {
        lacking.push("what it is when it is left out (\"Default: …\" or \"… when left out\")");
    }
    if is_number(attribute) && attribute.group != Group::ReadOnly && !says(&RANGES_AND_UNITS) {
        lacking.push("a range or a unit");
    }
    if has_default_duration(text) && !says(&["duration"]) {
        lacking.push("that it is a duration");
    }
    lacking
}

/// Words of which an optional attribute needs one.
const WITHOUT_IT: [&str; 7] =
    ["Default: ", "left out", "leave it out", "Either this or", "Either these or", "in place of", "need none"];

/// Words of which a number that a user gives needs one.
const RANGES_AND_UNITS: [&str; 13] = [
    " from ",
    "whole number",
    "in `unit`",
    "in the unit of",
    "seconds",
    "bytes",
    "MiB",
    "GiB",
    "Mbit/s",
    "per second",
    "cores",
    "percent",
    "currency",
];

fn is_number(attribute: &Attribute) -> bool {
    matches!(&attribute.content, Content::Value(ty) if ty == "number")
}

fn is_a_sentence(text: &str) -> bool {
    text.trim().len() > 10 && text.trim_end().ends_with('.')
}

/// Whether the default is a number with the sign of a unit of time, as in `"30s"`.
fn has_default_duration(text: &str) -> bool {
    let default = text.split("Default: `\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let unit = default.trim_start_matches(|letter: char| letter.is_ascii_digit());
    unit.len() < default.len() && ["s", "m", "h", "d"].contains(&unit)
}

#[tokio::test]
async fn every_example_is_about_something_that_is_served() {
    let catalog = catalog().await;
    let mut strangers = Vec::new();
    let served = [
        ("resources", names(&catalog.resources)),
        ("data-sources", names(&catalog.data_sources)),
        ("ephemeral-resources", names(&catalog.ephemeral_resources)),
        ("list-resources", names(&catalog.list_resources)),
        ("functions", names(&catalog.functions)),
    ];
    for (folder, names) in served {
        let Ok(entries) = examples().join(folder).read_dir() else { continue };
        let present = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        strangers.extend(present.filter(|name| !names.contains(name)).map(|name| format!("examples/{folder}/{name}")));
    }
    none(&strangers, "these show nothing that the provider has");
}

fn names<T>(by_name: &BTreeMap<String, T>) -> Vec<String> {
    by_name.keys().cloned().collect()
}

#[tokio::test]
async fn every_example_is_valid_and_formatted() {
    let bench = Workbench::new().await.unwrap();
    let mut files = Vec::new();
    for folder in ["provider", "resources", "data-sources", "ephemeral-resources", "list-resources", "functions"] {
        collect(&examples().join(folder), DEPTH_MAX, &mut files);
    }
    assert!(files.len() > 5, "the examples were not found");
    let mut wrong = Vec::new();
    for file in files {
        let problem = bench.check(&file).await.err();
        wrong.extend(problem.map(|error| format!("{}: {error:#}", file.display())));
    }
    none(&wrong, "Terraform refuses");
}

fn collect(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) {
    let depth = depth.checked_sub(1).expect("folders are not that deep");
    let Ok(entries) = folder.read_dir() else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { collect(&path, depth, files) } else { files.push(path) }
    }
}

/// A root in which one example after the other is tried.
struct Workbench {
    folder: TempDir,
    terraform: Terraform,
    version: (u32, u32),
}

const HEAD: &str =
    "terraform {\n  required_providers {\n    shadow = { source = \"shadow-failover/shadow\" }\n  }\n}\n";

impl Workbench {
    async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut mirror = Mirror::new(&folder.path().join("mirror"));
        mirror.add_shadow(&tools::built("terraform-provider-shadow")?)?;
        let terraform = mirror.terraform(folder.path())?;
        std::fs::create_dir(folder.path().join("root"))?;
        std::fs::write(folder.path().join("root/head.tf"), HEAD)?;
        let bench = Self { version: version_of(&terraform, folder.path()).await?, folder, terraform };
        bench.run(&["init", "-input=false", "-no-color"]).await?;
        Ok(bench)
    }

    async fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.terraform.run(&self.folder.path().join("root"), arguments).await?;
        ensure!(output.code == 0, "terraform {}:\n{}{}", arguments.join(" "), output.stdout, output.stderr);
        Ok(())
    }

    async fn check(&self, file: &Path) -> Result<()> {
        let name = file.file_name().and_then(|name| name.to_str()).context("its name is not text")?;
        let text = std::fs::read_to_string(file)?;
        if name == "import.sh" {
            return check_command(file, &text);
        }
        let root = self.folder.path().join("root");
        let has_head = text.contains("required_providers");
        std::fs::write(root.join("head.tf"), if has_head { "" } else { HEAD })?;
        std::fs::write(root.join("example.tf"), &text)?;
        self.run(&["fmt", "-check", "-diff", "-no-color", "example.tf"]).await?;
        // An import is of something that is declared.
        let declared = if name.starts_with("import-") { resource_beside(file)? } else { String::new() };
        std::fs::write(root.join("declared.tf"), declared)?;
        if name.ends_with(".tfquery.hcl") || (name == "import-by-identity.tf" && self.version < IDENTITY_SINCE) {
            // Terraform 1.11 and older know no such files; newer ones check them by `terraform query`.
            return Ok(());
        }
        self.run(&["validate", "-no-color"]).await
    }
}

fn resource_beside(file: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(file.with_file_name("resource.tf"))?)
}

/// `terraform import ADDRESS ID`, of a resource that the example beside it declares.
fn check_command(file: &Path, text: &str) -> Result<()> {
    let command = text.lines().find(|line| line.starts_with("terraform import ")).context("it imports nothing")?;
    let address = command.split(' ').nth(2).context("it names no address")?;
    let (ty, name) = address.split_once('.').context("it names no resource")?;
    let declared = format!("resource \"{ty}\" \"{name}\"");
    ensure!(resource_beside(file)?.contains(&declared), "{address} is not in resource.tf");
    ensure!(command.split(' ').count() == 4, "{command:?} has no id, or more than one");
    Ok(())
}

async fn version_of(terraform: &Terraform, folder: &Path) -> Result<(u32, u32)> {
    let output = terraform.run(folder, &["version", "-json"]).await?;
    let json: serde_json::Value = serde_json::from_str(&output.stdout)?;
    let version = json["terraform_version"].as_str().context("it tells no version")?;
    let mut parts = version.split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { anyhow::bail!("version {version}") };
    Ok((major, minor))
}

#[test]
fn a_vague_description_is_noticed() {
    let attribute = |ty: &str, description: &str| Attribute {
        content: Content::Value(ty.into()),
        description: description.to_owned(),
        group: Group::Optional,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
    };
    assert_eq!(lacking(&attribute("string", "How it is called. None when left out.")), [""; 0]);
    assert_eq!(lacking(&attribute("number", "How many. Default: `3`.")), ["a range or a unit"]);
    assert_eq!(lacking(&attribute("string", "Time to wait. Default: `\"30s\"`.")), ["that it is a duration"]);
    assert_eq!(lacking(&attribute("bool", "")).len(), 2);
}
