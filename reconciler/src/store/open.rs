//! How a store's file is opened: checked first, and left as it is when something is wrong with it.

use anyhow::{bail, ensure};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::time::Duration;

/// Time to wait for another program that reads the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Version of the tables below; a store of a newer version is refused, not guessed at.
const SCHEMA_VERSION: i64 = 3;

const SCHEMA_1: &str = "
    CREATE TABLE policies (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE groups (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE states (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
    CREATE TABLE splits (name TEXT PRIMARY KEY, spec TEXT NOT NULL) STRICT;
    CREATE TABLE roots (name TEXT NOT NULL, root TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (name, root)) STRICT;
    CREATE TABLE commands (id INTEGER PRIMARY KEY, name TEXT NOT NULL, command TEXT NOT NULL) STRICT;
    CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL) STRICT;
    CREATE INDEX journal_by_group ON journal (name, id);
";

/// What version 2 adds.
const SCHEMA_2: &str = "
    CREATE TABLE calendars (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE tokens (id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, scope TEXT NOT NULL, expires TEXT NOT NULL) STRICT;
";

/// What version 3 adds.
const SCHEMA_3: &str = "
    CREATE TABLE feedback (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
";

/// Smallest file that SQLite makes. It takes a shorter one for new, and would write over it.
const FILE_BYTES_MIN: u64 = 512;

/// What is wrong with a file, and what to do.
pub(super) const DAMAGED: &str =
    "it is damaged or not a store: move it away and restore it from a backup; it was not changed";

/// Opens a checked file, with its tables.
pub(super) fn open(path: &Path) -> anyhow::Result<Connection> {
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    ensure!(length == 0 || length >= FILE_BYTES_MIN, DAMAGED);
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A killed reconciler leaves changes beside the file. Closing the connection would write them into it,
    // and so change a damaged store while it is being refused.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version = checked_version(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    ensure!(mode == "wal", "its file system lacks shared memory, which SQLite needs: choose a local disk with --data");
    // An intent that was written must survive a power cut, or the next start forgets it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    upgrade(&connection, version)?;
    Ok(connection)
}

/// The version of a store that is whole; 0 of a file that is new.
fn checked_version(connection: &Connection) -> anyhow::Result<i64> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "{DAMAGED} ({verdict})");
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match version {
        0 if tables > 0 => bail!("it is a database of another program: choose another folder with --data"),
        0..=SCHEMA_VERSION => Ok(version),
        newer => bail!("it has version {newer}, this reconciler knows {SCHEMA_VERSION}: use the newer reconciler"),
    }
}

/// Adds what a store of an older version lacks, all of it or nothing.
fn upgrade(connection: &Connection, version: i64) -> anyhow::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for schema in [SCHEMA_1, SCHEMA_2, SCHEMA_3].iter().skip(usize::try_from(version)?) {
        transaction.execute_batch(schema)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}
