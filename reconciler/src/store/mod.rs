//! The reconciler's memory: one SQLite file in its data directory. Declarations, remembered states,
//! routes, Terraform bookkeeping, commands of humans and the journal; and histories in files beside it.
//! Nothing here decides.

mod declarations;
mod feedback;
mod histories;
mod journal;
mod open;
mod tokens;

pub use declarations::{PAGE_ITEMS_MAX, Page, Put, Stored};
pub use histories::{Histories, Kept};
pub use journal::RECORDS_MAX as JOURNAL_RECORDS_MAX;

use crate::journal::Entry;
use anyhow::Context;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shadow_core::observation::RootFailure;
use shadow_core::state::{GroupState, Hold, Request};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A handle on the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// Statements take well under a millisecond, so a plain mutex held for one of them is enough.
    connection: Arc<Mutex<Connection>>,
    /// For errors: people look for a file.
    path: Arc<Path>,
    /// Raised by each change of a declaration. It starts at the time of opening, in microseconds: one
    /// process cannot write as fast as time passes, so no two states of the store have the same.
    revision: Arc<AtomicI64>,
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

impl Store {
    /// Opens the store of that file, creating it when there is none.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer version; then it is left as
    /// it is. The error names it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let connection = open::open(path).map_err(|error| told(path, error))?;
        let revision = Arc::new(AtomicI64::new(crate::clock::now().as_microsecond()));
        Ok(Self { connection: Arc::new(Mutex::new(connection)), path: path.into(), revision })
    }

    /// Of all declarations: as long as it stays the same, so do they.
    pub fn revision(&self) -> i64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// To be called when declarations have changed, before the connection is given back.
    fn declarations_changed(&self) {
        self.revision.fetch_add(1, Ordering::SeqCst);
    }

    /// Does something with the connection, which nobody else has meanwhile.
    fn with<T>(&self, work: impl FnOnce(&Connection) -> anyhow::Result<T>) -> anyhow::Result<T> {
        // A panic while it was held cannot have left a half-written statement: the poison says nothing.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|error| told(&self.path, error))
    }

    fn document<T: DeserializeOwned>(&self, sql: &str, key: &[&str]) -> anyhow::Result<Option<T>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let text: Option<String> =
                statement.query_row(rusqlite::params_from_iter(key), |row| row.get(0)).optional()?;
            text.map(|text| decode(&text)).transpose().with_context(|| format!("the record of {}", key.join(", ")))
        })
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> anyhow::Result<()> {
        self.with(|connection| {
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(())
        })
    }

    /// Forgets a group and all that is remembered of it, but for its journal.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_group(&self, name: &str) -> anyhow::Result<()> {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            for table in ["groups", "states", "roots", "commands", "feedback"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE name = ?1"), [name])?;
            }
            transaction.commit()?;
            self.declarations_changed();
            Ok(())
        })
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
    pub fn save_state(
        &self,
        name: &str,
        state: &GroupState,
        at: Timestamp,
        entries: &[Entry],
        commands_taken: i64,
    ) -> anyhow::Result<()> {
        let sql = "INSERT OR REPLACE INTO states (name, state) VALUES (?1, ?2)";
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute(sql, params![name, encode(state)?])?;
            // A command that was taken twice would be carried out twice.
            transaction.execute("DELETE FROM commands WHERE name = ?1 AND id <= ?2", params![name, commands_taken])?;
            for entry in entries {
                journal::insert(&transaction, name, at, entry)?;
            }
            Ok(transaction.commit()?)
        })
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
        self.execute(sql, params![name, root, encode(record)?])
    }

    /// Leaves a command for the next cycle of a group.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_command(&self, name: &str, command: &Command) -> anyhow::Result<()> {
        let sql = "INSERT INTO commands (name, command) VALUES (?1, ?2)";
        self.execute(sql, params![name, encode(command)?])
    }

    /// The commands that wait for a group, oldest first, with the key by which [`Self::save_state`] forgets them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn commands(&self, name: &str) -> anyhow::Result<(Vec<Command>, i64)> {
        self.with(|connection| {
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
        })
    }
}

/// An error of the store with the file that it is about, and what to do.
fn told(path: &Path, error: anyhow::Error) -> anyhow::Error {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    let advice = match code {
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            "make space on its disk or repair it; what was stored before is still there"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "let the reconciler's user write this file and its folder, or choose another folder with --data"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => open::DAMAGED,
        Some(_) | None => return error.context(format!("store {}", path.display())),
    };
    error.context(format!("store {}: {advice}", path.display()))
}

fn encode<T: Serialize>(value: &T) -> anyhow::Result<String> {
    serde_json::to_string(value).context("cannot be written as JSON")
}

fn decode<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).context("a document in the store cannot be read; it is from another version or damaged")
}
