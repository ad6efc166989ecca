//! Calls about data sources.

use super::bounds::{GRACE, bounded};
use super::calls::{Call, Calls};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::{secrets, wire};

impl<P: Provider> Calls<P> {
    pub(super) fn validate_data_resource_config(
        &self,
        request: proto::validate_data_resource_config::Request,
    ) -> Result<proto::validate_data_resource_config::Response, Diagnostics> {
        let entry = self.data_source(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        secrets::mask(&entry.schema.attributes, &config);
        let found = entry.validate(&config, |it| it.validate(&config));
        Ok(proto::validate_data_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) async fn read_data_source(
        &self,
        call: &Call,
        request: proto::read_data_source::Request,
    ) -> Result<proto::read_data_source::Response, Diagnostics> {
        let entry = self.data_source(&request.type_name)?;
        let config = wire::decode(request.config.clone(), &entry.ty)?;
        let context = self.context(call, Vec::new())?;
        if request.client_capabilities.unwrap_or_default().deferral_allowed
            && let Some(deferral) = entry.implementation.deferral(&context.client, &config)
        {
            let (state, deferred) = (request.config, Some(wire::deferred(deferral)));
            return Ok(proto::read_data_source::Response { state, deferred, diagnostics: Vec::new() });
        }
        let reading = entry.implementation.read(&context, config);
        let state = bounded(&context.cancellation, None, GRACE, reading).await.done()?;
        if state.has_unknown() {
            return Err(Diagnostic::bug(format!("It read {} incompletely", request.type_name)).into());
        }
        let diagnostics = wire::diagnostics(&context.take_aside().warnings);
        Ok(proto::read_data_source::Response {
            state: Some(wire::encode(&state, &entry.ty)?),
            diagnostics,
            deferred: None,
        })
    }
}
