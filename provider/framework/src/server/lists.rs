//! Calls about list resources: finds go over the wire one by one, while the search goes on.

use super::calls::{Call, Calls};
use super::events;
use crate::diagnostics::Diagnostics;
use crate::list::{Find, Finds, Search};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::list_resource::{Event, Request};
use crate::provider::Provider;
use crate::wire;
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::codegen::BoxStream;

impl<P: Provider> Calls<P> {
    pub(super) fn validate_list_resource_config(
        &self,
        request: proto::validate_list_resource_config::Request,
    ) -> Result<proto::validate_list_resource_config::Response, Diagnostics> {
        let entry = self.list(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let found = entry.validate(&config, |it| it.validate(&config));
        Ok(proto::validate_list_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    async fn search(&self, call: &Call, request: Request, events: mpsc::Sender<Event>) -> Result<(), Diagnostics> {
        let entry = self.list(&request.type_name)?;
        let search =
            Search { config: wire::decode(request.config, &entry.ty)?, with_state: request.include_resource_object };
        let context = self.context(call, Vec::new())?;
        // Terraform always names a limit.
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let (finds, found) = Finds::new(limit);
        let search = entry.implementation.list(&context, search, finds);
        let (searched, sent) = tokio::join!(search, self.send(&request.type_name, found, events.clone()));
        let warnings = context.take_aside().warnings;
        if !warnings.is_empty() {
            events.send(told(&warnings)).await.ok();
        }
        searched.and(sent)
    }

    /// Sends finds until there are no more, or nobody wants them: dropping them ends the search.
    async fn send(
        &self,
        type_name: &str,
        mut finds: mpsc::Receiver<Find>,
        events: mpsc::Sender<Event>,
    ) -> Result<(), Diagnostics> {
        let (ty, identity) = (&self.resource(type_name)?.ty, self.identity(type_name)?.object_type());
        while let Some(find) = finds.recv().await {
            let identity_data = Some(wire::encode(&find.identity, &identity)?);
            let event = Event {
                identity: Some(proto::ResourceIdentityData { identity_data }),
                display_name: find.display_name,
                resource_object: find.state.map(|state| wire::encode(&state, ty)).transpose()?,
                diagnostic: Vec::new(),
            };
            if events.send(event).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Begins a search, whose finds, and whatever goes wrong, come as events.
pub(super) fn stream<P: Provider>(calls: Arc<Calls<P>>, request: Request) -> BoxStream<Event> {
    let call = calls.begin("ListResource", &request.type_name);
    let search = |call: Call, events| async move { calls.search(&call, request, events).await };
    events::stream(call, search, told)
}

fn told(diagnostics: &Diagnostics) -> Event {
    Event { diagnostic: wire::diagnostics(diagnostics), ..Event::default() }
}
