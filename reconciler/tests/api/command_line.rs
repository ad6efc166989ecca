//! The command line against a real API.

use super::fixture::{Served, now};
use serde_json::{Value, json};
use shadow_core::state::Hold;
use shadow_reconciler::journal::{Entry, Kind};
use shadow_reconciler::store::Command;
use std::process::Output;

/// Runs `shadow-reconciler` with these arguments and nothing in its environment that it would read.
#[expect(clippy::disallowed_methods, reason = "the binary under test; it ends by itself and is waited for")]
pub(crate) async fn run(arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_shadow-reconciler"));
    command.args(arguments).env_clear().kill_on_drop(true).output().await.unwrap()
}

/// What it prints when it succeeds.
pub(crate) async fn prints(served: &Served, arguments: &[&str]) -> String {
    let output = run(&[arguments, &["--endpoint", &served.url]].concat()).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it prints when it fails.
pub(crate) async fn complains(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn status_and_explain_are_for_people_and_for_programs() {
    let served = Served::with_group().await;
    served.remember(|state| "traffic is on the primary".clone_into(&mut state.phase_reason));
    let text = prints(&served, &["status"]).await;
    assert_eq!(text, prints(&served, &["status", "checkout"]).await);
    for told in ["checkout\n", "phase     observing", "reason    traffic is on the primary", "weights   unknown"] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
    let json: Value = serde_json::from_str(&prints(&served, &["status", "--json"]).await).unwrap();
    assert_eq!(json[0]["group"], "checkout");
    assert!(prints(&served, &["explain", "checkout"]).await.contains("guards of the last decision"));
    assert!(prints(&served, &["accuracy", "checkout"]).await.contains("scores beside what came"));
    let json: Value = serde_json::from_str(&prints(&served, &["accuracy", "checkout", "--json"]).await).unwrap();
    assert_eq!(json["incidents"], serde_json::json!([]));
    let json: Value = serde_json::from_str(&prints(&served, &["explain", "checkout", "--json"]).await).unwrap();
    assert_eq!(json["state"]["epoch"], 1);
}

#[tokio::test]
async fn nothing_declared_is_told_as_such() {
    let served = Served::start().await;
    assert_eq!(prints(&served, &["status"]).await, "no group is declared\n");
    assert_eq!(prints(&served, &["status", "--json"]).await, "[]\n");
}

#[tokio::test]
async fn hold_and_release_reach_the_group() {
    let served = Served::with_group().await;
    let text = prints(&served, &["hold", "checkout", "--reason", "maintenance", "--for", "30m"]).await;
    assert!(text.contains("hold of checkout is taken up in its next cycle"), "{text}");
    prints(&served, &["release", "checkout"]).await;
    let (asked, _) = served.app.store.commands("checkout").unwrap();
    let [Command::Hold(Hold { reason, since, until }), Command::Release] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!(reason, "maintenance");
    assert_eq!(until.unwrap().duration_since(*since).as_mins(), 30);
}

#[tokio::test]
async fn the_journal_is_read_over_several_pages() {
    let served = Served::with_group().await;
    served.remember(|_idle| {});
    let entry = |number: usize| Entry {
        kind: Kind::Alert,
        phase: "idle".to_owned(),
        message: format!("alert {number}"),
        data: json!({}),
    };
    let state = served.app.store.state("checkout").unwrap().unwrap();
    let entries: Vec<Entry> = (1..=1100).map(entry).collect();
    served.app.store.save_state("checkout", &state, now(), &entries, 0).unwrap();
    let lines = async |arguments: &[&str]| -> Vec<String> {
        prints(&served, &[&["journal"], arguments].concat()).await.lines().map(str::to_owned).collect()
    };
    let all = lines(&["checkout", "--limit", "5000"]).await;
    assert_eq!(all.len(), 1100);
    assert!(all[1099].contains("checkout") && all[1099].ends_with("alert 1100"), "{}", all[1099]);
    assert_eq!(lines(&["--limit", "700"]).await, all[..700]);
    assert_eq!(lines(&["--after", "1098"]).await, all[1098..]);
    let page: Value = serde_json::from_str(&prints(&served, &["journal", "--limit", "600", "--json"]).await).unwrap();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["next"]), (600, &json!(600)));
}

#[tokio::test]
async fn refusals_are_told_with_their_attributes() {
    let served = Served::with_group().await;
    let endpoint = ["--endpoint", served.url.as_str()];
    let text = complains(&[&["hold", "checkout", "--for", "soon"][..], &endpoint].concat()).await;
    assert!(text.contains("for: \"soon\" is not a duration; write a positive duration"), "{text}");
    let text = complains(&[&["explain", "nobody"][..], &endpoint].concat()).await;
    assert!(text.contains("Error: there is no group \"nobody\""), "{text}");
    let text = complains(&[&["explain", "../policies/default?"][..], &endpoint].concat()).await;
    assert!(text.contains("is not the name of a group: use 1 to 63 lower-case letters"), "{text}");
    let elsewhere = format!("{}/elsewhere", served.url);
    let text = complains(&["status", "--endpoint", &elsewhere]).await;
    assert!(text.contains("there is nothing at /elsewhere/v1/groups"), "{text}");
}

#[tokio::test]
async fn an_unreachable_reconciler_is_told_with_what_to_do() {
    // Port 1 is reserved, so that nothing answers there.
    let text = complains(&["status", "--endpoint", "http://127.0.0.1:1"]).await;
    assert!(text.contains("the reconciler at http://127.0.0.1:1 cannot be reached: is it running?"), "{text}");
    assert!(text.contains("set --endpoint or SHADOW_ENDPOINT"), "{text}");
}

#[tokio::test]
async fn the_token_is_sent_and_never_printed() {
    let served = Served::start_with("s3cret").await;
    assert_eq!(prints(&served, &["status", "--token", "s3cret"]).await, "no group is declared\n");
    let text = complains(&["status", "--endpoint", &served.url, "--token", "wr0ng"]).await;
    assert!(text.contains("the bearer token is missing or wrong"), "{text}");
    assert!(!text.contains("wr0ng") && !text.contains("s3cret"), "{text}");
}
