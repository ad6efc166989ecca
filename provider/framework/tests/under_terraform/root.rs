//! Drives the real `terraform` with this package's example providers, installed in a filesystem mirror
//! of its own. Nothing of the machine's own configuration is used, and no network.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value as Json;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest run of one terraform command; a hanging provider must fail a test, not hang it.
pub(crate) const RUN: Duration = Duration::from_secs(120);

/// A provider may outlive its Terraform by no more.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Pause between two looks at something that is awaited.
const PAUSE: Duration = Duration::from_millis(10);

/// A Terraform root in a folder of its own, with the providers `trial` and `notes` at hand.
pub(crate) struct Root {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a terraform command did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) text: String,
}

/// A provider of this package's examples. Cargo builds them with the tests, into the folder beside.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --examples` first", path.display());
    path
}

const HEAD: &str = r#"
terraform {
  required_providers {
    trial = { source = "tests/trial" }
    notes = { source = "examples/notes" }
  }
}
provider "trial" { folder = "things" }
provider "notes" { folder = "notes" }
"#;

impl Root {
    /// A root with this configuration, initialised.
    pub(crate) fn new(configuration: &str) -> Self {
        let root = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        root.install("tests", "trial");
        root.install("examples", "notes");
        let mirror = root.path("mirror");
        let mirror = mirror.display();
        let cli = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{mirror}\"\n  }}\n}}\n");
        std::fs::write(root.path("cli.tfrc"), cli).unwrap();
        root.write(configuration);
        root.succeeds(&["init", "-input=false"]);
        root
    }

    fn install(&self, namespace: &str, name: &str) {
        let folder = self.path(&format!("mirror/registry.terraform.io/{namespace}/{name}/1.0.0/linux_amd64"));
        std::fs::create_dir_all(&folder).unwrap();
        let binary = folder.join(format!("terraform-provider-{name}_v1.0.0"));
        if std::fs::hard_link(example(name), &binary).is_err() {
            std::fs::copy(example(name), &binary).unwrap();
        }
    }

    /// Sets an environment variable for every further command.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Replaces the configuration.
    pub(crate) fn write(&self, configuration: &str) {
        self.write_whole(&format!("{HEAD}{configuration}"));
    }

    /// Replaces the configuration, providers included.
    pub(crate) fn write_whole(&self, configuration: &str) {
        std::fs::write(self.path("main.tf"), configuration).unwrap();
    }

    /// A file or folder of the root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is written of the thing of that name.
    pub(crate) fn thing(&self, name: &str) -> PathBuf {
        self.path(&format!("things/{name}.json"))
    }

    /// Runs a command and expects success.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{}", run.text);
        run.text
    }

    /// Applies and expects success.
    pub(crate) fn apply(&self) -> String {
        self.succeeds(&["apply", "-auto-approve", "-input=false"])
    }

    /// Applies and expects failure.
    pub(crate) fn apply_fails(&self) -> String {
        let run = self.run(&["apply", "-auto-approve", "-input=false"]);
        assert_eq!(run.code, 1, "{}", run.text);
        run.text
    }

    /// Plans: 0 means no change, 2 means changes.
    pub(crate) fn plan(&self) -> Run {
        self.run(&["plan", "-detailed-exitcode", "-input=false"])
    }

    /// Expects that there is nothing to do.
    pub(crate) fn is_settled(&self) {
        let run = self.plan();
        assert_eq!(run.code, 0, "{}", run.text);
    }

    /// The newest instance of a resource in the state; null when there is none.
    pub(crate) fn instance(&self, name: &str) -> Json {
        let state = std::fs::read(self.path("terraform.tfstate")).unwrap_or_default();
        let state: Json = serde_json::from_slice(&state).unwrap_or_default();
        let resources = state["resources"].as_array().cloned().unwrap_or_default();
        let found = resources.into_iter().find(|resource| resource["name"] == name);
        found.map(|resource| resource["instances"][0].clone()).unwrap_or_default()
    }

    /// Starts an apply in a process group of its own, as a shell does.
    pub(crate) fn start_apply(&self) -> Running {
        let mut command = self.command(&["apply", "-no-color", "-auto-approve", "-input=false"]);
        Running { child: Some(command.process_group(0).spawn().unwrap()) }
    }

    /// Runs terraform with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut all = arguments.to_vec();
        if arguments[0] != "state" {
            all.insert(1, "-no-color");
        }
        Running { child: Some(self.command(&all).process_group(0).spawn().unwrap()) }.finish()
    }

    #[expect(clippy::disallowed_methods, reason = "terraform is what these tests drive")]
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("TF_CLI_CONFIG_FILE", self.path("cli.tfrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The provider processes that were started from this root and still live.
    pub(crate) fn providers(&self) -> Vec<PathBuf> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let binaries = processes.filter_map(|process| std::fs::read_link(process.path().join("exe")).ok());
        binaries.filter(|binary| binary.starts_with(self.path("mirror").canonicalize().unwrap())).collect()
    }
}

/// Waits until something holds; fails when that takes too long.
pub(crate) fn until(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come in {patience:?}");
        std::thread::sleep(PAUSE);
    }
}

/// A terraform command under way; killed with its group when a test ends however it ends.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    fn group(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    /// Does what Ctrl-C in a shell does.
    pub(crate) fn interrupt(&self) {
        kill_process_group(self.group(), Signal::INT).unwrap();
    }

    /// Kills terraform, and nothing else.
    pub(crate) fn kill(&mut self) {
        kill_process(self.group(), Signal::KILL).unwrap();
        self.child.take().unwrap().wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        let child = self.child.as_mut().unwrap();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out = std::thread::spawn(move || out.map(read_all).unwrap_or_default());
        let err = std::thread::spawn(move || err.map(read_all).unwrap_or_default());
        until(RUN, "the end of terraform", || self.child.as_mut().unwrap().try_wait().unwrap().is_some());
        let status = self.child.take().unwrap().wait().unwrap();
        let output = Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() };
        let text = [output.stdout, output.stderr].concat();
        Run { code: output.status.code().unwrap_or(-1), text: unwrapped(&String::from_utf8_lossy(&text)) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            kill_process_group(Pid::from_child(child), Signal::KILL).ok();
            child.wait().ok();
        }
    }
}

/// Terraform breaks lines and draws bars beside them; a message is compared without.
fn unwrapped(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !["│", "╷", "╵"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

fn read_all(mut stream: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The JSON document in a file.
pub(crate) fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
