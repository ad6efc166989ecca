//! What a user who interrupts, or a system that kills, leaves behind.

use crate::root::{FAREWELL, RUN, Root, until};
use serde_json::json;

fn root_with(behaviour: &str) -> Root {
    Root::new(&format!(
        "resource \"trial_thing\" \"first\" {{\n  name = \"first\"\n}}\nresource \"trial_thing\" \"slow\" {{\n  \
         name = \"slow\"\n  behaviour = \"{behaviour}\"\n  depends_on = [trial_thing.first]\n}}"
    ))
}

#[test]
fn after_one_interrupt_what_was_being_created_is_remembered() {
    let root = root_with("slow");
    let running = root.start_apply();
    until(RUN, "the creation", || root.thing("slow").exists());
    running.interrupt();
    let run = running.finish();
    assert_eq!(run.code, 1, "{}", run.text);
    assert!(run.text.contains("Broken off"), "{}", run.text);
    let slow = root.instance("slow");
    assert_eq!((&slow["status"], &slow["attributes"]["id"]), (&json!("tainted"), &json!("id-slow")));
    until(FAREWELL, "the provider's end", || root.providers().is_empty());
}

#[test]
fn after_two_interrupts_nothing_is_left_running() {
    let root = root_with("deaf");
    let running = root.start_apply();
    until(RUN, "the creation", || root.thing("slow").exists());
    running.interrupt();
    // Terraform takes the second for a second one once it has told of the first.
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.interrupt();
    let run = running.finish();
    assert_eq!(run.code, 1, "{}", run.text);
    // What is in the state by then is Terraform's affair: it may have been writing it.
    assert!(run.text.contains("Two interrupts received"), "{}", run.text);
    until(FAREWELL, "the provider's end", || root.providers().is_empty());
}

#[test]
fn when_terraform_is_killed_its_provider_ends_and_what_was_done_is_remembered() {
    let root = root_with("deaf");
    let mut running = root.start_apply();
    until(RUN, "the creation", || root.thing("slow").exists());
    assert_eq!(root.providers().len(), 1);
    running.kill();
    until(FAREWELL, "the provider's end", || root.providers().is_empty());
    assert_eq!(root.instance("first")["attributes"]["id"], "id-first");
}
