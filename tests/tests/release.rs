//! The release recipe and the installation, as a maintainer and a user run them, but with the program that is already
//! built: what comes out is installed by the real Terraform.

#![cfg(test)]

use anyhow::{Context, Result, ensure};
use shadow_tests::child::{Child, Outlets, command};
use shadow_tests::mirror::{SHADOW, platform};
use shadow_tests::terraform::Terraform;
use shadow_tests::tools;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Packing a development build of tens of MiB takes seconds.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(120);

/// The version that the workspace has.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A root that needs the provider and, in its plan, an answer of it.
const ROOT: &str = "terraform {\n  required_providers {\n    shadow = { source = \"shadow-failover/shadow\" }\n  }\n}\n\
    provider \"shadow\" { endpoint = \"http://127.0.0.1:9\" }\nresource \"shadow_policy\" \"p\" { name = \"p\" }\n";

/// Runs a program to its end and gives what it printed.
async fn run(command: &mut Command, logs: &Path) -> Result<String> {
    let log = tempfile::Builder::new().prefix("log-").tempdir_in(logs)?;
    let file = log.path().join("log");
    let path = std::env::var("PATH")?;
    let mut child = Child::start("a script", command.env("PATH", path), &Outlets::merged(&file))?;
    let status = child.ended(SCRIPT_TIMEOUT).await?;
    let text = std::fs::read_to_string(&file)?;
    ensure!(status.success(), "{status}: {text}");
    Ok(text)
}

fn script(name: &str) -> Command {
    command(tools::repository().join("release").join(name))
}

fn provider() -> PathBuf {
    tools::built("terraform-provider-shadow").unwrap()
}

/// Initialises and plans in a folder of its own, with these variables.
async fn terraform_takes_it(folder: &Path, environment: Vec<(String, String)>) -> Result<String> {
    let root = root(folder);
    std::fs::create_dir_all(&root)?;
    std::fs::write(root.join("main.tf"), ROOT)?;
    let terraform = terraform(folder, environment)?;
    let init = terraform.run(&root, &["init", "-input=false", "-no-color"]).await?.success()?;
    // A plan of something new asks nobody but the provider.
    let plan = terraform.run(&root, &["plan", "-input=false", "-no-color"]).await?.success()?;
    ensure!(plan.stdout.contains("1 to add"), "{}", plan.stdout);
    Ok(init.stdout)
}

fn root(folder: &Path) -> PathBuf {
    folder.join("root")
}

fn terraform(folder: &Path, environment: Vec<(String, String)>) -> Result<Terraform> {
    Ok(Terraform { program: tools::terraform()?, environment, logs: folder.to_owned() })
}

fn variables(pairs: [(&str, String); 2]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

#[tokio::test]
async fn a_release_is_installed_from_its_archive() {
    let folder = tempfile::tempdir().unwrap();
    // Terraform's layout for packed mirrors: the archives beside each other, below the address.
    let mirror = folder.path().join("mirror");
    let release = mirror.join("registry.terraform.io").join(SHADOW);
    package(&release, &["--unsigned"], folder.path()).await.unwrap();

    let archive = format!("terraform-provider-shadow_{VERSION}_{}.zip", platform());
    let manifest = format!("terraform-provider-shadow_{VERSION}_manifest.json");
    let digests = format!("terraform-provider-shadow_{VERSION}_SHA256SUMS");
    let mut names: Vec<String> =
        release.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [digests.clone(), archive.clone(), manifest.clone()]);
    let text = std::fs::read_to_string(release.join(&digests)).unwrap();
    assert!(text.contains(&archive) && text.contains(&manifest), "{text}");
    run(command("sha256sum").args(["--check", "--strict", &digests]).current_dir(&release), folder.path())
        .await
        .unwrap();

    let settings = folder.path().join("terraform.tfrc");
    let text = format!("provider_installation {{\n  filesystem_mirror {{ path = \"{}\" }}\n}}\n", mirror.display());
    std::fs::write(&settings, text).unwrap();
    let settings = ("TF_CLI_CONFIG_FILE", settings.display().to_string());
    let environment = variables([settings, ("CHECKPOINT_DISABLE", "1".to_owned())]);
    let init = terraform_takes_it(folder.path(), environment).await.unwrap();
    assert!(init.contains(&format!("Installed {SHADOW} v{VERSION}")), "{init}");
}

/// Makes the files of a release in `output`.
async fn package(output: &Path, options: &[&str], logs: &Path) -> Result<String> {
    let mut package = script("package.sh");
    package.arg(VERSION).args(options).arg("--output").arg(output).arg("--binary").arg(provider());
    package.env("GNUPGHOME", logs);
    run(&mut package, logs).await
}

