//! Which arguments Terraform gets. Building them runs nothing.

use super::environment::Environment;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// One run of Terraform within a root. Paths are relative to the root's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invocation<'a> {
    /// Installs modules and providers.
    Init { lock_timeout: Duration },
    /// Writes a plan file. Exit code 0 is "no changes", 2 is "changes".
    Plan { file: &'a str, destroy: bool, lock_timeout: Duration },
    /// Prints a plan file as JSON.
    Show { file: &'a str },
    /// Applies a plan file.
    Apply { file: &'a str, lock_timeout: Duration },
    /// Prints the outputs as JSON.
    Output,
    /// Writes a state that an earlier run could not write.
    StatePush { file: &'a str, lock_timeout: Duration },
    /// Prints Terraform's version as JSON.
    Version,
}

impl Invocation<'_> {
    /// The word by which users know the command.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Init { .. } => "init",
            Self::Plan { .. } => "plan",
            Self::Show { .. } => "show",
            Self::Apply { .. } => "apply",
            Self::Output => "output",
            Self::StatePush { .. } => "state push",
            Self::Version => "version",
        }
    }

    /// The argument list.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let arguments = match self {
            Self::Init { lock_timeout } => {
                vec!["init".to_owned(), "-input=false".to_owned(), "-no-color".to_owned(), lock(*lock_timeout)]
            }
            Self::Plan { file, destroy, lock_timeout } => {
                let aim = if *destroy { vec!["-destroy".to_owned()] } else { Vec::new() };
                let mut arguments = streaming("plan", *lock_timeout);
                arguments.extend(aim);
                arguments.extend(["-detailed-exitcode".to_owned(), format!("-out={file}")]);
                arguments
            }
            Self::Show { file } => ["show", "-json", "-no-color", file].map(str::to_owned).to_vec(),
            Self::Apply { file, lock_timeout } => {
                let mut arguments = streaming("apply", *lock_timeout);
                arguments.push((*file).to_owned());
                arguments
            }
            Self::Output => ["output", "-json", "-no-color"].map(str::to_owned).to_vec(),
            Self::StatePush { file, lock_timeout } => {
                vec!["state".to_owned(), "push".to_owned(), lock(*lock_timeout), (*file).to_owned()]
            }
            Self::Version => ["version", "-json"].map(str::to_owned).to_vec(),
        };
        arguments.into_iter().map(OsString::from).collect()
    }
}

/// A command that is ready to be started in `folder`, with nothing inherited but what is given.
pub(super) fn command(binary: &Path, folder: &Path, environment: &Environment, invocation: &Invocation<'_>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "every run of Terraform is built here")]
    let mut command = Command::new(binary);
    command.args(invocation.arguments()).current_dir(folder).env_clear().envs(environment.iter());
    command
}

/// Arguments of a command that reports its progress as lines of JSON.
fn streaming(name: &str, lock_timeout: Duration) -> Vec<String> {
    vec![name.to_owned(), "-json".to_owned(), "-input=false".to_owned(), "-no-color".to_owned(), lock(lock_timeout)]
}

fn lock(timeout: Duration) -> String {
    format!("-lock-timeout={}ms", timeout.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argument_lists() {
        let check = |invocation: Invocation<'_>, expected: &str| {
            let arguments: Vec<String> =
                invocation.arguments().into_iter().map(|argument| argument.into_string().unwrap()).collect();
            assert_eq!(arguments.join(" "), expected);
        };
        let lock_timeout = Duration::from_secs(10);
        check(Invocation::Init { lock_timeout }, "init -input=false -no-color -lock-timeout=10000ms");
        check(
            Invocation::Plan { file: "p", destroy: false, lock_timeout },
            "plan -json -input=false -no-color -lock-timeout=10000ms -detailed-exitcode -out=p",
        );
        check(
            Invocation::Plan { file: "p", destroy: true, lock_timeout },
            "plan -json -input=false -no-color -lock-timeout=10000ms -destroy -detailed-exitcode -out=p",
        );
        check(Invocation::Show { file: "p" }, "show -json -no-color p");
        check(
            Invocation::Apply { file: "p", lock_timeout },
            "apply -json -input=false -no-color -lock-timeout=10000ms p",
        );
        check(Invocation::Output, "output -json -no-color");
        check(Invocation::StatePush { file: "s", lock_timeout }, "state push -lock-timeout=10000ms s");
    }

    #[test]
    fn nothing_is_inherited_but_what_is_given() {
        let environment = Environment::cleaned([("PATH".into(), "/bin".into())], []);
        let command = command(Path::new("terraform"), Path::new("/root-folder"), &environment, &Invocation::Output);
        let command = command.as_std();
        assert_eq!(command.get_current_dir(), Some(Path::new("/root-folder")));
        let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["CHECKPOINT_DISABLE", "PATH", "TF_IN_AUTOMATION"]);
    }
}
