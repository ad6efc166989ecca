//! Calls about data sources.

use super::calls::Calls;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::{validation, wire};

impl<P: Provider> Calls<P> {
    pub(super) fn validate_data_resource_config(
        &self,
        request: proto::validate_data_resource_config::Request,
    ) -> Result<proto::validate_data_resource_config::Response, Diagnostics> {
        let entry = self.data_source(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let mut found = validation::validate(&entry.schema, &config);
        found.extend(entry.implementation.validate(&config));
        Ok(proto::validate_data_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) async fn read_data_source(
        &self,
        request: proto::read_data_source::Request,
    ) -> Result<proto::read_data_source::Response, Diagnostics> {
        let entry = self.data_source(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let state = entry.implementation.read(&self.context()?, config).await?;
        if state.has_unknown() {
            return Err(Diagnostic::bug(format!("It read {} incompletely", request.type_name)).into());
        }
        let state = Some(wire::encode(&state, &entry.ty)?);
        Ok(proto::read_data_source::Response { state, ..proto::read_data_source::Response::default() })
    }
}
