//! Whether what a declaration refers to exists, as far as a plan can know: the plan itself may make
//! it, and a reconciler that does not answer says nothing.

use super::store::{Kind, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use terraform_provider_framework::CancellationToken;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Time for an answer: a plan should not wait long for what is asked again when it is applied.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one run of Terraform has learnt of names.
#[derive(Default)]
pub(super) struct References {
    planned: Mutex<BTreeSet<Reference>>,
    /// Whether each is missing, as far as it was asked for: who asks for the same waits for the answer.
    missing: Mutex<BTreeMap<Reference, Arc<OnceCell<bool>>>>,
}

/// What a name refers to.
type Reference = (Kind, String);

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
        let reference = (kind, name.to_owned());
        if self.planned.lock().unwrap_or_else(PoisonError::into_inner).contains(&reference) {
            return false;
        }
        let ask = async {
            let asked = timeout(PATIENCE, store.get(kind, name, cancellation)).await;
            matches!(asked, Ok(Ok(None)))
        };
        self.once(reference, ask).await
    }

    /// What was answered about a reference, or else what `ask` finds out.
    async fn once(&self, reference: Reference, ask: impl Future<Output = bool>) -> bool {
        *self.answer(reference).get_or_init(|| ask).await
    }

    /// Where the answer about a reference is, or will be.
    fn answer(&self, reference: Reference) -> Arc<OnceCell<bool>> {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(missing.entry(reference).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Barrier;

    fn policy(name: &str) -> Reference {
        (Kind::Policy, name.to_owned())
    }

    #[tokio::test]
    async fn different_names_are_asked_for_at_once() {
        let (references, both) = (References::default(), Barrier::new(2));
        let ask = async |missing| {
            both.wait().await;
            missing
        };
        let answers =
            async { tokio::join!(references.once(policy("a"), ask(true)), references.once(policy("b"), ask(false))) };
        assert_eq!(timeout(Duration::from_secs(60), answers).await, Ok((true, false)));
    }

    #[tokio::test]
    async fn one_name_is_asked_for_once() {
        let references = References::default();
        let ask = async {
            tokio::task::yield_now().await;
            true
        };
        let again = async || -> bool { unreachable!("it was asked for before") };
        let answers = tokio::join!(references.once(policy("a"), ask), references.once(policy("a"), again()));
        assert_eq!(answers, (true, true));
        assert!(references.once(policy("a"), again()).await);
    }
}