#[tokio::test]
async fn the_digests_are_signed() {
    let folder = tempfile::Builder::new().prefix("keys-").tempdir().unwrap();
    let gpg = |arguments: &[&str]| {
        let mut gpg = command("gpg");
        gpg.args(["--batch", "--quiet"]).args(arguments).env("GNUPGHOME", folder.path());
        gpg
    };
    let key = ["--passphrase", "", "--quick-generate-key", "release@example.org", "ed25519", "sign", "1d"];
    run(&mut gpg(&key), folder.path()).await.context("gpg is needed: install gnupg").unwrap();
    let output = folder.path().join("release");
    package(&output, &["--key", "release@example.org"], folder.path()).await.unwrap();
    let digests = output.join(format!("terraform-provider-shadow_{VERSION}_SHA256SUMS"));
    let signature = PathBuf::from(format!("{}.sig", digests.display()));
    assert!(!std::fs::read(&signature).unwrap().starts_with(b"-----"), "a registry wants it binary");
    run(gpg(&["--verify"]).arg(&signature).arg(&digests), folder.path()).await.unwrap();
    run(command("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", folder.path()), folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_missing_key_is_told_before_anything_is_made() {
    let folder = tempfile::Builder::new().prefix("keys-").tempdir().unwrap();
    let output = folder.path().join("release");
    let error = package(&output, &["--key", "nobody@example.org"], folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("no GPG key nobody@example.org"), "{error}");
    assert!(!output.exists());
    run(command("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", folder.path()), folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_release_has_the_version_of_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let mut package = script("package.sh");
    package.args(["99.0.0", "--unsigned", "--output"]).arg(folder.path().join("release"));
    let error = run(&mut package, folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("Cargo.toml"), "{error}");
}

#[tokio::test]
async fn an_installed_provider_is_found_without_settings() {
    let home = tempfile::tempdir().unwrap();
    let said = install(home.path(), &["install", "--binary"], Some(&provider())).await.unwrap();
    assert!(said.contains(&home.path().display().to_string()), "{said}");
    terraform_takes_it(home.path(), at_home(home.path())).await.unwrap();
    install(home.path(), &["uninstall"], None).await.unwrap();
    assert!(!home.path().join(".terraform.d/plugins/registry.terraform.io").exists());
    let said = install(home.path(), &["uninstall"], None).await.unwrap();
    assert!(said.contains("nothing is installed"), "{said}");
}

#[tokio::test]
async fn another_build_of_the_version_is_taken_after_what_the_script_says() {
    let home = tempfile::tempdir().unwrap();
    install(home.path(), &["install", "--binary"], Some(&provider())).await.unwrap();
    terraform_takes_it(home.path(), at_home(home.path())).await.unwrap();

    let rebuilt = home.path().join("rebuilt");
    std::fs::copy(provider(), &rebuilt).unwrap();
    std::fs::OpenOptions::new().append(true).open(&rebuilt).unwrap().write_all(b"\0").unwrap();
    let said = install(home.path(), &["install", "--binary"], Some(&rebuilt)).await.unwrap();
    let refused = terraform_takes_it(home.path(), at_home(home.path())).await.unwrap_err().to_string();
    assert!(refused.contains("checksums"), "{refused}");

    let (_, command) = said.split_once("terraform providers lock").unwrap();
    let options = command.lines().next().unwrap_or_default().split_whitespace();
    let arguments: Vec<&str> = ["providers", "lock", "-no-color"].into_iter().chain(options).collect();
    let terraform = terraform(home.path(), at_home(home.path())).unwrap();
    terraform.run(&root(home.path()), &arguments).await.unwrap().success().unwrap();
    terraform_takes_it(home.path(), at_home(home.path())).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_leaves_no_empty_folder() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("missing");
    let refused = install(home.path(), &["install", "--binary"], Some(&missing)).await.unwrap_err().to_string();
    assert!(refused.contains("there is no program"), "{refused}");
    assert!(!home.path().join(".terraform.d").exists());
}

/// Runs the script for the user whose home that is.
async fn install(home: &Path, arguments: &[&str], program: Option<&Path>) -> Result<String> {
    let mut install = script("install.sh");
    install.args(arguments).args(program).env("HOME", home);
    run(&mut install, home).await
}

/// No settings but the home.
fn at_home(home: &Path) -> Vec<(String, String)> {
    variables([("HOME", home.display().to_string()), ("CHECKPOINT_DISABLE", "1".to_owned())])
}
