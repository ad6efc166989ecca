//! What forecasts and alarms of each group were worth.

use super::{Store, encode};
use rusqlite::params;
use shadow_core::feedback::Feedback;

impl Store {
    /// The record of a group.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn feedback(&self, name: &str) -> anyhow::Result<Option<Feedback>> {
        self.document("SELECT record FROM feedback WHERE name = ?1", &[name])
    }

    /// Keeps the record of a group; of one that is gone nothing is kept.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn save_feedback(&self, name: &str, record: &Feedback) -> anyhow::Result<()> {
        self.execute(
            "INSERT INTO feedback (name, record) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM groups WHERE name = ?1)
             ON CONFLICT (name) DO UPDATE SET record = excluded.record",
            params![name, encode(record)?],
        )
    }
}
