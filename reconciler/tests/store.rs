//! The store on real files: what survives, what is refused, and that a refused file stays as it is.

#![cfg(test)]

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::json;
use shadow_core::feedback::{Feedback, Stated};
use shadow_core::model::group::GroupSpec;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::slot::{Role, Slot};
use shadow_core::model::split::SplitSpec;
use shadow_core::model::{CalendarSpec, SlotId};
use shadow_core::state::{GroupState, Request};
use shadow_reconciler::journal::{Entry, Kind};
use shadow_reconciler::store::{Command, JOURNAL_RECORDS_MAX, Put, RootRecord, Store};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn policy() -> PolicySpec {
    serde_json::from_value(json!({"name": "default"})).unwrap()
}

fn group() -> GroupSpec {
    serde_json::from_value(json!({
        "name": "checkout", "policy": "default",
        "primary": {"instance_id": "i-1", "address": "10.0.0.1", "port": 8080},
        "signals": {"latency": {"query": "probe_seconds{instance=\"$instance\"}", "limit": 0.5, "unit": "seconds"}},
        "instance": {"source": "/modules/instance", "params": {"image": "web:1", "ratio": 0.1}},
        "traffic": {"source": "/modules/traffic"},
    }))
    .unwrap()
}

fn split() -> SplitSpec {
    serde_json::from_value(json!({
        "name": "checkout", "epoch": 3, "listener": {"address": "127.0.0.1", "port": 10000},
        "backends": {"a": {"address": "10.0.0.1", "port": 8080, "weight": 100}},
    }))
    .unwrap()
}

fn state() -> GroupState {
    let slot = Slot { role: Role::Primary, epoch: 1, since: now(), made: None, instance: None };
    GroupState::new(SlotId::new("a").unwrap(), slot, now())
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.123Z".parse().unwrap()
}

fn entry(message: &str) -> Entry {
    let data = json!({"epoch": 1});
    Entry { kind: Kind::Human, phase: "idle".to_owned(), message: message.to_owned(), data }
}

/// A folder with a store in it that has something of everything.
struct Filled {
    folder: TempDir,
}

impl Filled {
    fn new() -> Self {
        let filled = Self { folder: TempDir::new().unwrap() };
        let store = Store::open(&filled.path()).unwrap();
        assert_eq!(store.put_policy(&policy(), true).unwrap(), (Put::Created, 1));
        assert_eq!(store.put_group(&group(), true).unwrap(), (Put::Created, 1));
        store.put_split(&split(), |_| Ok::<_, Infallible>(())).unwrap().unwrap();
        store.save_state("checkout", &state(), now(), &[entry("first"), entry("second")], 0).unwrap();
        store.save_root("checkout", "capacity", &root()).unwrap();
        store.save_feedback("checkout", &feedback()).unwrap();
        store.add_command("checkout", &Command::Request(Request::Failover)).unwrap();
        filled
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// What SQLite itself sees in the file.
    fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

fn feedback() -> Feedback {
    let mut feedback = Feedback::default();
    let quantiles = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 1e30 / 3.0];
    let (signal, model, horizon) = ("latency".to_owned(), "blend".to_owned(), SignedDuration::from_hours(1));
    let stated = Stated { signal, model, horizon, made_at: now(), target: now(), quantiles, naive: 0.1 };
    feedback.compare(now(), vec![stated], |_, _| None);
    feedback.compare(now(), Vec::new(), |_, _| Some(0.3));
    feedback
}

#[test]
fn what_was_learned_goes_with_its_group() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    assert_eq!(feedback().view().forecasts[0].compared, 1);
    store.remove_group("checkout").unwrap();
    assert_eq!(store.feedback("checkout").unwrap(), None);
    store.save_feedback("checkout", &feedback()).unwrap();
    assert_eq!(store.feedback("checkout").unwrap(), None, "a late write does not bring it back");
}

#[test]
fn a_store_of_an_earlier_version_gets_what_it_lacks() {
    let filled = Filled::new();
    filled.raw().execute_batch("DROP TABLE feedback; PRAGMA user_version = 2;").unwrap();
    let store = Store::open(&filled.path()).unwrap();
    assert_eq!(store.feedback("checkout").unwrap(), None);
    store.save_feedback("checkout", &feedback()).unwrap();
    assert_eq!(store.group_names().unwrap(), ["checkout"]);
}

fn root() -> RootRecord {
    RootRecord { applied: Some("abc".to_owned()), serial: Some(7), outputs: json!({"x": [1]}), ..RootRecord::default() }
}

/// The refusal to open a store; it must name the file.
fn refusal(path: &Path) -> String {
    let error = format!("{:#}", Store::open(path).unwrap_err());
    assert!(error.contains(&format!("store {}", path.display())), "{error}");
    error
}

