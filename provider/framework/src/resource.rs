//! What a resource of a provider can do. Implementations see values, never the wire.

use crate::context::Context;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::identity::IdentitySchema;
use crate::schema::Schema;
use crate::timeouts::Timeouts;
use crate::value::Value;
use serde_json::Value as Json;
use tonic::async_trait;

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

/// Why something cannot be planned or read yet, although nothing is wrong. Terraform then plans it in
/// a later run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferral {
    /// Its own configuration is not known yet.
    ConfigUnknown,
    /// The provider's configuration is not known yet.
    ProviderConfigUnknown,
    /// Something that it stands on does not exist yet.
    PrerequisiteAbsent,
}

/// A resource of another type, or of another provider, that is to become one of ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Where it comes from, as in `registry.terraform.io/hashicorp/null`.
    pub provider_address: String,
    /// Its type there.
    pub type_name: String,
    /// The version of the schema that its state is written by.
    pub schema_version: i64,
    /// Its state in the form of that schema. Numbers that would be rounded are texts.
    pub state: Json,
}

/// One type of resource. `C` is what the provider made of its configuration.
#[async_trait]
pub trait Resource<C: Send + Sync + 'static>: Send + Sync + 'static {
    /// Its attributes.
    fn schema(&self) -> Schema;

    /// What is wrong with a configuration, beyond what the schema checks and tells by itself. Parts may be unknown, and
    /// parts may be what the schema refuses.
    fn validate(&self, _config: &Value) -> Diagnostics {
        Diagnostics::none()
    }

    /// What tells one resource of this type from all others; `None` if nothing but its id does.
    fn identity(&self) -> Option<IdentitySchema> {
        None
    }

    /// Which operations are bounded in time. The schema has [`Timeouts::attribute`] if users may change
    /// the bounds; states keep it without anything done here.
    fn timeouts(&self) -> Timeouts {
        Timeouts::none()
    }

    /// Why it cannot be planned, read or imported yet; `known` is its configuration, state or identity.
    /// Asked only when Terraform can put it off. Beware that Terraform 1.9 to 1.14 can while applying and
    /// by default not while planning: put off only what is unknown.
    fn deferral(&self, _client: &C, _known: &Value) -> Option<Deferral> {
        None
    }

    /// Improves a plan: may set computed attributes of `change.planned`, or refuse. Not called for
    /// a destruction. Must not change the world.
    async fn plan(&self, _context: &Context<C>, _change: &mut Change) -> Diagnostics {
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

    /// The import id that an identity stands for. By default the text of its only attribute.
    fn import_id(&self, identity: &Value) -> Result<String, Diagnostics> {
        let mut parts = self.identity().unwrap_or_default().attributes.into_keys();
        match (parts.next().and_then(|name| identity.get(&name).as_str().map(str::to_owned)), parts.next()) {
            (Some(id), None) => Ok(id),
            (Some(_) | None, _) => Err(Diagnostic::error(
                "This cannot be imported by identity",
                "Its identity is not one text. Import it by its id.",
            )
            .into()),
        }
    }

    /// Brings a state written by an older schema into the form of the present one. Numbers that
    /// would be rounded are texts, here and in what is returned.
    fn upgrade(&self, _from_version: i64, state: Json) -> Result<Json, Diagnostics> {
        Ok(state)
    }

    /// Brings an identity written by an older schema into the form of the present one.
    fn upgrade_identity(&self, _from_version: i64, identity: Json) -> Result<Json, Diagnostics> {
        Ok(identity)
    }

    /// The state in our form of what was another resource; `None` if it cannot become one of ours.
    fn move_from(&self, _source: Moved) -> Option<Result<Json, Diagnostics>> {
        None
    }
}
