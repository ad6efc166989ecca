//! The examples of the documentation, applied: the second plan is empty.

use crate::agent::Agent;
use crate::reconciler::Reconciler;
use crate::terraform::Root;
use std::path::Path;

/// The example of a resource.
fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/resources").join(name);
    std::fs::read_to_string(folder.join("resource.tf")).unwrap()
}

/// The example with a part of it replaced by what this machine has.
fn with(example: &str, part: &str, own: &str) -> String {
    assert!(example.contains(part), "{part} is not in {example}");
    example.replace(part, own)
}

fn settles(root: &Root) {
    root.apply();
    root.is_settled();
    root.destroy();
}

#[test]
fn declarations_settle() {
    for name in ["shadow_policy", "shadow_group", "shadow_calendar"] {
        settles(&Root::new(&format!("provider \"shadow\" {{\n  directory = \"declared\"\n}}\n{}", example(name))));
    }
}

#[test]
fn a_process_settles() {
    let agent = Agent::start();
    let example =
        with(&example("shadow_process"), "\"/usr/local/bin/session-service\", \"--verbose\"", "\"sleep\", \"99\"");
    // What the agent's own environment has on every machine.
    let example = with(&example, "DATABASE_PASSWORD", "PATH");
    settles(&Root::new(&format!("{}{example}", agent.provider())).with_variable("TF_VAR_api_key", "k"));
}

/// No Envoy is there to report it, which is told, and no reason to plan it again.
#[test]
fn a_split_settles() {
    let reconciler = Reconciler::start();
    let bounded = "timeouts = { create = \"100ms\" }\n  listener = {";
    let example = with(&example("shadow_traffic_split"), "listener = {", bounded);
    settles(&Root::new(&[reconciler.provider(), example].concat()));
}
