//! Finds things.

use crate::Client;
use crate::thing::{self, identity, load};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Attribute, Context, Diagnostic, Diagnostics, Find, Finds, ListResource, Path, Schema, Search, Value, async_trait,
};

pub(crate) struct Things;

#[async_trait]
impl ListResource<Client> for Things {
    fn schema(&self) -> Schema {
        Schema::new("Things.", attributes([("prefix", Attribute::string("What the names begin with."))]))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let bad = config.get("prefix").as_str() == Some("panic");
        let told = || Diagnostic::error("Not this one", "Choose another.").at(Path::attribute("prefix"));
        bad.then(told).into_iter().collect()
    }

    async fn list(&self, context: &Context<Client>, search: Search, mut finds: Finds) -> Result<(), Diagnostics> {
        let prefix = search.config.get("prefix").as_str().unwrap_or_default();
        assert_ne!(prefix, "panic", "on demand");
        let folder = context.client.folder()?;
        for name in thing::names(folder).into_iter().filter(|name| name.starts_with(prefix)) {
            let state = if search.with_state { load(folder, &name) } else { None };
            let find = Find { display_name: format!("Thing {name}"), identity: identity(&name), state };
            if !finds.push(find).await {
                break;
            }
        }
        if prefix == "fail" {
            return Err(Diagnostic::error("Failed on demand", "Ask for something else.").into());
        }
        Ok(())
    }
}
