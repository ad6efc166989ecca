//! The reconciler's memory: one SQLite file in its data directory. Declarations, remembered states,
//! routes, Terraform bookkeeping, commands of humans and the journal. Nothing here decides.

use crate::journal::{Entry, Record};
use anyhow::{Context, bail};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shadow_core::model::group::GroupSpec;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::split::SplitSpec;
use shadow_core::observation::RootFailure;
use shadow_core::state::{GroupState, Hold, Request};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Journal records kept; older ones are dropped. At a hundred records a hand-over that is a
/// thousand hand-overs, and some 50 MB.
const JOURNAL_RECORDS_MAX: i64 = 100_000;

/// Version of the tables below; a store of a newer version is refused, not guessed at.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE policies (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE groups (name TEXT PRIMARY KEY, spec TEXT NOT NULL, generation INTEGER NOT NULL) STRICT;
    CREATE TABLE states (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT;
    CREATE TABLE splits (name TEXT PRIMARY KEY, spec TEXT NOT NULL) STRICT;
    CREATE TABLE roots (name TEXT NOT NULL, root TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (name, root)) STRICT;
    CREATE TABLE commands (id INTEGER PRIMARY KEY, name TEXT NOT NULL, command TEXT NOT NULL) STRICT;
    CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL) STRICT;
    CREATE INDEX journal_by_group ON journal (name, id);
";

/// A handle on the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// Statements take well under a millisecond, so a plain mutex held for one of them is enough.
    connection: Arc<Mutex<Connection>>,
}

/// A declaration as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stored<T> {
    /// The document.
    pub spec: T,
    /// Raised with each change of it.
    pub generation: u64,
}

/// What is remembered of one Terraform root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RootRecord {
    /// Digest of the rendering that was last applied completely.
    pub applied: Option<String>,
    /// Digest of the rendering that the failure is about.
    #[serde(default)]
    pub attempted: Option<String>,
    /// Serial of the Terraform state after that.
    pub serial: Option<u64>,
    /// Outputs after that.
    pub outputs: serde_json::Value,
    /// The last attempt's failure, if it failed.
    pub failure: Option<RootFailure>,
}

/// What a human wants of a group; taken up at the start of its next cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Leave it alone.
    Hold(Hold),
    /// Let it go on.
    Release,
    /// Do something.
    Request(Request),
    /// Allow an automatic hand-over in spite of the cooldown.
    Acknowledge,
}

/// Outcome of storing a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there before.
    Created,
    /// It was there and differed.
    Updated,
    /// It was there and is the same.
    Unchanged,
    /// It was there and differs, and only a new one was to be stored.
    Exists,
}