#[test]
fn everything_is_there_after_a_restart() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    assert_eq!(store.policy("default").unwrap().unwrap().spec, policy());
    let stored = store.group("checkout").unwrap().unwrap();
    assert_eq!((stored.spec, stored.generation), (group(), 1));
    assert_eq!(store.group_names().unwrap(), ["checkout"]);
    assert_eq!(store.groups_with_policy("default").unwrap(), ["checkout"]);
    assert_eq!(store.splits().unwrap(), [split()]);
    assert_eq!(store.state("checkout").unwrap().unwrap(), state());
    assert_eq!(store.root("checkout", "capacity").unwrap(), root());
    assert_eq!(store.feedback("checkout").unwrap(), Some(feedback()));
    assert_eq!(store.commands("checkout").unwrap().0, [Command::Request(Request::Failover)]);
    let messages = store.journal(None, 0, 10).unwrap().into_iter().map(|record| record.entry.message);
    assert_eq!(messages.collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn a_kill_loses_nothing_that_was_written() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    store.add_entry("checkout", now(), &entry("third")).unwrap();
    let after_kill = copy_with_pending_changes(&filled.path());
    let reopened = Store::open(&after_kill.path().join("store.sqlite")).unwrap();
    assert_eq!(reopened.journal(None, 0, 10).unwrap(), store.journal(None, 0, 10).unwrap());
}

/// The files as a killed process leaves them: changes wait in a file beside the store.
fn copy_with_pending_changes(path: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for name in ["store.sqlite", "store.sqlite-wal"] {
        std::fs::copy(path.with_file_name(name), copy.path().join(name)).unwrap();
    }
    assert!(std::fs::metadata(copy.path().join("store.sqlite-wal")).unwrap().len() > 0);
    copy
}

#[test]
fn declarations_count_their_changes() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    assert_eq!(store.put_policy(&policy(), true).unwrap(), (Put::Unchanged, 1));
    let other = PolicySpec { failover_priority: 5, ..policy() };
    assert_eq!(store.put_policy(&other, true).unwrap(), (Put::Exists, 1));
    assert_eq!(store.put_policy(&other, false).unwrap(), (Put::Updated, 2));
    assert_eq!(store.remove_policy("default").unwrap(), ["checkout"]);
    assert_eq!(store.policy("default").unwrap().unwrap().spec, other);
    store.remove_group("checkout").unwrap();
    assert!(store.remove_policy("default").unwrap().is_empty());
    assert_eq!(store.policy("default").unwrap(), None);
    assert_eq!(store.state("checkout").unwrap(), None);
    assert_eq!(store.journal(Some("checkout"), 0, 10).unwrap().len(), 2, "the journal outlives its group");
}

#[test]
fn a_refused_route_is_not_stored() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    let newer = SplitSpec { epoch: 4, ..split() };
    let refused = store.put_split(&newer, |stored| Err(stored.len())).unwrap();
    assert_eq!(refused, Err(1));
    assert_eq!(store.splits().unwrap(), [split()]);
}

#[test]
fn a_file_that_is_no_store_is_named_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    for garbage in [b"x".to_vec(), b"not a database ".repeat(1000), vec![0xA5; 8192]] {
        std::fs::write(&path, &garbage).unwrap();
        let error = refusal(&path);
        assert!(error.contains("damaged or not a store"), "{error}");
        assert!(error.contains("restore it from a backup"), "{error}");
        assert!(std::fs::read(&path).unwrap() == garbage, "the file was changed");
    }
}

#[test]
fn a_damaged_page_is_noticed_whichever_it_is() {
    let filled = Filled::new();
    let page_size: usize = filled.raw().query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let whole = std::fs::read(filled.path()).unwrap();
    let pages = whole.len() / page_size;
    assert!(pages > 5, "{pages} pages");
    for page in 0..pages {
        let mut damaged = whole.clone();
        damaged[page * page_size..(page + 1) * page_size].iter_mut().for_each(|byte| *byte = !*byte);
        std::fs::write(filled.path(), &damaged).unwrap();
        let error = refusal(&filled.path());
        assert!(error.contains("it was not changed"), "page {page}: {error}");
        assert!(std::fs::read(filled.path()).unwrap() == damaged, "page {page}: the file was changed");
    }
}

