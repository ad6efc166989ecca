//! An action: touches a thing, and does what its attribute `behaviour` says.

use crate::Client;
use crate::thing;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Action, Attribute, Context, Deferral, Diagnostic, Diagnostics, Path, Progress, Schema, Value, async_trait,
};

pub(crate) struct Touch;

#[async_trait]
impl Action<Client> for Touch {
    fn schema(&self) -> Schema {
        let behaviour = Attribute::string("").one_of(&["fail", "panic", "slow"]);
        Schema::new(
            "Touches a thing.",
            attributes([("name", Attribute::string("Which one.").required()), ("behaviour", behaviour)]),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let empty = config.get("name").as_str() == Some("");
        let told = || Diagnostic::error("It has no name", "Give it one.").at(Path::attribute("name"));
        empty.then(told).into_iter().collect()
    }

    fn deferral(&self, client: &Client, _config: &Value) -> Option<Deferral> {
        client.folder.is_none().then_some(Deferral::ProviderConfigUnknown)
    }

    async fn plan(&self, context: &Context<Client>, config: &Value) -> Diagnostics {
        let folder = match context.client.folder() {
            Ok(folder) => folder,
            Err(told) => return told,
        };
        let absent = config.get("name").as_str().is_some_and(|name| thing::load(folder, name).is_none());
        let told = || Diagnostic::error("There is no such thing", "Make it first.").at(Path::attribute("name"));
        absent.then(told).into_iter().collect()
    }

    async fn invoke(&self, context: &Context<Client>, config: Value, progress: Progress) -> Result<(), Diagnostics> {
        let name = config.get("name").as_str().unwrap_or_default();
        progress.tell(format!("touching {name}")).await;
        match config.get("behaviour").as_str() {
            Some("fail") => return Err(Diagnostic::error("Failed on demand", "Ask for something else.").into()),
            Some("panic") => panic!("on demand"),
            Some("slow") => {
                context.cancellation.cancelled().await;
                return Err(Diagnostic::error("Broken off", "It was not touched.").into());
            }
            Some(_) | None => {}
        }
        std::fs::write(context.client.folder()?.join(format!("{name}.touched")), "")
            .map_err(|error| Diagnostic::error("Not touched", error.to_string()))?;
        context.warn(Diagnostic::warning("It is only touched", "Nothing to do."));
        progress.tell("done").await;
        Ok(())
    }
}
