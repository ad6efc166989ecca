//! The release recipe and the installation, as a maintainer and a user run them, but with the program that is already
//! built: what comes out is installed by the real Terraform.

#![cfg(test)]

use anyhow::{Context, Result, ensure};
use shadow_tests::child::{Child, Outlets, command};
use shadow_tests::mirror::{SHADOW, platform};
use shadow_tests::terraform::Terraform;
use shadow_tests::tools;
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
    let root = folder.join("root");
    std::fs::create_dir_all(&root)?;
    std::fs::write(root.join("main.tf"), ROOT)?;
    let terraform = Terraform { program: tools::terraform()?, environment, logs: folder.to_owned() };
    let init = terraform.run(&root, &["init", "-input=false", "-no-color"]).await?.success()?;
    // A plan of something new asks nobody but the provider.
    let plan = terraform.run(&root, &["plan", "-input=false", "-no-color"]).await?.success()?;
    ensure!(plan.stdout.contains("1 to add"), "{}", plan.stdout);
    Ok(init.stdout)
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
    let home_folder = home.path().display().to_string();
    let install = async |arguments: &[&str], program: Option<PathBuf>| {
        let mut install = script("install.sh");
        install.args(arguments).args(program).env("HOME", home.path());
        run(&mut install, home.path()).await
    };
    let said = install(&["install", "--binary"], Some(provider())).await.unwrap();
    assert!(said.contains(&home_folder), "{said}");
    let environment = variables([("HOME", home_folder), ("CHECKPOINT_DISABLE", "1".to_owned())]);
    terraform_takes_it(home.path(), environment).await.unwrap();
    install(&["uninstall"], None).await.unwrap();
    assert!(!home.path().join(".terraform.d/plugins/registry.terraform.io").exists());
    let said = install(&["uninstall"], None).await.unwrap();
    assert!(said.contains("nothing is installed"), "{said}");
}
