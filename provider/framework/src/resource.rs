//! What a resource of a provider can do. Implementations see values, never the wire.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::schema::Schema;
use crate::value::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::async_trait;

/// What every call can use.
#[derive(Debug)]
pub struct Context<C> {
    /// What the provider made of its configuration.
    pub client: Arc<C>,
    /// Cancelled when the user interrupts Terraform: end soon, and return what is already there.
    pub cancellation: CancellationToken,
}

/// A creation or an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The state before; null when the resource is created.
    pub prior: Value,
    /// What the user wrote.
    pub config: Value,
    /// What the plan says. While planning, unknown parts are decided at apply.
    pub planned: Value,
}

impl Change {
    /// Whether the resource is created.
    pub fn is_creation(&self) -> bool {
        self.prior.is_null()
    }
}

/// A creation or an update that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What exists all the same. Terraform remembers it, so that nothing is lost; `None` means
    /// that nothing was created, or that an update changed nothing.
    pub state: Option<Value>,
    /// Why.
    pub diagnostics: Diagnostics,
}

impl Failure {
    /// The failure of something that exists as `state` all the same.
    pub fn keeping(state: Value, diagnostics: impl Into<Diagnostics>) -> Self {
        Self { state: Some(state), diagnostics: diagnostics.into() }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { state: None, diagnostics }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

/// One type of resource. `C` is what the provider made of its configuration.
#[async_trait]
pub trait Resource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    fn schema(&self) -> Schema;

    /// What is wrong with a configuration, beyond what the schema checks. Parts may be unknown.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// Improves a plan: may set computed attributes of `change.planned`, or refuse. Not called for
    /// a destruction. Must not change the world.
    fn plan(&self, _client: &C, _change: &mut Change) -> Diagnostics {
        Diagnostics::none()
    }

    /// Creates it and returns its state, which must agree with every known part of the plan.
    async fn create(&self, context: &Context<C>, change: Change) -> Result<Value, Failure>;

    /// Its state as it really is; `None` when it is gone.
    async fn read(&self, context: &Context<C>, state: Value) -> Result<Option<Value>, Diagnostics>;

    /// Changes it in place and returns its state.
    async fn update(&self, context: &Context<C>, change: Change) -> Result<Value, Failure>;

    /// Destroys it. What is already gone is destroyed.
    async fn delete(&self, context: &Context<C>, state: Value) -> Result<(), Diagnostics>;

    /// The state of what exists under `id`.
    async fn import(&self, context: &Context<C>, id: &str) -> Result<Value, Diagnostics>;

    /// Brings a state written by an older schema into the form of the present one.
    fn upgrade(&self, _from_version: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        Ok(state)
    }
}
