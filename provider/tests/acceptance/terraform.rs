//! Drives the real `terraform` with the provider that was just built, installed in a filesystem
//! mirror of its own. Nothing of the machine's own configuration is used, and no network.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest run of one terraform command; a hanging provider must fail a test, not hang it.
const RUN: Duration = Duration::from_secs(180);

/// Version under which the provider stands in the mirror.
const VERSION: &str = "0.1.0";

/// A Terraform root in a folder of its own.
pub(crate) struct Root {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a terraform command did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Root {
    /// A root with this configuration, initialised.
    pub(crate) fn new(configuration: &str) -> Self {
        let root = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        root.install();
        root.write(configuration);
        let init = root.run(&["init", "-input=false"]);
        assert_eq!(init.code, 0, "{}", init.text);
        root
    }

    /// Sets an environment variable for every further command.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces the configuration.
    pub(crate) fn write(&self, configuration: &str) {
        let head =
            "terraform {\n  required_providers {\n    shadow = { source = \"shadow-failover/shadow\" }\n  }\n}\n";
        std::fs::write(self.path("main.tf"), format!("{head}{configuration}")).unwrap();
    }

    /// A file or folder of the root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Applies and expects success.
    pub(crate) fn apply(&self) -> Run {
        let run = self.run(&["apply", "-auto-approve", "-input=false"]);
        assert_eq!(run.code, 0, "{}", run.text);
        run
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

    /// Destroys and expects success.
    pub(crate) fn destroy(&self) {
        let run = self.run(&["destroy", "-auto-approve", "-input=false"]);
        assert_eq!(run.code, 0, "{}", run.text);
    }

    /// Starts an apply, to be ended with [`finish`].
    pub(crate) fn start_apply(&self) -> Child {
        self.command(&["apply", "-no-color", "-auto-approve", "-input=false"]).spawn().unwrap()
    }

    /// Runs terraform with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut all = arguments.to_vec();
        if !["state", "providers"].contains(&arguments[0]) {
            all.insert(1, "-no-color");
        }
        let output = finish(self.command(&all).spawn().unwrap(), RUN);
        let text = [output.stdout, output.stderr].concat();
        Run { code: output.status.code().unwrap_or(-1), text: unwrapped(&String::from_utf8_lossy(&text)) }
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

    /// Puts a provider into the mirror.
    pub(crate) fn install_program(&self, address: &str, program: &Path) {
        let folder = self.path("mirror/registry.terraform.io").join(address).join(VERSION).join("linux_amd64");
        std::fs::create_dir_all(&folder).unwrap();
        let (_, name) = address.split_once('/').unwrap();
        let binary = folder.join(format!("terraform-provider-{name}_v{VERSION}"));
        if std::fs::hard_link(program, &binary).is_err() {
            std::fs::copy(program, &binary).unwrap();
        }
    }

    fn install(&self) {
        self.install_program("shadow-failover/shadow", Path::new(BINARY));
        let mirror = self.path("mirror");
        let mirror = mirror.display();
        let cli = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{mirror}\"\n  }}\n}}\n");
        std::fs::write(self.path("cli.tfrc"), cli).unwrap();
    }
}

/// The provider under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_terraform-provider-shadow");

/// Terraform breaks lines and draws bars beside them; a message is compared without.
fn unwrapped(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !["│", "╷", "╵"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Ends a process that a test started.
pub(crate) fn kill_and_wait(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

/// Waits for a process, and kills it when it takes too long.
pub(crate) fn finish(mut child: Child, patience: Duration) -> Output {
    let id = child.id();
    let deadline = Instant::now() + patience;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let out = std::thread::spawn(move || out.map(read_all).unwrap_or_default());
    let err = std::thread::spawn(move || err.map(read_all).unwrap_or_default());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("process {id} took longer than {patience:?}: {}", String::from_utf8_lossy(&out.join().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
}

fn read_all(mut stream: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The JSON document in a file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
