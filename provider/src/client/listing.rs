//! Declarations of one kind, read page by page and remembered for seconds, so that a refresh of a
//! thousand resources is a handful of requests. It never answers from what is older than
//! [`FRESH`], and what this process writes is in its answers at once.

use super::api::{Api, ApiError, Listed};
use http::HeaderValue;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use terraform_provider_framework::CancellationToken;
use tokio::time::Instant;

/// Age up to which a page answers: a refresh of a thousand resources takes about two seconds, and
/// nobody expects of a plan to show what was written while it was made.
const FRESH: Duration = Duration::from_secs(5);

/// Pages remembered, of a thousand documents each. Names behind them are read one by one.
const PAGES_MAX: usize = 8;

/// Most pages that are read when all are wanted: a fleet is smaller.
const ALL_PAGES_MAX: usize = 100;

/// The declarations of one kind.
pub(super) struct Listing {
    path: String,
    state: Mutex<State>,
    /// Held by the one that reads pages; the others wait for what it finds.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Whether a declaration was read before: the first is read alone, so that a configuration with
    /// one resource asks for one document, however many there are.
    asked: bool,
    /// Counts writes. Pages that were read during one may lack it.
    writes: u64,
    snapshot: Option<Snapshot>,
    /// A reconciler that does not answer is not asked again by each of a thousand resources.
    failure: Option<(Instant, ApiError)>,
}

/// What the pages said.
#[derive(Clone)]
struct Snapshot {
    read_at: Instant,
    etag: Option<HeaderValue>,
    documents: BTreeMap<String, Json>,
    /// The last name that was read, if there are more.
    last: Option<String>,
}

/// A page of declarations, in the order of their names.
#[derive(serde::Deserialize)]
struct Page {
    items: Vec<Item>,
    /// The name after which the next page begins; absent on the last.
    next: Option<String>,
}

#[derive(serde::Deserialize)]
struct Item {
    spec: Json,
}

impl Page {
    /// Where the page after a name is found.
    fn path(declarations: &str, after: Option<&str>) -> String {
        match after {
            None => format!("{declarations}?limit=1000"),
            Some(last) => format!("{declarations}?limit=1000&after={last}"),
        }
    }

    /// Its documents, by name.
    fn named(self) -> impl Iterator<Item = (String, Json)> {
        self.items.into_iter().filter_map(|item| Some((item.spec["name"].as_str()?.to_owned(), item.spec)))
    }
}

/// What is known of a declaration.
pub(super) enum Known {
    /// Its document, or that there is none.
    Answer(Option<Json>),
    /// It has to be asked for by its name.
    AskByName,
}

impl Listing {
    /// The declarations below that path of the API.
    pub(super) fn new(path: String) -> Self {
        Self { path, state: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// What is known of a declaration, after reading the pages if they are too old.
    pub(super) async fn get(&self, api: &Api, name: &str, cancellation: &CancellationToken) -> Result<Known, ApiError> {
        if !std::mem::replace(&mut self.state().asked, true) {
            return Ok(Known::AskByName);
        }
        let _only_reader = self.reading.lock().await;
        if !self.is_fresh()? {
            self.read(api, cancellation).await?;
        }
        Ok(self.state().snapshot.as_ref().map_or(Known::AskByName, |snapshot| snapshot.known(name)))
    }

    /// Every declaration by name; `None` when this API lists nothing.
    pub(super) async fn all(
        &self,
        api: &Api,
        cancellation: &CancellationToken,
    ) -> Result<Option<BTreeMap<String, Json>>, ApiError> {
        let all = pages(api, &self.path, None, ALL_PAGES_MAX, cancellation).await?;
        Ok(all.map(|snapshot| snapshot.documents))
    }

    /// Remembers what this process wrote: a document, or that there is none any more.
    pub(super) fn wrote(&self, name: &str, document: Option<Json>) {
        let mut state = self.state();
        state.writes += 1;
        if let Some(snapshot) = &mut state.snapshot {
            match document {
                Some(document) => drop(snapshot.documents.insert(name.to_owned(), document)),
                None => drop(snapshot.documents.remove(name)),
            }
        }
    }

    /// Forgets everything, after a write whose effect is not known.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.writes += 1;
        state.snapshot = None;
    }

    /// Whether the pages may answer; an error that is as fresh answers for them.
    fn is_fresh(&self) -> Result<bool, ApiError> {
        let state = self.state();
        match &state.failure {
            Some((at, failure)) if at.elapsed() < FRESH => Err(failure.clone()),
            Some(_) | None => Ok(state.snapshot.as_ref().is_some_and(|snapshot| snapshot.read_at.elapsed() < FRESH)),
        }
    }

    /// Reads the pages, or learns that they are still the same.
    async fn read(&self, api: &Api, cancellation: &CancellationToken) -> Result<(), ApiError> {
        let (before, writes) = {
            let state = self.state();
            (state.snapshot.clone(), state.writes)
        };
        let read = pages(api, &self.path, before, PAGES_MAX, cancellation).await;
        let mut state = self.state();
        match read {
            Ok(snapshot) => {
                state.snapshot = Some(snapshot.unwrap_or_else(Snapshot::of_none)).filter(|_| state.writes == writes)
            }
            Err(failure) => {
                state.failure = Some((Instant::now(), failure.clone()));
                return Err(failure);
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed: what is in it is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    fn empty() -> Self {
        Self { read_at: Instant::now(), etag: None, documents: BTreeMap::new(), last: None }
    }

    /// Of an API that lists nothing: every name is behind what was read.
    fn of_none() -> Self {
        Self { last: Some(String::new()), ..Self::empty() }
    }

    fn known(&self, name: &str) -> Known {
        let covered = self.last.as_deref().is_none_or(|last| name <= last);
        match self.documents.get(name) {
            Some(document) => Known::Answer(Some(document.clone())),
            None if covered => Known::Answer(None),
            None => Known::AskByName,
        }
    }
}

/// Reads at most `pages_max` pages; `None` where nothing is listed.
async fn pages(
    api: &Api,
    path: &str,
    before: Option<Snapshot>,
    pages_max: usize,
    cancellation: &CancellationToken,
) -> Result<Option<Snapshot>, ApiError> {
    let mut snapshot = Snapshot::empty();
    let etag = before.as_ref().and_then(|snapshot| snapshot.etag.clone());
    for number in 0..pages_max {
        let page = Page::path(path, snapshot.last.as_deref());
        let known = if number == 0 { etag.as_ref() } else { None };
        let (etag, page): (_, Page) = match api.list(&page, known, cancellation).await? {
            Listed::Unchanged => return Ok(before.map(|before| Snapshot { read_at: snapshot.read_at, ..before })),
            Listed::Missing => return Ok(None),
            Listed::Page { etag, body } => (etag, body),
        };
        snapshot.etag = snapshot.etag.or(etag);
        snapshot.last.clone_from(&page.next);
        snapshot.documents.extend(page.named());
        if snapshot.last.is_none() {
            break;
        }
    }
    Ok(Some(snapshot))
}
