//! Calls about the provider as a whole.

use super::calls::Calls;
use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::{validation, wire};

impl<P: Provider> Calls<P> {
    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        use proto::get_metadata::{DataSourceMetadata, ResourceMetadata, Response};
        let name = |name: &&'static str| (*name).to_owned();
        Response {
            server_capabilities: Some(Self::capabilities()),
            resources: self.resources.keys().map(|n| ResourceMetadata { type_name: name(n) }).collect(),
            data_sources: self.data_sources.keys().map(|n| DataSourceMetadata { type_name: name(n) }).collect(),
            ..Response::default()
        }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        let resources = self.resources.iter().map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.schema)));
        let sources = self.data_sources.iter().map(|(name, entry)| ((*name).to_owned(), wire::schema(&entry.schema)));
        proto::get_provider_schema::Response {
            provider: Some(wire::schema(&self.provider.schema)),
            resource_schemas: resources.collect(),
            data_source_schemas: sources.collect(),
            server_capabilities: Some(Self::capabilities()),
            ..proto::get_provider_schema::Response::default()
        }
    }

    pub(super) fn validate_provider_config(
        &self,
        request: proto::validate_provider_config::Request,
    ) -> Result<proto::validate_provider_config::Response, Diagnostics> {
        let config = wire::decode(request.config, &self.provider.ty)?;
        let mut found = validation::validate(&self.provider.schema, &config);
        found.extend(self.provider.implementation.validate(&config));
        Ok(proto::validate_provider_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) fn configure_provider(
        &self,
        request: proto::configure_provider::Request,
    ) -> Result<proto::configure_provider::Response, Diagnostics> {
        let config = wire::decode(request.config, &self.provider.ty)?;
        self.set_client(self.provider.implementation.configure(&request.terraform_version, &config)?);
        Ok(proto::configure_provider::Response::default())
    }
}
