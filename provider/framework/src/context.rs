//! What a call gives to the provider's code besides values, and what it takes back besides them:
//! warnings, and bytes that only the provider reads.

use crate::diagnostics::{Diagnostic, Diagnostics};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// What every call can use.
#[derive(Debug)]
pub struct Context<C> {
    /// What the provider made of its configuration.
    pub client: Arc<C>,
    /// Cancelled when the user interrupts Terraform, and when the time that the user gave is over: end
    /// soon, and return what is already there. A call that goes on all the same is given up.
    pub cancellation: CancellationToken,
    aside: Arc<Mutex<Aside>>,
}

/// What goes beside the values of a call.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// Told even though the call succeeds.
    pub(crate) warnings: Diagnostics,
    /// Kept in Terraform's state, read by the provider only.
    pub(crate) private: Vec<u8>,
}

impl<C> Context<C> {
    /// A context of one's own, for tests of a provider's code.
    pub fn new(client: Arc<C>, cancellation: CancellationToken) -> Self {
        Self::with_private(client, cancellation, Vec::new())
    }

    /// A context for a call on what keeps these private bytes.
    pub(crate) fn with_private(client: Arc<C>, cancellation: CancellationToken, private: Vec<u8>) -> Self {
        let aside = Aside { warnings: Diagnostics::none(), private };
        Self { client, cancellation, aside: Arc::new(Mutex::new(aside)) }
    }

    /// Tells the user something that is no reason to stop.
    pub fn warn(&self, warning: Diagnostic) {
        self.aside().warnings.push(warning);
    }

    /// What an earlier call on this resource kept with [`Context::keep_private`]; empty if none did.
    pub fn private(&self) -> Vec<u8> {
        self.aside().private.clone()
    }

    /// Keeps bytes with the resource that nobody but the provider reads, such as a version for
    /// optimistic locking. Not for secrets: Terraform's state holds them in the clear.
    pub fn keep_private(&self, bytes: impl Into<Vec<u8>>) {
        self.aside().private = bytes.into();
    }

    /// What is to be told beside the values, taken out.
    pub(crate) fn take_aside(&self) -> Aside {
        std::mem::take(&mut *self.aside())
    }

    fn aside(&self) -> MutexGuard<'_, Aside> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
