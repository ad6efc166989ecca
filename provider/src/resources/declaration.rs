//! What policies and groups have in common: documents that the provider stores and never acts on.
//! Their state is the declaration and nothing that moves by itself.

use crate::client::{Client, Effect, Kind, Missing, Written};
use crate::documents;
use serde_json::Value as Json;
use terraform_provider_framework::{
    Change, Context, Diagnostic, Diagnostics, Failure, IdentitySchema, Resource, Schema, Value, async_trait,
};

/// A type of declaration.
pub(super) struct Declaration {
    pub(super) kind: Kind,
    pub(super) schema: Schema,
    /// What is wrong with a configuration, as far as it is known.
    pub(super) check: fn(&Value, &Schema) -> Diagnostics,
    /// The document of a value, checked.
    pub(super) document: fn(&Value, &Schema) -> Result<Json, Diagnostics>,
    /// The value of a document.
    pub(super) value: fn(Json, &Schema) -> Result<Value, Diagnostics>,
}

impl Declaration {
    /// The state of a document: itself, and its name as id.
    pub(super) fn state(&self, document: Json, name: &str) -> Result<Value, Diagnostics> {
        let mut state = (self.value)(document, &self.schema).map_err(|told| self.foreign(name, told))?;
        state.put("id", name);
        Ok(state)
    }

    /// Somebody else wrote a document that this version does not read.
    fn foreign(&self, name: &str, told: Diagnostics) -> Diagnostics {
        let noun = self.kind.noun();
        let explain = |it: Diagnostic| {
            let detail = format!("{}. Mend the document, or delete it and apply again.", it.detail);
            Diagnostic::error(format!("The {noun} {name:?} cannot be read"), detail)
        };
        told.into_iter().map(explain).collect()
    }
}

fn name_of(value: &Value) -> Result<&str, Diagnostics> {
    let name = value.get("name").as_str().unwrap_or_default();
    documents::check_name(name, "name").map(|()| name)
}

/// A creation that may have been carried out is remembered; the next apply finds out.
fn created(planned: Value, written: Written) -> Failure {
    match written.effect {
        Effect::No => written.diagnostics.into(),
        Effect::Perhaps => Failure::keeping(planned, written.diagnostics),
    }
}

#[async_trait]
impl Resource<Client> for Declaration {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        (self.check)(config, &self.schema)
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema::of_text("name", &format!("Name of the {}.", self.kind.noun())))
    }

    fn plan(&self, _client: &Client, change: &mut Change) -> Diagnostics {
        let name = change.planned.get("name").clone();
        change.planned.put("id", name);
        Diagnostics::none()
    }

    async fn create(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        let mut planned = change.planned;
        let name = name_of(&planned)?.to_owned();
        planned.put("id", name.as_str());
        let document = (self.document)(&planned, &self.schema)?;
        let store = context.client.store()?;
        match store.create(self.kind, &name, &document, &context.cancellation).await {
            Ok(()) => Ok(planned),
            Err(written) => Err(created(planned, written)),
        }
    }

    async fn read(&self, context: &Context<Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let store = match context.client.store() {
            // While planning, the place may not be known yet: nothing new can be learnt.
            Err(Missing::Unknown(_)) => return Ok(Some(state)),
            store => store?,
        };
        let name = name_of(&state)?;
        let document = store.get(self.kind, name, &context.cancellation).await?;
        document.map(|document| self.state(document, name)).transpose()
    }

    async fn update(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        let name = name_of(&change.planned)?;
        let document = (self.document)(&change.planned, &self.schema)?;
        let store = context.client.store()?;
        match store.update(self.kind, name, &document, &context.cancellation).await {
            Ok(()) => Ok(change.planned),
            Err(written) => Err(written.diagnostics.into()),
        }
    }

    async fn delete(&self, context: &Context<Client>, state: Value) -> Result<(), Diagnostics> {
        context.client.store()?.delete(self.kind, name_of(&state)?, &context.cancellation).await
    }

    async fn import(&self, context: &Context<Client>, id: &str) -> Result<Value, Diagnostics> {
        documents::check_name(id, "import id")?;
        match context.client.store()?.get(self.kind, id, &context.cancellation).await? {
            Some(document) => self.state(document, id),
            None => {
                let noun = self.kind.noun();
                let detail = format!("No {noun} is declared under the name {id:?}. The import id is a {noun}'s name.");
                Err(Diagnostic::error(format!("No such {noun}"), detail).into())
            }
        }
    }
}
