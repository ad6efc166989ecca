//! What policies and groups have in common: documents that the provider stores and never acts on.
//! Their state is the declaration and nothing that moves by itself.

use crate::client::{Client, Effect, Kind, Missing, Written};
use crate::documents;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use shadow_core::model::{Problems, name};
use terraform_provider_framework::path::Step;
use terraform_provider_framework::{
    Change, Context, Diagnostic, Diagnostics, Failure, IdentitySchema, Path, Resource, Schema, Timeouts, Value,
    async_trait,
};

/// A document that can be declared.
pub(super) trait Document: Serialize + DeserializeOwned + Clone {
    /// Whether the reconciler would take it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn checked(self) -> Result<(), Problems>;
}

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
    /// Operations that wait for the reconciler to act.
    pub(super) timeouts: Timeouts,
    /// Attributes that name other declarations: one name, or a list of them.
    pub(super) references: &'static [(&'static str, Kind)],
}

impl Declaration {
    /// Declarations of these documents, which act at once and refer to nothing.
    pub(super) fn of<D: Document>(kind: Kind, schema: Schema) -> Self {
        let check = |config: &Value, schema: &Schema| documents::check_known(config, schema, D::checked);
        let (document, value) = (document::<D>, documents::stored::<D>);
        Self { kind, schema, check, document, value, timeouts: Timeouts::none(), references: &[] }
    }

    /// The state of a document: itself, and its name as id.
    pub(super) fn state(&self, document: Json, name: &str) -> Result<Value, Diagnostics> {
        let mut state = (self.value)(document, &self.schema).map_err(|told| self.foreign(name, told))?;
        state.put("id", name);
        Ok(state)
    }

    /// Names in a changed attribute under which there is nothing, and will be nothing.
    async fn dangling(&self, context: &Context<Client>, change: &Change) -> Diagnostics {
        let mut found = Diagnostics::none();
        for (attribute, kind) in self.references {
            let value = change.planned.get(attribute);
            if value == change.prior.get(attribute) {
                continue;
            }
            let path = Path::attribute(attribute);
            let names: Vec<(Path, &str)> = if let Value::List(names) = value {
                let at = |i| path.join(Step::Index(i));
                names.iter().enumerate().filter_map(|(i, name)| Some((at(i), name.as_str()?))).collect()
            } else {
                value.as_str().map(|name| (path, name)).into_iter().collect()
            };
            for (path, name) in names {
                if name::is_valid(name) && context.client.is_missing(*kind, name, &context.cancellation).await {
                    found.push(nothing_there(*kind, name, path));
                }
            }
        }
        found
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

fn document<D: Document>(value: &Value, schema: &Schema) -> Result<Json, Diagnostics> {
    let document: D = documents::document(value, schema)?;
    documents::accepted(document.clone().checked())?;
    serde_json::to_value(document).map_err(|error| Diagnostic::error("No JSON", error.to_string()).into())
}

fn nothing_there(kind: Kind, name: &str, path: Path) -> Diagnostic {
    let noun = kind.noun();
    let detail = format!(
        "{path}: there is no {noun} {name:?}. Declare a shadow_{noun} of that name. If this configuration does, refer to it \
         as shadow_{noun}.<label>.name, so that Terraform makes it first."
    );
    Diagnostic::error(format!("No such {noun}"), detail).at(path)
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

    fn timeouts(&self) -> Timeouts {
        self.timeouts.clone()
    }

    async fn plan(&self, context: &Context<Client>, change: &mut Change) -> Diagnostics {
        let name = change.planned.get("name").clone();
        if let Some(name) = name.as_str() {
            context.client.plan(self.kind, name);
        }
        change.planned.put("id", name);
        self.dangling(context, change).await
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
