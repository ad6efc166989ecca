//! Whether what a declaration refers to exists, as far as a plan can know: the plan itself may make
//! it, and a reconciler that does not answer says nothing.

use super::store::{Kind, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use terraform_provider_framework::CancellationToken;
use tokio::time::timeout;

/// Time for an answer: a plan should not wait long for what is asked again when it is applied.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one run of Terraform has learnt of names.
#[derive(Default)]
pub(super) struct References {
    planned: Mutex<BTreeSet<(Kind, String)>>,
    /// Held while one is asked for, so that nobody asks for the same.
    missing: tokio::sync::Mutex<BTreeMap<(Kind, String), bool>>,
}

impl References {
    /// Remembers that this plan makes it.
    pub(super) fn plan(&self, kind: Kind, name: &str) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, name.to_owned()));
    }

    /// Whether it certainly neither exists nor is made by this plan. Each name is asked for once.
    pub(super) async fn is_missing(
        &self,
        store: &Store,
        kind: Kind,
        name: &str,
        cancellation: &CancellationToken,
    ) -> bool {
        let key = (kind, name.to_owned());
        if self.planned.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return false;
        }
        let mut known = self.missing.lock().await;
        if let Some(missing) = known.get(&key) {
            return *missing;
        }
        let asked = timeout(PATIENCE, store.get(kind, name, cancellation)).await;
        let missing = matches!(asked, Ok(Ok(None)));
        known.insert(key, missing);
        missing
    }
}