impl Store {
    /// Opens the store in a data directory, creating it when there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let told = format!("store {}", path.display());
        let connection = Connection::open(path).with_context(|| format!("{told} cannot be opened"))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let advice = "it is damaged or not a store: move it away and restore it from a backup; it was not changed";
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .with_context(|| format!("{told}: {advice}"))?;
        if verdict != "ok" {
            bail!("{told}: {advice} ({verdict})");
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An intent that was written must survive a power cut, or the next start forgets it.
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&connection, &told)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// The connection. A panic while it was held cannot have left a half-written statement, so the
    /// poison of the mutex says nothing.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn documents<T: DeserializeOwned>(&self, sql: &str) -> anyhow::Result<Vec<T>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|text| decode(&text?)).collect()
    }

    fn document<T: DeserializeOwned>(&self, sql: &str, key: &[&str]) -> anyhow::Result<Option<T>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let text: Option<String> = statement.query_row(rusqlite::params_from_iter(key), |row| row.get(0)).optional()?;
        text.map(|text| decode(&text)).transpose()
    }

    fn put_declaration<T>(&self, table: &str, name: &str, spec: &T, only_new: bool) -> anyhow::Result<(Put, u64)>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let connection = self.connection();
        let transaction = connection.unchecked_transaction()?;
        let before = transaction
            .query_row(&format!("SELECT spec, generation FROM {table} WHERE name = ?1"), [name], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?))
            })
            .optional()?;
        let outcome = match &before {
            None => Put::Created,
            Some((text, _)) if decode::<T>(text)? == *spec => Put::Unchanged,
            Some(_) if only_new => Put::Exists,
            Some(_) => Put::Updated,
        };
        let generation = before.map_or(0, |(_, generation)| generation);
        if matches!(outcome, Put::Unchanged | Put::Exists) {
            return Ok((outcome, generation));
        }
        let generation = generation + 1;
        transaction.execute(
            &format!("INSERT OR REPLACE INTO {table} (name, spec, generation) VALUES (?1, ?2, ?3)"),
            params![name, encode(spec)?, generation],
        )?;
        transaction.commit()?;
        Ok((outcome, generation))
    }

    fn declaration<T: DeserializeOwned>(&self, table: &str, name: &str) -> anyhow::Result<Option<Stored<T>>> {
        let sql =
            format!("SELECT json_object('spec', json(spec), 'generation', generation) FROM {table} WHERE name = ?1");
        self.document(&sql, &[name])
    }

    /// Stores a policy.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_policy(&self, spec: &PolicySpec, only_new: bool) -> anyhow::Result<(Put, u64)> {
        self.put_declaration("policies", &spec.name, spec, only_new)
    }

    /// A policy by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn policy(&self, name: &str) -> anyhow::Result<Option<Stored<PolicySpec>>> {
        self.declaration("policies", name)
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_policy(&self, name: &str) -> anyhow::Result<()> {
        self.connection().execute("DELETE FROM policies WHERE name = ?1", [name])?;
        Ok(())
    }

    /// Stores a group.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_group(&self, spec: &GroupSpec, only_new: bool) -> anyhow::Result<(Put, u64)> {
        self.put_declaration("groups", &spec.name, spec, only_new)
    }

    /// A group by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn group(&self, name: &str) -> anyhow::Result<Option<Stored<GroupSpec>>> {
        self.declaration("groups", name)
    }

    /// Names of all groups, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn group_names(&self) -> anyhow::Result<Vec<String>> {
        self.documents("SELECT json_quote(name) FROM groups ORDER BY name")
    }

    /// Names of the groups that use a policy.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn groups_with_policy(&self, policy: &str) -> anyhow::Result<Vec<String>> {
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached("SELECT name FROM groups WHERE json_extract(spec, '$.policy') = ?1 ORDER BY name")?;
        let names = statement.query_map([policy], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(names)
    }

    /// Forgets a group and all that is remembered of it, but for its journal.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_group(&self, name: &str) -> anyhow::Result<()> {
        let connection = self.connection();
        let transaction = connection.unchecked_transaction()?;
        for table in ["groups", "states", "roots", "commands"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE name = ?1"), [name])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What is remembered of a group.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn state(&self, name: &str) -> anyhow::Result<Option<GroupState>> {
        self.document("SELECT state FROM states WHERE name = ?1", &[name])
    }

    /// Remembers a state together with the journal entries that explain it: both or neither.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing may be done about the state either.
    pub fn save_state(&self, name: &str, state: &GroupState, at: Timestamp, entries: &[Entry]) -> anyhow::Result<()> {
        let connection = self.connection();
        let transaction = connection.unchecked_transaction()?;
        transaction
            .execute("INSERT OR REPLACE INTO states (name, state) VALUES (?1, ?2)", params![name, encode(state)?])?;
        for entry in entries {
            insert_entry(&transaction, name, at, entry)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Stores a route.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_split(&self, spec: &SplitSpec) -> anyhow::Result<()> {
        let sql = "INSERT OR REPLACE INTO splits (name, spec) VALUES (?1, ?2)";
        self.connection().execute(sql, params![spec.name, encode(spec)?])?;
        Ok(())
    }

    /// A route by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn split(&self, name: &str) -> anyhow::Result<Option<SplitSpec>> {
        self.document("SELECT spec FROM splits WHERE name = ?1", &[name])
    }

    /// All routes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn splits(&self) -> anyhow::Result<Vec<SplitSpec>> {
        self.documents("SELECT spec FROM splits ORDER BY name")
    }

    /// Removes a route.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_split(&self, name: &str) -> anyhow::Result<()> {
        self.connection().execute("DELETE FROM splits WHERE name = ?1", [name])?;
        Ok(())
    }

    /// What is remembered of a Terraform root.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn root(&self, name: &str, root: &str) -> anyhow::Result<RootRecord> {
        let record = self.document("SELECT record FROM roots WHERE name = ?1 AND root = ?2", &[name, root])?;
        Ok(record.unwrap_or_default())
    }

    /// Remembers the outcome of a Terraform run.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn save_root(&self, name: &str, root: &str, record: &RootRecord) -> anyhow::Result<()> {
        let sql = "INSERT OR REPLACE INTO roots (name, root, record) VALUES (?1, ?2, ?3)";
        self.connection().execute(sql, params![name, root, encode(record)?])?;
        Ok(())
    }

    /// Leaves a command for the next cycle of a group.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_command(&self, name: &str, command: &Command) -> anyhow::Result<()> {
        let sql = "INSERT INTO commands (name, command) VALUES (?1, ?2)";
        self.connection().execute(sql, params![name, encode(command)?])?;
        Ok(())
    }

    /// The commands that wait for a group, oldest first, with the key to [`Self::drop_commands`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn commands(&self, name: &str) -> anyhow::Result<(Vec<Command>, i64)> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT id, command FROM commands WHERE name = ?1 ORDER BY id")?;
        let rows = statement.query_map([name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut last = 0;
        let mut commands = Vec::new();
        for row in rows {
            let (id, text) = row?;
            last = id;
            commands.push(decode(&text)?);
        }
        Ok((commands, last))
    }

    /// Forgets commands up to that key, once what they asked for is part of the saved state.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn drop_commands(&self, name: &str, up_to: i64) -> anyhow::Result<()> {
        self.connection().execute("DELETE FROM commands WHERE name = ?1 AND id <= ?2", params![name, up_to])?;
        Ok(())
    }

    /// Adds to the journal.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_entry(&self, name: &str, at: Timestamp, entry: &Entry) -> anyhow::Result<()> {
        insert_entry(&self.connection(), name, at, entry)
    }

    /// Journal records after an id, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn journal(&self, group: Option<&str>, after: i64, limit: u32) -> anyhow::Result<Vec<Record>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT id, at, name, entry FROM journal WHERE id > ?1 AND (?2 IS NULL OR name = ?2) ORDER BY id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![after, group, limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
        })?;
        rows.map(|row| {
            let (id, at, group, entry) = row?;
            Ok(Record { id, at: at.parse()?, group, entry: decode(&entry)? })
        })
        .collect()
    }
}

fn insert_entry(connection: &Connection, name: &str, at: Timestamp, entry: &Entry) -> anyhow::Result<()> {
    connection.prepare_cached("INSERT INTO journal (at, name, entry) VALUES (?1, ?2, ?3)")?.execute(params![
        at.to_string(),
        name,
        encode(entry)?
    ])?;
    let id = connection.last_insert_rowid();
    connection.prepare_cached("DELETE FROM journal WHERE id <= ?1")?.execute([id - JOURNAL_RECORDS_MAX])?;
    Ok(())
}

fn migrate(connection: &Connection, told: &str) -> anyhow::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        SCHEMA_VERSION => Ok(()),
        0 => {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            Ok(transaction.commit()?)
        }
        newer => bail!("{told} has version {newer}, this reconciler knows {SCHEMA_VERSION}: use the newer reconciler"),
    }
}

fn encode<T: Serialize>(value: &T) -> anyhow::Result<String> {
    serde_json::to_string(value).context("cannot be written as JSON")
}

fn decode<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).context("a document in the store cannot be read; it is from another version or damaged")
}
