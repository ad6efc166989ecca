//! What finds policies and groups that are declared, whether or not Terraform knows them.

use super::declaration::Declaration;
use crate::client::Client;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{
    Attribute, Context, Diagnostics, Find, Finds, ListResource, Schema, Search, Value, async_trait,
};

/// Finds the declarations of one kind.
pub(super) struct Finder(pub(super) Declaration);

#[async_trait]
impl ListResource<Client> for Finder {
    fn schema(&self) -> Schema {
        let prefix = Attribute::string("Finds only names that begin so. Default: every name.");
        let description = format!("Finds every declared {}.", self.0.kind.noun());
        Schema::new(&description, attributes([("name_prefix", prefix)]))
    }

    async fn list(&self, context: &Context<Client>, search: Search, mut finds: Finds) -> Result<(), Diagnostics> {
        let prefix = search.config.get("name_prefix").as_str().unwrap_or_default();
        for (name, document) in context.client.store()?.all(self.0.kind, prefix, &context.cancellation).await? {
            let state = search.with_state.then(|| self.0.state(document, &name)).transpose()?;
            let identity = Value::object([("name", Value::from(name.as_str()))]);
            if !finds.push(Find { display_name: name, identity, state }).await {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Access, Directory, Kind, Setting, Store};
    use crate::resources::policy;
    use serde_json::json;
    use shadow_core::model::PolicySpec;
    use std::sync::Arc;
    use terraform_provider_framework::CancellationToken;

    async fn find(prefix: &str, with_state: bool, limit: usize) -> Vec<Find> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Directory(Directory::new(folder.path().to_owned()));
        let token = CancellationToken::new();
        for name in ["alpha", "beta", "betamax"] {
            let document = serde_json::to_value(PolicySpec::named(name)).unwrap();
            assert!(store.create(Kind::Policy, name, &document, &token).await.is_ok());
        }
        let access = Access::new(None, "test").unwrap();
        let client = crate::client::Client::new(Setting::Known(store), Setting::Absent, access);
        let context = Context::new(Arc::new(client), token);
        let config = Value::object([("name_prefix", Value::from(prefix))]);
        let (finds, mut found) = Finds::new(limit);
        Finder(policy::policy()).list(&context, Search { config, with_state }, finds).await.unwrap();
        let mut all = Vec::new();
        while let Some(find) = found.recv().await {
            all.push(find);
        }
        all
    }

    #[tokio::test]
    async fn policies_are_found_by_the_beginning_of_their_names() {
        let names = |found: Vec<Find>| found.into_iter().map(|find| find.display_name).collect::<Vec<_>>();
        assert_eq!(names(find("", false, 100).await), ["alpha", "beta", "betamax"]);
        assert_eq!(names(find("beta", false, 100).await), ["beta", "betamax"]);
        assert_eq!(names(find("", false, 1).await), ["alpha"]);
    }

    #[tokio::test]
    async fn a_find_has_its_identity_and_if_asked_its_state() {
        let found = find("alpha", true, 100).await.remove(0);
        assert_eq!(found.identity.to_json().unwrap(), json!({"name": "alpha"}));
        assert_eq!(found.state.unwrap().get("id"), &Value::from("alpha"));
        assert_eq!(find("alpha", false, 100).await.remove(0).state, None);
    }

    #[test]
    fn what_is_found_has_the_identity_of_its_resource() {
        for (type_name, resource) in crate::resources::all() {
            let found = crate::resources::finders().iter().any(|(name, _)| *name == type_name);
            let identity = resource.identity();
            assert!(identity.is_some() || !found, "{type_name}");
            let attributes = resource.schema().attributes;
            for (name, attribute) in identity.into_iter().flat_map(|identity| identity.attributes) {
                assert_eq!(attributes[&name].value_type(), attribute.ty, "{type_name}.{name}");
            }
        }
    }
}
