//! What users declare: policies, groups, calendars and routes, each under its name.

use super::{Store, decode, encode};
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shadow_core::model::calendar::CalendarSpec;
use shadow_core::model::group::GroupSpec;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::split::SplitSpec;

/// A declaration as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stored<T> {
    /// The document.
    pub spec: T,
    /// Raised with each change of it.
    pub generation: u64,
}

/// Declarations in the order of their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The documents.
    pub items: Vec<Stored<T>>,
    /// What to ask for as `after` to read on; absent when there were no more.
    pub next: Option<String>,
}

/// Most documents in a page.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// Text after which a page ends, so that a page of large documents stays an ordinary answer. One
/// document may be larger by itself.
const PAGE_BYTES_MAX: usize = 2 << 20;

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
    fn put_declaration<T>(&self, table: &str, name: &str, spec: &T, only_new: bool) -> anyhow::Result<(Put, u64)>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let before = stored(&transaction, table, name)?;
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
            let sql = format!("INSERT OR REPLACE INTO {table} (name, spec, generation) VALUES (?1, ?2, ?3)");
            transaction.execute(&sql, params![name, encode(spec)?, generation + 1])?;
            transaction.commit()?;
            self.declarations_changed();
            Ok((outcome, generation + 1))
        })
    }

    /// At most `limit` declarations whose names come after `after`.
    fn page<T: DeserializeOwned>(&self, table: &str, after: &str, limit: usize) -> anyhow::Result<Page<T>> {
        let sql = format!("SELECT name, spec, generation FROM {table} WHERE name > ?1 ORDER BY name");
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([after])?;
            let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
            while let Some(row) = rows.next()? {
                if items.len() == limit.min(PAGE_ITEMS_MAX) || bytes > PAGE_BYTES_MAX {
                    return Ok(Page { items, next: last });
                }
                let text: String = row.get(1)?;
                bytes += text.len();
                items.push(Stored { spec: decode(&text)?, generation: row.get(2)? });
                last = Some(row.get(0)?);
            }
            Ok(Page { items, next: None })
        })
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

    /// At most `limit` policies whose names come after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn policies(&self, after: &str, limit: usize) -> anyhow::Result<Page<PolicySpec>> {
        self.page("policies", after, limit)
    }

    /// Removes a policy, unless groups use it; those are returned.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_policy(&self, name: &str) -> anyhow::Result<Vec<String>> {
        self.with(|connection| {
            let users = users_of(connection, name)?;
            if users.is_empty() {
                connection.execute("DELETE FROM policies WHERE name = ?1", [name])?;
                self.declarations_changed();
            }
            Ok(users)
        })
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

    /// At most `limit` groups whose names come after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn groups(&self, after: &str, limit: usize) -> anyhow::Result<Page<GroupSpec>> {
        self.page("groups", after, limit)
    }

    /// Names of all groups, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn group_names(&self) -> anyhow::Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM groups ORDER BY name")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    /// Stores a calendar.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_calendar(&self, spec: &CalendarSpec, only_new: bool) -> anyhow::Result<(Put, u64)> {
        self.put_declaration("calendars", &spec.name, spec, only_new)
    }

    /// A calendar by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn calendar(&self, name: &str) -> anyhow::Result<Option<Stored<CalendarSpec>>> {
        self.declaration("calendars", name)
    }

    /// At most `limit` calendars whose names come after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn calendars(&self, after: &str, limit: usize) -> anyhow::Result<Page<CalendarSpec>> {
        self.page("calendars", after, limit)
    }

    /// The calendars that affect a group: those that it names, and those that name it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn calendars_of(&self, group: &GroupSpec) -> anyhow::Result<Vec<CalendarSpec>> {
        let sql = "SELECT spec FROM calendars WHERE name IN (SELECT value FROM json_each(?1))
                   OR EXISTS (SELECT 1 FROM json_each(spec, '$.groups') AS affected WHERE affected.value = ?2)
                   ORDER BY name";
        let named = encode(&group.calendars)?;
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([&named, &group.name], |row| row.get::<_, String>(0))?;
            rows.map(|text| decode(&text?)).collect()
        })
    }

    /// Removes a calendar, unless groups name it; those are returned.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_calendar(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let sql = "SELECT groups.name FROM groups, json_each(groups.spec, '$.calendars') AS named
                   WHERE named.value = ?1 ORDER BY groups.name";
        self.with(|connection| {
            let users = names(connection, sql, name)?;
            if users.is_empty() {
                connection.execute("DELETE FROM calendars WHERE name = ?1", [name])?;
                self.declarations_changed();
            }
            Ok(users)
        })
    }

    /// Names of the groups that use a policy.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn groups_with_policy(&self, policy: &str) -> anyhow::Result<Vec<String>> {
        self.with(|connection| users_of(connection, policy))
    }

    /// Stores a route, unless `admissible` refuses it beside those that are stored. Nothing else is
    /// stored meanwhile, so that of two routes that exclude each other only one gets in.
    ///
    /// # Errors
    /// When the store cannot be written; inside, what `admissible` said.
    pub fn put_split<E>(
        &self,
        spec: &SplitSpec,
        admissible: impl FnOnce(Vec<SplitSpec>) -> Result<(), E>,
    ) -> anyhow::Result<Result<(), E>> {
        self.with(|connection| {
            if let Err(refused) = admissible(splits_of(connection)?) {
                return Ok(Err(refused));
            }
            let sql = "INSERT OR REPLACE INTO splits (name, spec) VALUES (?1, ?2)";
            connection.execute(sql, params![spec.name, encode(spec)?])?;
            Ok(Ok(()))
        })
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
        self.with(splits_of)
    }

    /// Removes a route.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_split(&self, name: &str) -> anyhow::Result<()> {
        self.execute("DELETE FROM splits WHERE name = ?1", [name])
    }
}

fn stored(connection: &Connection, table: &str, name: &str) -> anyhow::Result<Option<(String, u64)>> {
    let sql = format!("SELECT spec, generation FROM {table} WHERE name = ?1");
    Ok(connection.query_row(&sql, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn users_of(connection: &Connection, policy: &str) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT name FROM groups WHERE json_extract(spec, '$.policy') = ?1 ORDER BY name";
    names(connection, sql, policy)
}

fn names(connection: &Connection, sql: &str, key: &str) -> anyhow::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_map([key], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn splits_of(connection: &Connection) -> anyhow::Result<Vec<SplitSpec>> {
    let mut statement = connection.prepare_cached("SELECT spec FROM splits ORDER BY name")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|text| decode(&text?)).collect()
}
