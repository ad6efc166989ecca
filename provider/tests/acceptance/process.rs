//! `shadow_process` at a real agent: its secrets and its timeouts.

use crate::agent::Agent;
use crate::terraform::Root;
use serde_json::json;
use std::path::Path;

const SECRET: &str = "correct-horse-battery";

/// A process with a secret that comes from an ephemeral variable.
fn configuration(agent: &Agent, version: u32, more: &str) -> String {
    format!(
        "{}variable \"key\" {{\n  type = string\n  ephemeral = true\n}}\nresource \"shadow_process\" \"web\" {{\n  \
         name = \"web\"\n  command = [\"sh\", \"-c\", \"echo $KEY > key; exec sleep 1000\"]\n  \
         secret_environment_wo = {{ KEY = var.key }}\n  secret_environment_wo_version = {version}\n  {more}\n}}\n",
        agent.provider()
    )
}

fn root(configuration: &str) -> Root {
    Root::new(configuration)
        .with_variable("TF_VAR_key", SECRET)
        .with_variable("TF_LOG", "TRACE")
        .with_variable("TF_LOG_PATH", "terraform.log")
}

/// Every file below a folder but the provider's program.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let is_program =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("terraform-provider");
    entries.filter(|path| !path.is_symlink()).flat_map(below).filter(|path| !is_program(path)).collect()
}

fn assert_nowhere(root: &Root, secret: &str) {
    let files = files(&root.path(""));
    for name in ["terraform.tfstate", "plan", "plan.json", "terraform.log"] {
        assert!(files.contains(&root.path(name)), "{name} is not there to be looked at: {files:?}");
    }
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "the secret is in {}", path.display());
    }
}

fn plan_and_apply(root: &Root) {
    let plan = root.run(&["plan", "-out=plan", "-input=false"]);
    assert_eq!(plan.code, 0, "{}", plan.text);
    let shown = root.run(&["show", "-json", "plan"]);
    std::fs::write(root.path("plan.json"), &shown.text).unwrap();
    let apply = root.run(&["apply", "-input=false", "plan"]);
    assert_eq!(apply.code, 0, "{}", apply.text);
    assert!(![plan.text, shown.text, apply.text].concat().contains(SECRET));
}

#[test]
fn a_secret_reaches_the_process_and_no_file_of_terraform() {
    let agent = Agent::start();
    let root = root(&configuration(&agent, 1, ""));
    plan_and_apply(&root);
    let key = || std::fs::read_to_string(agent.record("web").with_file_name("key")).unwrap();
    assert_eq!(key(), format!("{SECRET}\n"));
    assert!(!agent.process("web").to_string().contains(SECRET), "{}", agent.process("web"));
    assert_nowhere(&root, SECRET);
    root.is_settled();

    // Another secret of the same version is not taken; of another version it is.
    let (pid, other) = (agent.process("web")["pid"].clone(), "staple-and-more");
    let root = root.with_variable("TF_VAR_key", other);
    root.is_settled();
    root.write(&configuration(&agent, 1, "tags = { a = \"b\" }"));
    plan_and_apply(&root);
    assert_eq!((&agent.process("web")["pid"], key()), (&pid, format!("{SECRET}\n")));
    root.write(&configuration(&agent, 2, "tags = { a = \"b\" }"));
    let plan = root.plan();
    assert!(plan.text.contains("secret_environment_wo_version = 1 -> 2"), "{}", plan.text);
    plan_and_apply(&root);
    assert_ne!(agent.process("web")["pid"], pid);
    assert_eq!(key(), format!("{other}\n"));
    assert_nowhere(&root, other);
    root.is_settled();

    root.destroy();
    assert!(!agent.record("web").exists());
}

#[test]
fn a_secret_needs_a_version_and_is_not_shown_when_it_is_refused() {
    let agent = Agent::start();
    let without = configuration(&agent, 1, "environment = { KEY = \"open\" }")
        .replace("  secret_environment_wo_version = 1\n", "");
    let run = root(&without).run(&["plan", "-input=false"]);
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("secret_environment_wo_version: the secret variables have no version"), "{}", run.text);
    assert!(!run.text.contains(SECRET), "{}", run.text);
}

#[test]
fn timeouts_are_kept_and_a_process_is_imported_without_them() {
    let agent = Agent::start();
    let resource = |timeouts: &str| {
        let text = "resource \"shadow_process\" \"web\" {\n  name = \"web\"\n  command = [\"sleep\", \"1000\"]\n  ";
        format!("{}{text}{timeouts}\n}}\n", agent.provider())
    };
    let root = Root::new(&resource("timeouts = { create = \"60m\", delete = \"5m\" }"));
    root.apply();
    root.is_settled();
    let pid = agent.process("web")["pid"].clone();
    root.write(&resource("timeouts = { create = \"60m\", update = \"1m\" }"));
    assert!(root.apply().text.contains("0 added, 1 changed, 0 destroyed"));
    assert_eq!(agent.process("web")["pid"], pid, "how long it may take is nothing that a process reads");
    root.is_settled();

    root.write(&resource(""));
    assert_eq!(root.run(&["state", "rm", "shadow_process.web"]).code, 0);
    assert_eq!(root.run(&["import", "shadow_process.web", "web"]).code, 0);
    root.is_settled();

    root.write(&resource("timeouts = { create = \"soon\" }"));
    let told = root.run(&["validate"]).text;
    assert!(told.contains("timeouts.create = \"soon\": this is no duration"), "{told}");
    root.write(&resource(""));
    root.destroy();
    assert_eq!(agent.process("web")["pid"], json!(null));
}
