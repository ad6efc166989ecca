//! Whether what a declaration refers to exists, as far as a plan can know: the plan itself may make
//! it, and a reconciler that does not answer says nothing.

use super::api::Api;
use super::store::{Kind, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use terraform_provider_framework::CancellationToken;

/// Time for an answer. A plan is made while nothing else goes on in this process, so it is short; whoever
/// is slower is asked again when the plan is applied.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one run of Terraform has learnt of names.
#[derive(Default)]
pub(super) struct References {
    planned: Mutex<BTreeSet<(Kind, String)>>,
    missing: Mutex<BTreeMap<(Kind, String), bool>>,
}

impl References {
    /// Remembers that this plan makes it.
    pub(super) fn plan(&self, kind: Kind, name: &str) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, name.to_owned()));
    }

    /// Whether it certainly neither exists nor is made by this plan. Each name is asked for once.
    pub(super) fn is_missing(&self, store: &Store, kind: Kind, name: &str) -> bool {
        let key = (kind, name.to_owned());
        if self.planned.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return false;
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing.entry(key).or_insert_with(|| match store {
            Store::Directory(directory) => matches!(directory.read(kind.folder(), name), Ok(None)),
            Store::Reconciler(reconciler) => is_missing_at(reconciler.api(), &kind.path(name)),
        })
    }
}

/// Asks on a thread with a reactor of its own: a plan is made synchronously, on the only thread that this
/// process has otherwise.
fn is_missing_at(api: &Api, path: &str) -> bool {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let api = api.on_its_own().ok()?;
        let cancellation = CancellationToken::new();
        let asked = api.get::<serde::de::IgnoredAny>(path, &cancellation);
        runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await }).ok()?.ok()
    };
    let answer = std::thread::scope(|scope| scope.spawn(ask).join()).ok().flatten();
    answer.is_some_and(|document| document.is_none())
}
