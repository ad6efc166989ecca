//! Rules about the sources that no lint knows: how files begin, how long they are, where processes start and clocks
//! are read, and that the documents tell of what is there. It only reads.

#![cfg(test)]

use shadow_tests::tools::repository;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Longest file, tests included: more is two subjects.
const LINES_MAX: usize = 1_000;

/// Longest file without its tests.
const CODE_LINES_MAX: usize = 600;

/// Deepest folder; more is a loop of links.
const DEPTH_MAX: u32 = 12;

/// A text file of the repository.
struct Source {
    /// Relative to the repository.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is part of a program, as opposed to the tests of one.
    fn is_product(&self) -> bool {
        let in_source = self.path.contains("/src/") || self.path.starts_with("examples/local-failover/service/");
        self.is_rust() && in_source && !self.path.ends_with("/tests.rs")
    }

    /// Lines before the unit tests at the file's end, comments left out.
    fn code(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]");
        lines.filter(|line| !line.trim_start().starts_with("//"))
    }

    fn uses(&self, word: &str) -> bool {
        self.code().any(|line| line.contains(word))
    }
}

/// Every text file, build results and hidden folders left out.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&repository(), DEPTH_MAX, &mut sources);
    assert!(sources.len() > 100, "the repository was not found");
    sources
}

fn collect(folder: &Path, depth: u32, sources: &mut Vec<Source>) {
    let depth = depth.checked_sub(1).expect("folders are not that deep");
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().unwrap();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(&path, depth, sources);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let path = path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path, text });
        }
    }
}

/// The files of programs that a rule finds.
fn product_files(rule: impl Fn(&Source) -> bool) -> BTreeSet<String> {
    let found = sources().into_iter().filter(|source| source.is_product() && rule(source));
    found.map(|source| source.path).collect()
}

fn none(found: &BTreeSet<String>, what: &str) {
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[test]
fn every_source_says_first_what_it_is() {
    none(&product_files(|source| !source.text.starts_with("//!")), "without //! at the start");
}

#[test]
fn files_are_short() {
    let rust = |source: &&Source| source.is_rust();
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        let code = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        lines > LINES_MAX || (source.is_product() && code > CODE_LINES_MAX)
    };
    let found = sources().iter().filter(rust).filter(|source| long(source)).map(|source| source.path.clone()).collect();
    none(&found, "too long");
}

#[test]
fn the_code_map_shows_every_source() {
    let map = std::fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let is_source = |path: &&str| {
        path.ends_with(".rs") && (path.contains("/src/") || path.starts_with("examples/local-failover/service/"))
    };
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let shown: BTreeSet<String> = rows.filter(is_source).map(str::to_owned).collect();
    let sources = sources();
    let there: BTreeSet<String> =
        sources.iter().map(|source| source.path.as_str()).filter(is_source).map(str::to_owned).collect();
    none(&there.difference(&shown).cloned().collect(), "missing in docs/architecture.md");
    none(&shown.difference(&there).cloned().collect(), "in docs/architecture.md and nowhere else");
}

#[test]
fn processes_are_started_in_few_places() {
    let expected = [
        "reconciler/src/agent/launch.rs",
        "reconciler/src/agent/run.rs",
        "reconciler/src/agent/task.rs",
        "reconciler/src/terraform/command.rs",
        // The harness.
        "tests/src/child.rs",
        "tests/src/tools.rs",
    ];
    assert_eq!(product_files(|source| source.uses("Command::new")), expected.map(str::to_owned).into());
}

#[test]
fn the_clock_is_read_in_few_places() {
    let clocks = ["Timestamp::now", "SystemTime::now", "Zoned::now"];
    let found = product_files(|source| clocks.iter().any(|clock| source.uses(clock)));
    // What watches the product from outside has a clock of its own.
    let inside = found.into_iter().filter(|path| !path.starts_with("tests/") && !path.starts_with("examples/"));
    let expected = ["provider/framework/src/log.rs", "reconciler/src/clock.rs"];
    assert_eq!(inside.collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
}

#[test]
fn core_touches_nothing() {
    let words = [
        "tokio",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::process",
        "std::env",
        "std::thread",
        "async fn",
        "::now()",
    ];
    let in_core = |source: &Source| source.path.starts_with("reconciler/core/src/");
    none(&product_files(|source| in_core(source) && words.iter().any(|word| source.uses(word))), "impure");
}

#[test]
fn nothing_is_left_to_do() {
    // Put together, so that this file is not found.
    let words = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!"));
    let unfinished = |source: &&Source| source.is_rust() && words.iter().any(|word| source.text.contains(word));
    none(&sources().iter().filter(unfinished).map(|source| source.path.clone()).collect(), "unfinished");
}

#[test]
fn no_file_names_a_folder_of_the_machine_that_it_was_written_on() {
    // Put together, so that this file is not found. The documents install the modules below /opt/shadow.
    let folders = ["/work", "/root", "/opt"].map(|folder| format!("{folder}/"));
    let named = |source: &&Source| {
        let text = source.text.replace("/opt/shadow", "");
        folders.iter().any(|folder| text.contains(folder))
    };
    none(&sources().iter().filter(named).map(|source| source.path.clone()).collect(), "paths of one machine");
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let entries = repository().join("docs/decisions").read_dir().unwrap();
    let names: BTreeSet<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let numbers: Vec<usize> = names.iter().filter_map(|name| name.split('-').next()?.parse().ok()).collect();
    assert_eq!(numbers, (1..=names.len()).collect::<Vec<_>>(), "{names:?}");
}

#[test]
fn links_lead_somewhere() {
    let documents = sources().into_iter().filter(|source| source.path.ends_with(".md"));
    let dead = documents.flat_map(|document| {
        let folder = repository().join(&document.path).parent().map(PathBuf::from).unwrap();
        let targets = document.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let local = targets.filter(|target| !target.is_empty() && !target.contains(':'));
        let dead = local.filter(|target| !folder.join(target).exists());
        dead.map(|target| format!("{}: {target}", document.path)).collect::<Vec<_>>()
    });
    none(&dead.collect(), "dead links");
}
