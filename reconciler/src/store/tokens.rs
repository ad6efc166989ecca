//! Tokens that were issued: digests, scopes and times. Never a token itself.

use super::{Store, decode, encode};
use crate::http::Scope;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

/// Tokens that may be good at one time: more are a loop that makes them.
const TOKENS_MAX: i64 = 10_000;

impl Store {
    /// Stores a token, and forgets those that have expired. Whether there was room for it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_token(
        &self,
        id: &str,
        digest: &[u8],
        scope: Scope,
        expires: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<bool> {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute("DELETE FROM tokens WHERE expires <= ?1", [sortable(now)])?;
            let good: i64 = transaction.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
            let has_room = good < TOKENS_MAX;
            if has_room {
                let sql = "INSERT INTO tokens (id, digest, scope, expires) VALUES (?1, ?2, ?3, ?4)";
                transaction.execute(sql, params![id, digest, encode(&scope)?, sortable(expires)])?;
            }
            transaction.commit()?;
            Ok(has_room)
        })
    }

    /// The scope of the token with that digest, unless it has expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn scope_of(&self, digest: &[u8], now: Timestamp) -> anyhow::Result<Option<Scope>> {
        self.with(|connection| {
            let sql = "SELECT scope FROM tokens WHERE digest = ?1 AND expires > ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let scope: Option<String> =
                statement.query_row(params![digest, sortable(now)], |row| row.get(0)).optional()?;
            scope.map(|scope| decode(&scope)).transpose()
        })
    }

    /// Forgets a token.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_token(&self, id: &str) -> anyhow::Result<()> {
        self.execute("DELETE FROM tokens WHERE id = ?1", [id])
    }
}

/// A time as text whose order is that of time.
fn sortable(at: Timestamp) -> String {
    format!("{at:.9}")
}
