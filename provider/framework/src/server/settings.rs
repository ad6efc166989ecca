//! Calls about the provider as a whole.

use super::calls::{Calls, Entry};
use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::{secrets, wire};
use std::collections::{BTreeMap, HashMap};

impl<P: Provider> Calls<P> {
    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        use proto::get_metadata as message;
        message::Response {
            server_capabilities: Some(Self::capabilities()),
            diagnostics: Vec::new(),
            resources: names(&self.resources, |type_name| message::ResourceMetadata { type_name }),
            data_sources: names(&self.data_sources, |type_name| message::DataSourceMetadata { type_name }),
            functions: names(&self.functions, |name| message::FunctionMetadata { name }),
            ephemeral_resources: names(&self.ephemerals, |type_name| message::EphemeralMetadata { type_name }),
            list_resources: names(&self.lists, |type_name| message::ListResourceMetadata { type_name }),
            actions: names(&self.actions, |type_name| message::ActionMetadata { type_name }),
        }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        proto::get_provider_schema::Response {
            provider: Some(wire::schema(&self.provider.schema)),
            resource_schemas: schemas(&self.resources),
            data_source_schemas: schemas(&self.data_sources),
            ephemeral_resource_schemas: schemas(&self.ephemerals),
            list_resource_schemas: schemas(&self.lists),
            action_schemas: self.action_schemas(),
            functions: self.functions_by_name(),
            server_capabilities: Some(Self::capabilities()),
            ..proto::get_provider_schema::Response::default()
        }
    }

    fn action_schemas(&self) -> HashMap<String, proto::ActionSchema> {
        let message = |schema| proto::ActionSchema { schema: Some(schema) };
        schemas(&self.actions).into_iter().map(|(name, schema)| (name, message(schema))).collect()
    }

    pub(super) fn validate_provider_config(
        &self,
        request: proto::validate_provider_config::Request,
    ) -> Result<proto::validate_provider_config::Response, Diagnostics> {
        let config = wire::decode(request.config, &self.provider.ty)?;
        let found = self.provider.validate(&config, |it| it.validate(&config));
        Ok(proto::validate_provider_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) fn configure_provider(
        &self,
        request: proto::configure_provider::Request,
    ) -> Result<proto::configure_provider::Response, Diagnostics> {
        let config = wire::decode(request.config, &self.provider.ty)?;
        secrets::mask(&self.provider.schema.attributes, &config);
        self.set_client(self.provider.implementation.configure(&request.terraform_version, &config)?);
        Ok(proto::configure_provider::Response::default())
    }
}

fn names<T, M>(things: &BTreeMap<&'static str, T>, message: impl Fn(String) -> M) -> Vec<M> {
    things.keys().map(|name| message((*name).to_owned())).collect()
}

fn schemas<T: ?Sized>(entries: &BTreeMap<&'static str, Entry<T>>) -> HashMap<String, proto::Schema> {
    entries.iter().map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.schema))).collect()
}