#[test]
fn a_damaged_file_with_pending_changes_is_left_alone_too() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    store.add_entry("checkout", now(), &entry("third")).unwrap();
    let copy = copy_with_pending_changes(&filled.path());
    let (path, pending) = (copy.path().join("store.sqlite"), copy.path().join("store.sqlite-wal"));
    let mut damaged = std::fs::read(&path).unwrap();
    let half = damaged.len() / 2;
    damaged[half..].iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(&path, &damaged).unwrap();
    let changes = std::fs::read(&pending).unwrap();
    refusal(&path);
    assert!(std::fs::read(&path).unwrap() == damaged, "the file was changed");
    assert!(std::fs::read(&pending).unwrap() == changes, "the pending changes were changed");
}

#[test]
fn a_damaged_record_is_named() {
    let filled = Filled::new();
    filled.raw().execute("UPDATE states SET state = '{' WHERE name = 'checkout'", []).unwrap();
    let store = Store::open(&filled.path()).unwrap();
    let error = format!("{:#}", store.state("checkout").unwrap_err());
    assert!(error.contains(&format!("store {}", filled.path().display())), "{error}");
    assert!(error.contains("the record of checkout"), "{error}");
    assert!(store.policy("default").unwrap().is_some(), "the rest is still readable");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let filled = Filled::new();
    filled.raw().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(filled.path()).unwrap();
    let error = refusal(&filled.path());
    assert!(error.contains("it has version 99") && error.contains("use the newer reconciler"), "{error}");
    assert!(std::fs::read(filled.path()).unwrap() == before, "the file was changed");
}

