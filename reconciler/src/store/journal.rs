//! The journal's table: rows are added, and the oldest dropped when there are too many.

use super::{Store, decode, encode};
use crate::journal::{Entry, Record};
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Records kept; older ones are dropped. At a hundred records a hand-over that is a thousand
/// hand-overs, and some 50 MB.
pub const RECORDS_MAX: i64 = 100_000;

impl Store {
    /// Adds to the journal.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_entry(&self, name: &str, at: Timestamp, entry: &Entry) -> anyhow::Result<()> {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            insert(&transaction, name, at, entry)?;
            Ok(transaction.commit()?)
        })
    }

    /// At most `limit` records after an id, oldest first; of one group or of all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn journal(&self, group: Option<&str>, after: i64, limit: u32) -> anyhow::Result<Vec<Record>> {
        // Two statements, since one with "or all" in its condition would use no index.
        let columns = "SELECT id, at, name, entry FROM journal WHERE id > ?1";
        let sql = match group {
            Some(_) => format!("{columns} AND name = ?3 ORDER BY id LIMIT ?2"),
            None => format!("{columns} AND ?3 IS NULL ORDER BY id LIMIT ?2"),
        };
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![after, limit, group])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                let (at, entry): (String, String) = (row.get(1)?, row.get(3)?);
                records.push(Record { id: row.get(0)?, at: at.parse()?, group: row.get(2)?, entry: decode(&entry)? });
            }
            Ok(records)
        })
    }
}

/// Adds a record and drops what is too old.
pub(super) fn insert(connection: &Connection, name: &str, at: Timestamp, entry: &Entry) -> anyhow::Result<()> {
    let sql = "INSERT INTO journal (at, name, entry) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![at.to_string(), name, encode(entry)?])?;
    let oldest = connection.last_insert_rowid() - RECORDS_MAX;
    connection.prepare_cached("DELETE FROM journal WHERE id <= ?1")?.execute([oldest])?;
    Ok(())
}
