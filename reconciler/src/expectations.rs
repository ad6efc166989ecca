//! What is expected of a group by the stored calendars, read again when a declaration has changed.

use crate::store::Store;
use shadow_core::events::Expected;
use shadow_core::model::{Calendar, Group, Policy};
use std::sync::Arc;

/// Keeps what is expected of one group. Calendars may hold years of dates, and are not read with
/// each sample.
#[derive(Debug, Default)]
pub struct Expectations {
    known: Option<(i64, Arc<Expected>)>,
}

impl Expectations {
    /// What is expected of the group. A store that cannot be read changes nothing of it.
    pub fn of(&mut self, store: &Store, group: &Group, policy: &Policy) -> Arc<Expected> {
        let revision = store.revision();
        if let Some((_, known)) = self.known.as_ref().filter(|(at, _)| *at == revision) {
            return Arc::clone(known);
        }
        match expected(store, group, policy) {
            Ok(expected) => {
                let expected = Arc::new(expected);
                self.known = Some((revision, Arc::clone(&expected)));
                expected
            }
            Err(error) => {
                tracing::warn!(group = %group.name, %error, "calendars cannot be read: the known ones are used");
                self.known.as_ref().map(|(_, known)| Arc::clone(known)).unwrap_or_default()
            }
        }
    }
}

/// What the stored calendars and the policy expect of a group.
///
/// # Errors
/// When the store cannot be read.
pub fn expected(store: &Store, group: &Group, policy: &Policy) -> anyhow::Result<Expected> {
    let calendars: Vec<Calendar> =
        store.calendars_of(&group.spec)?.into_iter().map(|spec| Ok(spec.check()?)).collect::<anyhow::Result<_>>()?;
    Ok(Expected::of(group, policy, &calendars))
}