/// The tables of version 1, as they were.
const VERSION_1: &str = "
    CREATE TABLE policies (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE groups (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE states (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
    CREATE TABLE splits (name TEXT PRIMARY KEY, spec TEXT NOT NULL) STRICT;
    CREATE TABLE roots (name TEXT NOT NULL, root TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (name, root)) STRICT;
    CREATE TABLE commands (id INTEGER PRIMARY KEY, name TEXT NOT NULL, command TEXT NOT NULL) STRICT;
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_by_group ON journal (name, id);
    PRAGMA user_version = 1;
";

/// A store of version 1 that has something of everything.
fn version_1() -> Filled {
    let filled = Filled { folder: TempDir::new().unwrap() };
    let raw = filled.raw();
    raw.pragma_update(None, "journal_mode", "WAL").unwrap();
    raw.execute_batch(VERSION_1).unwrap();
    let text = |value: serde_json::Value| value.to_string();
    let insert = |sql: &str, values: &[String]| raw.execute(sql, rusqlite::params_from_iter(values)).unwrap();
    insert("INSERT INTO policies VALUES ('default', ?1, 4)", &[text(json!(policy()))]);
    insert("INSERT INTO groups VALUES ('checkout', ?1, 2)", &[text(json!(group()))]);
    insert("INSERT INTO states VALUES ('checkout', ?1)", &[text(json!(state()))]);
    insert("INSERT INTO splits VALUES ('checkout', ?1)", &[text(json!(split()))]);
    insert("INSERT INTO roots VALUES ('checkout', 'capacity', ?1)", &[text(json!(root()))]);
    let command = text(json!(Command::Request(Request::Failover)));
    insert("INSERT INTO commands (name, command) VALUES ('checkout', ?1)", &[command]);
    let journal = "INSERT INTO journal (at, name, entry) VALUES (?1, 'checkout', ?2)";
    insert(journal, &[now().to_string(), text(json!(entry("first")))]);
    filled
}

#[test]
fn a_store_of_version_1_is_upgraded_and_loses_nothing() {
    let filled = version_1();
    let store = Store::open(&filled.path()).unwrap();
    let stored = store.policy("default").unwrap().unwrap();
    assert_eq!((stored.spec, stored.generation), (policy(), 4));
    let stored = store.group("checkout").unwrap().unwrap();
    assert_eq!((stored.spec, stored.generation), (group(), 2));
    assert_eq!(store.state("checkout").unwrap().unwrap(), state());
    assert_eq!(store.splits().unwrap(), [split()]);
    assert_eq!(store.root("checkout", "capacity").unwrap(), root());
    assert_eq!(store.commands("checkout").unwrap().0, [Command::Request(Request::Failover)]);
    assert_eq!(store.journal(None, 0, 10).unwrap()[0].entry.message, "first");

    // What version 2 brings is there, and works.
    let calendar = serde_json::from_value(json!({
        "name": "sales", "events": {"friday": {"dates": ["2026-11-27"], "factor": 3}},
    }));
    let calendar: CalendarSpec = calendar.unwrap();
    assert_eq!(store.put_calendar(&calendar, true).unwrap(), (Put::Created, 1));
    assert_eq!(store.scope_of(&[0; 32], now()).unwrap(), None);
    drop(store);
    assert_eq!(Store::open(&filled.path()).unwrap().calendar("sales").unwrap().unwrap().spec, calendar);
}

#[test]
fn an_upgrade_that_fails_leaves_version_1() {
    let filled = version_1();
    // Something else of the name of a new table stands in its way, after the first one was made.
    filled.raw().execute_batch("CREATE VIEW tokens AS SELECT 1 AS id").unwrap();
    refusal(&filled.path());
    let raw = filled.raw();
    let version: i64 = raw.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let new: i64 =
        raw.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'calendars'", [], |row| row.get(0)).unwrap();
    assert_eq!((version, new), (1, 0));
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE customers (name TEXT)").unwrap();
    let error = refusal(&path);
    assert!(error.contains("another program") && error.contains("--data"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // Nobody can make files there, not even the superuser, whom permissions would not stop.
    let error = refusal(Path::new("/proc/self/store.sqlite"));
    assert!(error.contains("choose another folder with --data"), "{error}");
}

#[test]
fn the_oldest_records_are_dropped() {
    let filled = Filled::new();
    // As if as many records had been written as are kept, without the time that this takes.
    filled.raw().execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'journal'", [JOURNAL_RECORDS_MAX]).unwrap();
    let store = Store::open(&filled.path()).unwrap();
    store.add_entry("checkout", now(), &entry("newest")).unwrap();
    let records = store.journal(None, 0, 10).unwrap();
    let seen: Vec<_> = records.iter().map(|record| (record.id, record.entry.message.as_str())).collect();
    assert_eq!(seen, [(2, "second"), (JOURNAL_RECORDS_MAX + 1, "newest")]);
}

#[test]
fn the_journal_is_read_page_by_page_and_by_group() {
    let filled = Filled::new();
    let store = Store::open(&filled.path()).unwrap();
    store.add_entry("search", now(), &entry("other")).unwrap();
    store.add_entry("checkout", now(), &entry("third")).unwrap();
    let ids = |group: Option<&str>, after: i64, limit: u32| -> Vec<i64> {
        store.journal(group, after, limit).unwrap().iter().map(|record| record.id).collect()
    };
    assert_eq!(ids(None, 0, 3), [1, 2, 3]);
    assert_eq!(ids(None, 3, 3), [4]);
    assert_eq!(ids(Some("checkout"), 1, 10), [2, 4]);
    assert_eq!(ids(Some("search"), 0, 10), [3]);
    assert_eq!(ids(Some("nobody"), 0, 10), [0; 0]);
}

/// Tells the test below that it is the process with the small disk.
const SMALL_DISK: &str = "SHADOW_TEST_STORE_ON_SMALL_DISK";

/// The kernel refuses to let files grow in a process with such a limit, as it does on a full disk. The
/// limit is one of a whole process, so this test runs itself in another one.
#[test]
fn a_full_disk_loses_nothing_and_is_told() {
    if let Some(path) = std::env::var_os(SMALL_DISK) {
        return fill_the_disk(Path::new(&path));
    }
    let filled = Filled::new();
    // 400 KiB: the store has 60 KiB, and records of 4 KiB are added until there is an error.
    let script = "trap '' XFSZ && ulimit -f 800 && exec \"$@\"";
    #[expect(clippy::disallowed_methods, reason = "the limit needs a process of its own; it is waited for")]
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_loses_nothing_and_is_told"])
        .env(SMALL_DISK, filled.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let store = Store::open(&filled.path()).unwrap();
    let before = store.journal(None, 0, 10_000).unwrap();
    assert!(before.len() > 10, "{} records", before.len());
    assert_eq!(store.group("checkout").unwrap().unwrap().spec, group());
    store.add_entry("checkout", now(), &entry("there is space again")).unwrap();
    assert_eq!(store.journal(None, 0, 10_000).unwrap().len(), before.len() + 1);
}

fn fill_the_disk(path: &Path) {
    let store = Store::open(path).unwrap();
    let big = entry(&"x".repeat(4096));
    let mut kept = store.journal(None, 0, 10_000).unwrap().len();
    let error = loop {
        match store.add_entry("checkout", now(), &big) {
            Ok(()) => kept += 1,
            Err(error) => break format!("{error:#}"),
        }
        assert!(kept < 1000, "the limit does not work");
    };
    assert!(error.contains(&format!("store {}: make space on its disk", path.display())), "{error}");
    let both = store.save_state("checkout", &GroupState { epoch: 9, ..state() }, now(), &[big], 0);
    assert!(both.is_err(), "there is still no space");
    assert_eq!(store.state("checkout").unwrap().unwrap(), state(), "half a change was kept");
    assert_eq!(store.journal(None, 0, 10_000).unwrap().len(), kept);
    assert_eq!(store.policy("default").unwrap().unwrap().spec, policy());
}
