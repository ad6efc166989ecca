//! The provider of this framework's own tests: one of everything, with resources that are slow, fail
//! or panic on demand. Its things are JSON files in a folder. Not an example to follow: see `notes.rs`.

mod lists;
mod secret;
mod speak;
mod thing;
mod touch;

use std::path::PathBuf;
use std::process::ExitCode;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Action, Attribute, Context, DataSource, Deferral, Diagnostic, Diagnostics, EphemeralResource, Function,
    ListResource, Named, Provider, Resource, Schema, Value, async_trait, log, serve,
};

fn main() -> ExitCode {
    serve(Trial)
}

struct Trial;

/// What resources know of the settings.
pub(crate) struct Client {
    /// Where things are; none while it is not known.
    folder: Option<PathBuf>,
}

impl Client {
    fn folder(&self) -> Result<&PathBuf, Diagnostics> {
        let unknown = || Diagnostic::error("The folder is not known yet", "Apply what it comes from first.");
        Ok(self.folder.as_ref().ok_or_else(unknown)?)
    }
}

impl Provider for Trial {
    type Client = Client;

    fn address(&self) -> &'static str {
        "registry.terraform.io/tests/trial"
    }

    fn schema(&self) -> Schema {
        let folder = Attribute::string("Where things are.").required();
        Schema::new("For tests.", attributes([("folder", folder), ("token", Attribute::string("").sensitive())]))
    }

    fn configure(&self, _terraform_version: &str, config: &Value) -> Result<Client, Diagnostics> {
        // Masked, since it is sensitive.
        log::write(log::Level::Info, "configured", &[("token", config.get("token").as_str().unwrap_or_default())]);
        Ok(Client { folder: config.get("folder").as_str().map(PathBuf::from) })
    }

    fn resources(&self) -> Named<dyn Resource<Client>> {
        vec![("trial_thing", Box::new(thing::Thing))]
    }

    fn data_sources(&self) -> Named<dyn DataSource<Client>> {
        vec![("trial_names", Box::new(Names))]
    }

    fn ephemeral_resources(&self) -> Named<dyn EphemeralResource<Client>> {
        vec![("trial_secret", Box::new(secret::Secret))]
    }

    fn list_resources(&self) -> Named<dyn ListResource<Client>> {
        vec![("trial_thing", Box::new(lists::Things))]
    }

    fn actions(&self) -> Named<dyn Action<Client>> {
        vec![("trial_touch", Box::new(touch::Touch))]
    }

    fn functions(&self) -> Named<dyn Function> {
        vec![("join", Box::new(speak::Join)), ("describe", Box::new(speak::Describe))]
    }
}

/// The names of all things.
struct Names;

#[async_trait]
impl DataSource<Client> for Names {
    fn schema(&self) -> Schema {
        let names = terraform_provider_framework::value::Type::list(terraform_provider_framework::value::Type::String);
        let prefix = Attribute::string("What the names begin with.");
        Schema::new("For tests.", attributes([("prefix", prefix), ("names", Attribute::new(names, "").computed())]))
    }

    fn deferral(&self, client: &Client, _config: &Value) -> Option<Deferral> {
        client.folder.is_none().then_some(Deferral::ProviderConfigUnknown)
    }

    async fn read(&self, context: &Context<Client>, mut config: Value) -> Result<Value, Diagnostics> {
        let prefix = config.get("prefix").as_str().unwrap_or_default();
        let names = thing::names(context.client.folder()?);
        let names = names.into_iter().filter(|name| name.starts_with(prefix)).map(Value::from).collect();
        config.put("names", Value::List(names));
        context.warn(Diagnostic::warning("Names are only names", "Nothing to do."));
        Ok(config)
    }
}
