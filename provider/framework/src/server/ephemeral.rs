//! Calls about ephemeral resources, of which nothing is ever stored.

use super::bounds::{GRACE, bounded};
use super::calls::{Call, Calls};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::ephemeral::{Opened, Renewed};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::{secrets, wire};

impl<P: Provider> Calls<P> {
    pub(super) fn validate_ephemeral_resource_config(
        &self,
        request: proto::validate_ephemeral_resource_config::Request,
    ) -> Result<proto::validate_ephemeral_resource_config::Response, Diagnostics> {
        let entry = self.ephemeral(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let found = entry.validate(&config, |it| it.validate(&config));
        Ok(proto::validate_ephemeral_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) async fn open_ephemeral_resource(
        &self,
        call: &Call,
        request: proto::open_ephemeral_resource::Request,
    ) -> Result<proto::open_ephemeral_resource::Response, Diagnostics> {
        let entry = self.ephemeral(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let context = self.context(call, Vec::new())?;
        if request.client_capabilities.unwrap_or_default().deferral_allowed
            && let Some(deferral) = entry.implementation.deferral(&context.client, &config)
        {
            return Ok(proto::open_ephemeral_resource::Response {
                deferred: Some(wire::deferred(deferral)),
                ..proto::open_ephemeral_resource::Response::default()
            });
        }
        let opening = entry.implementation.open(&context, config);
        let opened = bounded(&context.cancellation, None, GRACE, opening).await.done()?;
        let Opened { result, renew_at, private } = opened;
        secrets::mask(&entry.schema.attributes, &result);
        if result.has_unknown() {
            return Err(Diagnostic::bug(format!("It opened {} incompletely", request.type_name)).into());
        }
        Ok(proto::open_ephemeral_resource::Response {
            diagnostics: wire::diagnostics(&context.take_aside().warnings),
            renew_at: renew_at.map(Into::into),
            result: Some(wire::encode(&result, &entry.ty)?),
            private: Some(private),
            deferred: None,
        })
    }

    pub(super) async fn renew_ephemeral_resource(
        &self,
        call: &Call,
        request: proto::renew_ephemeral_resource::Request,
    ) -> Result<proto::renew_ephemeral_resource::Response, Diagnostics> {
        let entry = self.ephemeral(&request.type_name)?;
        let context = self.context(call, Vec::new())?;
        let renewal = entry.implementation.renew(&context, request.private.unwrap_or_default());
        let renewed = bounded(&context.cancellation, None, GRACE, renewal).await.done()?;
        let Renewed { renew_at, private } = renewed;
        Ok(proto::renew_ephemeral_resource::Response {
            diagnostics: wire::diagnostics(&context.take_aside().warnings),
            renew_at: renew_at.map(Into::into),
            private: Some(private),
        })
    }

    pub(super) async fn close_ephemeral_resource(
        &self,
        call: &Call,
        request: proto::close_ephemeral_resource::Request,
    ) -> Result<proto::close_ephemeral_resource::Response, Diagnostics> {
        let entry = self.ephemeral(&request.type_name)?;
        let context = self.context(call, Vec::new())?;
        let closing = entry.implementation.close(&context, request.private.unwrap_or_default());
        bounded(&context.cancellation, None, GRACE, closing).await.done()?;
        let diagnostics = wire::diagnostics(&context.take_aside().warnings);
        Ok(proto::close_ephemeral_resource::Response { diagnostics })
    }
}
