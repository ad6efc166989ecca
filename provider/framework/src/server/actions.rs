//! Calls about actions: what an action tells goes over the wire while it goes on.

use super::bounds::{GRACE, bounded};
use super::calls::{Call, Calls};
use super::events;
use crate::action::Progress;
use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::invoke_action::event::{Completed, Type};
use crate::proto::tfplugin6::invoke_action::{Event, Request};
use crate::provider::Provider;
use crate::{secrets, wire};
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::codegen::BoxStream;

impl<P: Provider> Calls<P> {
    pub(super) fn validate_action_config(
        &self,
        request: proto::validate_action_config::Request,
    ) -> Result<proto::validate_action_config::Response, Diagnostics> {
        let entry = self.action(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let found = entry.validate(&config, |it| it.validate(&config));
        Ok(proto::validate_action_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) async fn plan_action(
        &self,
        call: &Call,
        request: proto::plan_action::Request,
    ) -> Result<proto::plan_action::Response, Diagnostics> {
        let entry = self.action(&request.action_type)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let context = self.context(call, Vec::new())?;
        if request.client_capabilities.unwrap_or_default().deferral_allowed
            && let Some(deferral) = entry.implementation.deferral(&context.client, &config)
        {
            let deferred = Some(wire::deferred(deferral));
            return Ok(proto::plan_action::Response { diagnostics: Vec::new(), deferred });
        }
        let mut found = entry.implementation.plan(&context, &config).await;
        found.extend(context.take_aside().warnings);
        Ok(proto::plan_action::Response { diagnostics: wire::diagnostics(&found), deferred: None })
    }

    async fn invoke(&self, call: &Call, request: Request, events: mpsc::Sender<Event>) -> Result<(), Diagnostics> {
        let entry = self.action(&request.action_type)?;
        let config = wire::decode(request.config, &entry.ty)?;
        secrets::mask(&entry.schema.attributes, &config);
        let context = self.context(call, Vec::new())?;
        let work = entry.implementation.invoke(&context, config, Progress::to(events.clone()));
        let invoked = bounded(&context.cancellation, None, GRACE, work).await.done();
        let mut diagnostics = context.take_aside().warnings;
        diagnostics.extend(invoked.err().into_iter().flatten());
        events.send(completed(&diagnostics)).await.ok();
        Ok(())
    }
}

/// Begins an action, which ends with one event of its completion.
pub(super) fn stream<P: Provider>(calls: Arc<Calls<P>>, request: Request) -> BoxStream<Event> {
    let call = calls.begin("InvokeAction", &request.action_type);
    let invoke = |call: Call, events| async move { calls.invoke(&call, request, events).await };
    events::stream(call, invoke, completed)
}

fn completed(diagnostics: &Diagnostics) -> Event {
    Event { r#type: Some(Type::Completed(Completed { diagnostics: wire::diagnostics(diagnostics) })) }
}
