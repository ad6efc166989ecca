//! A thing: a JSON file. What it does is what its attribute `behaviour` says.

use crate::Client;
use serde_json::{Value as Json, json};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;
use terraform_provider_framework::schema::{Modifier, attributes};
use terraform_provider_framework::value::DynamicForm;
use terraform_provider_framework::{
    Attribute, Change, Context, Deferral, Diagnostic, Diagnostics, Failure, IdentitySchema, Moved, Operation, Resource,
    Schema, Timeouts, Value, async_trait, timeouts,
};

pub(crate) struct Thing;

/// Names of all things, in order.
pub(crate) fn names(folder: &FilePath) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned());
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names
}

/// The state of the thing of that name.
pub(crate) fn load(folder: &FilePath, name: &str) -> Option<Value> {
    let text = std::fs::read(path(folder, name)).ok()?;
    let json: Json = serde_json::from_slice(&text).ok()?;
    let mut state = Value::from_json(&json, &Thing.schema().object_type(), DynamicForm::Plain).ok()?;
    state.put("name", name);
    state.put("id", format!("id-{name}"));
    Some(state)
}

fn path(folder: &FilePath, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// What is written: what the world knows of a thing, and a fingerprint of its write-only secret.
fn store(context: &Context<Client>, change: &Change) -> Result<Value, Failure> {
    let mut state = change.planned.clone();
    let name = state.get("name").as_str().unwrap_or_default().to_owned();
    let folder = context.client.folder()?;
    let secret = change.config.get("secret_wo").as_str().map(str::len);
    let document = json!({
        "note": state.get("note").as_str(),
        "size": state.get("size").to_json().ok(),
        "secret_length": secret,
        "behaviour": state.get("behaviour").as_str(),
    });
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path(folder, &name), document.to_string()))
        .map_err(|error| Diagnostic::error("Not written", error.to_string()));
    written?;
    state.put("id", format!("id-{name}"));
    state.put("secret_length", secret.map(|length| Value::from(length as u64)));
    let revision = context.private().first().copied().unwrap_or_default().wrapping_add(1);
    context.keep_private([revision]);
    state.put("revision", u32::from(revision));
    Ok(state)
}

/// Makes it, then does what its behaviour says: so whatever goes wrong, it is there.
async fn make(context: &Context<Client>, change: Change) -> Result<Value, Failure> {
    let state = store(context, &change)?;
    match state.get("behaviour").as_str() {
        Some("fail") => Err(Failure::keeping(state, Diagnostic::error("Failed on demand", "Ask for something else."))),
        Some("panic") => panic!("on demand, with token-of-the-test"),
        Some("slow") => {
            context.cancellation.cancelled().await;
            Err(Failure::keeping(state, Diagnostic::error("Broken off", "It is there, though.")))
        }
        // It hears of no interruption.
        Some("deaf") => std::future::pending().await,
        Some("warn") => {
            context.warn(Diagnostic::warning("It works, but", "Look at it."));
            Ok(state)
        }
        Some(_) | None => Ok(state),
    }
}

#[async_trait]
impl Resource<Client> for Thing {
    fn schema(&self) -> Schema {
        let name = Attribute::string("Its name.").required().modified(Modifier::RequiresReplace);
        let mut schema = Schema::new(
            "For tests.",
            attributes([
                ("id", Attribute::string("").computed().modified(Modifier::UseStateForUnknown)),
                ("name", name),
                ("note", Attribute::string("").with_default("none")),
                ("size", Attribute::number("").integer(0, u64::MAX)),
                ("behaviour", Attribute::string("").one_of(&["fail", "panic", "slow", "deaf", "warn"])),
                ("secret_wo", Attribute::string("").write_only()),
                ("secret_length", Attribute::number("").computed()),
                ("revision", Attribute::number("").computed()),
                (timeouts::NAME, self.timeouts().attribute()),
            ]),
        );
        schema.version = 1;
        schema
    }

    fn identity(&self) -> Option<IdentitySchema> {
        Some(IdentitySchema { version: 1, ..IdentitySchema::of_text("name", "Its name.") })
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts::none().with(Operation::Create, Duration::from_secs(60))
    }

    fn deferral(&self, client: &Client, known: &Value) -> Option<Deferral> {
        let unknown = known.get("name").is_unknown().then_some(Deferral::ConfigUnknown);
        client.folder.is_none().then_some(Deferral::ProviderConfigUnknown).or(unknown)
    }

    async fn create(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        let name = change.planned.get("name").as_str().unwrap_or_default();
        if path(context.client.folder()?, name).exists() {
            return Err(Diagnostic::error("It exists already", format!("Import {name:?}.")).into());
        }
        make(context, change).await
    }

    async fn read(&self, context: &Context<Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let name = state.get("name").as_str().unwrap_or_default();
        Ok(load(context.client.folder()?, name).map(|mut read| {
            read.put("revision", state.get("revision").clone());
            read
        }))
    }

    async fn update(&self, context: &Context<Client>, change: Change) -> Result<Value, Failure> {
        make(context, change).await
    }

    async fn delete(&self, context: &Context<Client>, state: Value) -> Result<(), Diagnostics> {
        std::fs::remove_file(path(context.client.folder()?, state.get("name").as_str().unwrap_or_default())).ok();
        Ok(())
    }

    async fn import(&self, context: &Context<Client>, id: &str) -> Result<Value, Diagnostics> {
        let found = load(context.client.folder()?, id);
        Ok(found.ok_or_else(|| Diagnostic::error("There is no such thing", format!("No thing is called {id:?}.")))?)
    }

    /// Version 0 called the note `label`.
    fn upgrade(&self, from_version: i64, mut state: Json) -> Result<Json, Diagnostics> {
        if from_version == 0
            && let Some(label) = state.as_object_mut().and_then(|state| state.remove("label"))
        {
            state["note"] = label;
        }
        Ok(state)
    }

    /// Version 0 of the identity was called `title`.
    fn upgrade_identity(&self, _from_version: i64, identity: Json) -> Result<Json, Diagnostics> {
        Ok(json!({"name": identity["title"]}))
    }

    /// Data of Terraform's own may become a thing that is named by its input.
    fn move_from(&self, source: Moved) -> Option<Result<Json, Diagnostics>> {
        let ours = source.type_name == "terraform_data" && source.provider_address.ends_with("builtin/terraform");
        ours.then(|| Ok(json!({"name": source.state["input"]["value"], "note": "moved"})))
    }
}

/// What tells the thing of that name from others.
pub(crate) fn identity(name: &str) -> Value {
    Value::object([("name", Value::from(name))])
}
