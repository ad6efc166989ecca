//! Whether a declaration can be carried out on this host, asked before anything is touched.

use super::context::Context;
use super::identity::{DIGEST, MARKER};
use super::run::PATH_DEFAULT;
use shadow_core::model::check::{Problems, parse_duration};
use shadow_core::model::process::ProcessSpec;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Longest time that a process may take to stop: requests to the agent wait for it.
const GRACE_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Variables whose values the agent alone decides: by them it knows its processes again.
const MARKS: [&str; 2] = [MARKER, DIGEST];

/// Variables of a process that follow from its declaration.
const DECLARED: [&str; 2] = ["ADDRESS", "PORT"];

/// Checks a declaration against this host.
///
/// # Errors
/// Every problem, with its attribute path.
pub(super) fn check_process(spec: &ProcessSpec, context: &Context) -> Result<(), Problems> {
    let mut problems = spec.check().err().unwrap_or_default();
    check_environment(&spec.environment, &mut problems);
    check_declared("environment", spec.environment.keys(), &mut problems);
    let secrets = spec.secret_environment_wo.iter().map(|(name, secret)| (name, secret.reveal()));
    check_variables("secret_environment_wo", secrets, &mut problems);
    check_declared("secret_environment_wo", spec.secret_environment_wo.keys(), &mut problems);
    check_inherited(&spec.inherit_environment, context, &mut problems);
    check_working_directory(spec.working_directory.as_deref(), &mut problems);
    let path = spec.environment.get("PATH").or_else(|| context.environment.get("PATH"));
    check_command(&spec.command, path.map_or(PATH_DEFAULT, String::as_str), &mut problems);
    check_limits(spec, &mut problems);
    if let Some(probe) = &spec.probe {
        problems.require(
            probe.path.chars().all(|c| c.is_ascii_graphic()),
            "probe.path",
            format!("{:?} has characters that a request line cannot carry", probe.path),
            "percent-encode them",
        );
    }
    problems.into_result(())
}

/// Notes variables that cannot be set.
pub(super) fn check_environment(environment: &BTreeMap<String, String>, problems: &mut Problems) {
    check_variables("environment", environment.iter().map(|(name, value)| (name, value.as_str())), problems);
}

fn check_declared<'a>(attribute: &str, names: impl Iterator<Item = &'a String>, problems: &mut Problems) {
    for name in names.filter(|name| DECLARED.contains(&name.as_str())) {
        let path = format!("{attribute}[{name:?}]");
        problems.add(&path, "the agent sets this variable", "remove it; use address and port");
    }
}

fn check_variables<'a>(
    attribute: &str,
    variables: impl Iterator<Item = (&'a String, &'a str)>,
    problems: &mut Problems,
) {
    for (name, value) in variables {
        let path = format!("{attribute}[{name:?}]");
        problems.require(
            !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0'),
            &path,
            "not a variable",
            "leave out \"=\" in the name and NUL anywhere",
        );
        problems.require(
            !MARKS.contains(&name.as_str()),
            &path,
            "the agent sets this variable",
            "remove it; the agent knows its processes by it",
        );
    }
}

/// Notes a command that cannot be run: a typing error must not cost a process that runs well.
pub(super) fn check_command(command: &[String], path: &str, problems: &mut Problems) {
    let Some(program) = command.first() else { return };
    let found = if program.contains('/') {
        // A relative one is looked up in the working directory, by the kernel.
        !program.starts_with('/') || is_executable(Path::new(program))
    } else {
        path.split(':').any(|folder| is_executable(&Path::new(folder).join(program)))
    };
    let remedy = format!("install it, or name it by its full path; PATH is {path}");
    problems.require(found, "command[0]", format!("{program:?} is not a program on this host"), remedy);
    problems.require(
        !command.iter().any(|argument| argument.contains('\0')),
        "command",
        "an argument contains NUL",
        "remove it",
    );
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn check_inherited(names: &[String], context: &Context, problems: &mut Problems) {
    for (index, name) in names.iter().enumerate() {
        problems.require(
            context.environment.contains_key(name),
            &format!("inherit_environment[{index}]"),
            format!("the agent has no variable {name:?}"),
            "start the agent with it, or remove it here",
        );
    }
}

fn check_working_directory(folder: Option<&str>, problems: &mut Problems) {
    let Some(folder) = folder else { return };
    problems.require(
        Path::new(folder).is_absolute() && Path::new(folder).is_dir(),
        "working_directory",
        format!("{folder:?} is not a folder of this host"),
        "create it, and name it by its full path",
    );
}

fn check_limits(spec: &ProcessSpec, problems: &mut Problems) {
    let limits = [("limits.memory_mib", spec.limits.memory_mib), ("limits.open_files", spec.limits.open_files)];
    for (path, limit) in limits {
        problems.require(limit != Some(0), path, "nothing can run with 0", "raise it, or leave it out for no limit");
    }
    problems.require(
        !parse_duration(&spec.stop.grace).is_ok_and(|grace| grace > GRACE_MAX),
        "stop.grace",
        format!("{:?} is longer than an hour", spec.stop.grace),
        "choose at most \"1h\"",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of_problems(spec: serde_json::Value) -> Vec<String> {
        let environment = BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]);
        let context = Context::new("/data".into(), "/launcher".into(), environment);
        let spec = serde_json::from_value(spec).unwrap();
        let problems = check_process(&spec, &context).err().unwrap_or_default();
        problems.0.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn all_problems_of_a_declaration_are_listed() {
        let spec = serde_json::json!({
            "name": "Web", "command": ["no-such-program"],
            "environment": {"PORT": "1", "A=B": "x"}, "inherit_environment": ["HOME", "NOT_SET"],
            "working_directory": "/no/such/folder", "limits": {"memory_mib": 0},
            "probe": {"path": "/a b"}, "stop": {"grace": "2h"},
        });
        let expect = [
            "name",
            "environment[\"A=B\"]",
            "environment[\"PORT\"]",
            "inherit_environment[1]",
            "working_directory",
            "command[0]",
            "limits.memory_mib",
            "stop.grace",
            "probe.path",
        ];
        assert_eq!(paths_of_problems(spec), expect);
    }

    #[test]
    fn a_good_declaration_has_none() {
        let spec = serde_json::json!({"name": "web", "command": ["sh", "-c", "exit"], "probe": {"path": "/healthz?x"}});
        assert_eq!(paths_of_problems(spec), [""; 0]);
    }
}
