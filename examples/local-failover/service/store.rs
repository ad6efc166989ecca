//! The sessions, in memory and bounded, and the log in which others read what changed.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::SystemTime;

/// Sessions kept; the longest unchanged one makes room for a new one.
const SESSIONS_MAX: usize = 100_000;

/// Sessions in the order of their last change. The order is the log: who has position n lacks what
/// follows n, and what was overwritten need not be sent.
#[derive(Default)]
pub(crate) struct Store {
    log: BTreeMap<u64, Session>,
    positions: HashMap<String, u64>,
    head: u64,
    /// Memory that a fault retains. It is here because the collector stops the store to look at it.
    pub(crate) leaked: Vec<Vec<u8>>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) value: String,
    /// When it was written, in milliseconds since 1970.
    pub(crate) written_ms: u64,
}

impl Session {
    /// A session that is written now.
    pub(crate) fn new(id: String, value: String) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { id, value, written_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Bytes of its content.
    pub(crate) fn size(&self) -> usize {
        self.id.len() + self.value.len()
    }
}

impl Store {
    /// The session of that id.
    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.log.get(self.positions.get(id)?)
    }

    /// Writes a session at the head of the log.
    pub(crate) fn put(&mut self, session: Session) {
        self.head += 1;
        if let Some(former) = self.positions.insert(session.id.clone(), self.head) {
            self.log.remove(&former);
        }
        self.log.insert(self.head, session);
        if self.log.len() > SESSIONS_MAX
            && let Some((_position, oldest)) = self.log.pop_first()
        {
            self.positions.remove(&oldest.id);
        }
    }

    /// Writes what another service wrote, unless the same or something newer is known here.
    pub(crate) fn merge(&mut self, session: Session) {
        if self.get(&session.id).is_none_or(|known| known.written_ms < session.written_ms) {
            self.put(session);
        }
    }

    /// What changed after a position, the oldest first.
    pub(crate) fn after(&self, position: u64) -> impl Iterator<Item = (&u64, &Session)> {
        self.log.range((Bound::Excluded(position), Bound::Unbounded))
    }

    /// The newest position of the log.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The number of sessions.
    pub(crate) fn count(&self) -> usize {
        self.log.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, value: &str, written_ms: u64) -> Session {
        Session { id: id.to_owned(), value: value.to_owned(), written_ms }
    }

    #[test]
    fn the_log_has_each_session_once_at_its_last_change() {
        let mut store = Store::default();
        store.put(session("a", "1", 1));
        store.put(session("b", "1", 2));
        store.put(session("a", "2", 3));
        let log: Vec<(u64, &str)> = store.after(0).map(|(position, s)| (*position, s.value.as_str())).collect();
        assert_eq!(log, [(2, "1"), (3, "2")]);
        assert_eq!(store.after(2).count(), 1);
    }

    #[test]
    fn the_newest_write_wins_wherever_it_was_made() {
        let mut store = Store::default();
        store.put(session("a", "mine", 5));
        store.merge(session("a", "older", 4));
        assert_eq!(store.get("a").unwrap().value, "mine");
        store.merge(session("a", "newer", 6));
        assert_eq!(store.get("a").unwrap().value, "newer");
        let head = store.head();
        store.merge(session("a", "newer", 6));
        assert_eq!(store.head(), head, "what is known is not logged again");
    }

    #[test]
    fn the_store_is_bounded() {
        let mut store = Store::default();
        for number in 0..=SESSIONS_MAX {
            store.put(session(&number.to_string(), "", 0));
        }
        assert_eq!(store.count(), SESSIONS_MAX);
        assert_eq!(store.get("0"), None);
    }
}
