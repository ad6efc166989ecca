//! The command `backtest`, run as a pipeline runs it: the commands of its page, its exit codes, its JSON.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs a shell in a folder, with the binary under test on the path.
#[expect(clippy::disallowed_methods, reason = "the shell of a reader of the page; it ends by itself and is waited for")]
fn shell(folder: &Path, script: &str) -> Output {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_shadow-reconciler"));
    let path = format!("{}:/usr/bin:/bin", binary.parent().expect("a folder").display());
    let mut command = Command::new("/bin/sh");
    command.args(["-eu", "-c", script]).current_dir(folder).env_clear().env("PATH", path).output().expect("a shell")
}

/// The commands of the page that run as they stand.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/backtesting.md");
    let text = std::fs::read_to_string(path).expect("the page");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_of_the_page_run() {
    let folder = TempDir::new().unwrap();
    let output = shell(folder.path(), &page());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    for told in [
        "policy careful from 2027-01-15 14:40",
        "breaches: 2, ",
        "static threshold",
        "what careful would have done",
        "stage      memory: ",
        "thresholds for 2 false alarms a week, learned until",
        "careful instead of bold: announced",
        "✓ false alarms a week",
        "✗ median lead time",
    ] {
        assert!(out.contains(told), "{told:?} is not in {out}");
    }
    let place = "broken.csv, line 9, column 3 (queue): signal \"queue\" is left out: \"many\" is no number";
    assert!(err.contains(place), "{err}");
    let picture = std::fs::read_to_string(folder.path().join("replay.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
}

/// A folder with a day of minutes in which memory is lost from noon on, and a policy for it.
fn leak() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let row = |minute: i64| {
        let level = 40.0 + (minute - 120).max(0) as f64 / 2.0 + (minute * 7_919 % 13) as f64 / 13.0;
        format!("{},{level}\n", 1_800_000_000 + 60 * minute)
    };
    let rows: String = (0..260).map(row).collect();
    std::fs::write(folder.path().join("h.csv"), format!("time,m\n{rows}")).expect("written");
    let policy = r#"{"name": "p", "step": "1m", "interval": "1m", "history": "6h", "horizons": ["10m", "1h"]}"#;
    std::fs::write(folder.path().join("p.json"), policy).expect("written");
    folder
}

#[test]
fn programs_get_everything_as_json() {
    let folder = leak();
    let output = shell(
        folder.path(),
        "shadow-reconciler backtest --policy p.json --compare p.json --history h.csv --limit m=100,above --suggest \
         --min-recall 1 --json",
    );
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["backtest"]["breaches"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["backtest"]["policy"]["warned"], 1);
    assert_eq!(found["compared"]["backtest"], found["backtest"], "the same policy does the same");
    assert!(found["suggestion"]["shadowing"]["table"].as_array().is_some_and(|table| table.len() > 10));
    assert_eq!(found["checks"][0]["passed"], true);
}

#[test]
fn what_has_no_answer_ends_with_1_and_says_what_to_do() {
    let folder = leak();
    let check = |arguments: &str, expected: &str| {
        let output = shell(folder.path(), &format!("shadow-reconciler backtest {arguments}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {output:?}");
        assert!(output.stdout.is_empty() && told.contains(expected), "{arguments}: {told}");
    };
    check("--history h.csv --limit m=1", "give its file with --policy");
    check("--history h.csv --policy p.json", "no limit is known");
    check("--history h.csv --policy none.json --limit m=1", "none.json cannot be opened");
    check("--history h.csv --policy h.csv --limit m=1", "h.csv is neither JSON nor HCL");
    check("--history h.csv --policy p.json --limit m=1", "write it with `,below`");
    check("--history h.csv --policy p.json --limit m=100 --to 1800000600", "too short for one look");
    check("--history 'no file' --policy p.json --limit m=100", "there is no file \"no file\"");
    check("--history gone --policy p.json --endpoint http://127.0.0.1:1", "cannot be reached");
}
