//! Runs the real Terraform in a root of the user's, with the provider from the world's own mirror. It never reaches a
//! registry.

use crate::child::{Child, Outlets, command};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A run against local processes takes seconds; on a busy machine with two cores perhaps a minute.
const RUN_TIMEOUT: Duration = Duration::from_secs(180);

/// How Terraform is started.
#[derive(Debug, Clone)]
pub struct Terraform {
    /// The program.
    pub program: PathBuf,
    /// Variables that make it find the provider and the provider find the reconciler.
    pub environment: Vec<(String, String)>,
    /// Folder for the logs.
    pub logs: PathBuf,
}

/// What a run said.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Time that it took.
    pub seconds: f64,
}

/// One run of Terraform, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TerraformRun {
    /// `user`, `capacity` or `traffic`.
    pub root: String,
    /// `init`, `plan`, `apply` or `destroy`.
    pub action: String,
    /// Time that it took.
    pub seconds: f64,
    /// Resources added, changed and removed, where the run says so.
    pub changes: Option<u64>,
}

impl Terraform {
    /// Runs `arguments` in `folder` and waits for the end, whatever the exit code.
    ///
    /// # Errors
    /// When it cannot be started, is killed or takes too long.
    pub async fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Output> {
        let started = Instant::now();
        // The scratch folder's name is unique, so that runs at the same time have files of their own.
        let scratch = tempfile::Builder::new().prefix("terraform-").tempdir_in(&self.logs)?;
        let outlets = Outlets { stdout: scratch.path().join("stdout"), stderr: scratch.path().join("stderr") };
        let mut command = command(&self.program);
        command.args(arguments).current_dir(folder).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = Child::start("terraform", &mut command, &outlets)?;
        let status = child.ended(RUN_TIMEOUT).await?;
        let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        Ok(Output {
            code: status.code().context("terraform was killed")?,
            stdout: read(&outlets.stdout)?,
            stderr: read(&outlets.stderr)?,
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}

impl Output {
    /// This output, if the run succeeded.
    ///
    /// # Errors
    /// The diagnostics of a run that did not.
    pub fn success(self) -> Result<Self> {
        if self.code != 0 {
            bail!("terraform ended with {}:\n{}", self.code, self.diagnostics());
        }
        Ok(self)
    }

    /// What Terraform complains of: the errors and warnings of a `-json` run, or else standard error.
    pub fn diagnostics(&self) -> String {
        let diagnostic = |message: Value| {
            let text = |key: &str| message.pointer(&format!("/diagnostic/{key}")).and_then(Value::as_str);
            Some(format!("{}: {}\n{}", text("severity")?, text("summary")?, text("detail").unwrap_or_default()))
        };
        let from_json: Vec<String> = self.messages().filter_map(diagnostic).collect();
        if from_json.is_empty() { self.stderr.clone() } else { from_json.join("\n") }
    }

    /// Resources added, changed and removed by an apply or a destroy run with `-json`.
    pub fn changes(&self) -> Option<u64> {
        self.messages().filter_map(|message| message.get("changes").map(count_changes)).last()
    }

    fn messages(&self) -> impl Iterator<Item = Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok())
    }
}

/// A root of the user's, and a record of what was run in it.
#[derive(Debug)]
pub struct UserRoot {
    terraform: Terraform,
    folder: PathBuf,
    /// Every run so far.
    pub runs: Vec<TerraformRun>,
}

impl UserRoot {
    /// The root in `folder`, with `variables` in an automatically loaded file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(terraform: Terraform, folder: &Path, variables: &Value) -> Result<Self> {
        let file = folder.join("world.auto.tfvars.json");
        std::fs::write(&file, format!("{variables:#}\n")).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self { terraform, folder: folder.to_owned(), runs: Vec::new() })
    }

    /// Where the root is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `terraform init`.
    ///
    /// # Errors
    /// The diagnostics of a run that failed.
    pub async fn init(&mut self) -> Result<()> {
        self.run("init", &["-input=false", "-no-color"]).await?.success().map(drop)
    }

    /// `terraform apply`.
    ///
    /// # Errors
    /// The diagnostics of a run that failed.
    pub async fn apply(&mut self) -> Result<Output> {
        self.run("apply", &["-input=false", "-auto-approve", "-json"]).await?.success()
    }

    /// `terraform destroy`.
    ///
    /// # Errors
    /// The diagnostics of a run that failed.
    pub async fn destroy(&mut self) -> Result<Output> {
        self.run("destroy", &["-input=false", "-auto-approve", "-json"]).await?.success()
    }

    /// Whether `terraform plan` finds nothing to do.
    ///
    /// # Errors
    /// The diagnostics of a plan that failed.
    pub async fn plan_is_empty(&mut self) -> Result<bool> {
        let output = self.run("plan", &["-input=false", "-detailed-exitcode", "-json"]).await?;
        // With that flag 2 says that the plan succeeded and has changes.
        if output.code == 2 { Ok(false) } else { output.success().map(|_| true) }
    }

    async fn run(&mut self, action: &str, arguments: &[&str]) -> Result<Output> {
        let output = self.terraform.run(&self.folder, &[&[action], arguments].concat()).await?;
        self.runs.push(TerraformRun {
            root: "user".to_owned(),
            action: action.to_owned(),
            seconds: output.seconds,
            changes: output.changes(),
        });
        Ok(output)
    }
}

/// Resources added, changed and removed, as Terraform and the journal tell them in one object.
pub fn count_changes(changes: &Value) -> u64 {
    ["add", "change", "remove"].iter().filter_map(|key| changes.get(*key)?.as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    /// A root of Terraform's built-in provider, so that the runs need no other.
    fn root(folder: &Path, value: &str) -> UserRoot {
        let text = "variable \"value\" {}\nresource \"terraform_data\" \"it\" { input = var.value }\n";
        std::fs::write(folder.join("main.tf"), text).unwrap();
        let environment = vec![("CHECKPOINT_DISABLE".to_owned(), "1".to_owned())];
        let program = tools::terraform().unwrap();
        let terraform = Terraform { program, environment, logs: folder.to_owned() };
        UserRoot::new(terraform, folder, &serde_json::json!({ "value": value })).unwrap()
    }

    #[tokio::test]
    async fn a_root_is_applied_planned_changed_and_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let mut user_root = root(folder.path(), "one");
        user_root.init().await.unwrap();
        assert!(!user_root.plan_is_empty().await.unwrap());
        assert_eq!(user_root.apply().await.unwrap().changes(), Some(1));
        assert!(user_root.plan_is_empty().await.unwrap());
        let mut changed = root(folder.path(), "two");
        assert!(!changed.plan_is_empty().await.unwrap());
        assert_eq!(changed.destroy().await.unwrap().changes(), Some(1));
        assert_eq!(user_root.runs.len(), 4);
    }

    #[tokio::test]
    async fn diagnostics_say_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let mut user_root = root(folder.path(), "one");
        user_root.init().await.unwrap();
        std::fs::write(folder.path().join("bad.tf"), "output \"x\" { value = var.absent }\n").unwrap();
        let error = user_root.apply().await.unwrap_err().to_string();
        assert!(error.contains("undeclared input variable"), "{error}");
    }
}
