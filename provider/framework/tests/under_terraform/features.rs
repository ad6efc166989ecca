//! Functions, ephemeral resources, write-only attributes, warnings, logs, and a provider under a debugger.

use crate::root::{Root, example, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

#[test]
fn functions_are_called_and_refuse_with_the_argument() {
    let root = Root::new("output \"joined\" {\n  value = provider::trial::join(\"-\", \"a\", \"b\")\n}\n");
    assert!(root.apply().contains(r#"joined = "a-b""#));
    root.write("output \"joined\" {\n  value = provider::trial::join(\"-\", \"a\", \"\")\n}\n");
    let told = root.plan().text;
    assert!(told.contains(r#"Invalid value for "texts" parameter"#) && told.contains("leave it out"), "{told}");
}

#[test]
fn an_ephemeral_secret_reaches_a_write_only_attribute_and_no_file() {
    let root = Root::new(
        "ephemeral \"trial_secret\" \"s\" {\n  name = \"s\"\n}\nresource \"trial_thing\" \"a\" {\n  name = \"a\"\n  \
         secret_wo = ephemeral.trial_secret.s.value\n}\n",
    );
    root.succeeds(&["plan", "-out=plan"]);
    root.succeeds(&["apply", "plan"]);
    assert_eq!(json(&root.thing("a"))["secret_length"], "secret of s".len());
    assert!(!root.path("things/s.open").exists(), "it is closed");
    let state = std::fs::read_to_string(root.path("terraform.tfstate")).unwrap();
    assert!(!state.contains("secret of s"));
    assert!(!root.succeeds(&["show", "-json", "plan"]).contains("secret of s"));
    root.is_settled();
}

#[test]
fn warnings_are_shown_and_do_not_stop_anything() {
    let root = Root::new("resource \"trial_thing\" \"a\" {\n  name = \"a\"\n  behaviour = \"warn\"\n}\n");
    let text = root.apply();
    assert!(text.contains("Warning: It works, but") && text.contains("1 added"), "{text}");
}

#[test]
fn logs_have_levels_and_keys_and_no_secret() {
    let mut root = Root::new("resource \"trial_thing\" \"a\" {\n  name = \"a\"\n}\n");
    let head = std::fs::read_to_string(root.path("main.tf")).unwrap();
    root.write_whole(&head.replace("folder = \"things\"", "\n  folder = \"things\"\n  token = \"very-secret\"\n"));
    root.set("TF_LOG_PROVIDER", "DEBUG");
    root.set("TF_LOG_PATH", root.path("log").to_str().unwrap());
    root.apply();
    let log = std::fs::read_to_string(root.path("log")).unwrap();
    let line = |what: &str| log.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}: {log}"));
    let answered = line("tf_rpc=ApplyResourceChange");
    for part in ["[DEBUG]", "answered", "tf_resource_type=trial_thing", "tf_req_duration_ms=", "tf_req_id="] {
        assert!(answered.contains(part), "{part}: {answered}");
    }
    assert!(answered.contains("tf_provider_addr=registry.terraform.io/tests/trial"), "{answered}");
    let configured = line("configured:");
    assert!(configured.contains("[INFO]") && configured.contains("token=\"***\""), "{configured}");
    assert!(!log.contains("very-secret"));
}

/// A provider that its user started.
struct Debugged(Child);

impl Drop for Debugged {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_provider_under_a_debugger_serves_one_command_after_the_other() {
    let mut root = Root::new("resource \"trial_thing\" \"a\" {\n  name = \"a\"\n}\n");
    #[expect(clippy::disallowed_methods, reason = "a provider is what these tests drive")]
    let mut command = Command::new(example("trial"));
    command.arg("--debug").current_dir(root.path("")).stdout(Stdio::piped());
    let mut provider = Debugged(command.spawn().unwrap());
    let lines = BufReader::new(provider.0.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("TF_REATTACH_PROVIDERS")).unwrap();
    let (_, value) = line.trim().split_once('=').unwrap();
    root.set("TF_REATTACH_PROVIDERS", value.trim_matches('\''));
    // Without it in the mirror, the plan can only be made by the process that is there.
    std::fs::remove_dir_all(root.path("mirror/registry.terraform.io/tests")).unwrap();
    root.apply();
    root.is_settled();
    assert!(provider.0.try_wait().unwrap().is_none(), "it outlives the commands");
    assert!(root.thing("a").exists());
}
