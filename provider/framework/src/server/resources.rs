//! Calls about resources: checking, reading, planning, changing, importing. Whatever goes wrong,
//! Terraform is told of everything that exists.

use super::bounds::{Ended, GRACE, Reason, bounded};
use super::calls::{Call, Calls, Entry};
use crate::context::Context;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Change, Failure, Resource};
use crate::schema::Defaults;
use crate::timeouts::Operation;
use crate::value::Value;
use crate::{generation, implied, planning, secrets, wire};

impl<P: Provider> Calls<P> {
    pub(super) fn validate_resource_config(
        &self,
        request: proto::validate_resource_config::Request,
    ) -> Result<proto::validate_resource_config::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        secrets::mask(&entry.schema.attributes, &config);
        let mut found = entry.validate(&config, |it| it.validate(&config));
        found.extend(entry.implementation.timeouts().validate(&config));
        if !request.client_capabilities.unwrap_or_default().write_only_attributes_allowed {
            found.extend(secrets::refuse_write_only(&entry.schema.attributes, &config));
        }
        Ok(proto::validate_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) async fn read_resource(
        &self,
        call: &Call,
        request: proto::read_resource::Request,
    ) -> Result<proto::read_resource::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let before = wire::decode(request.current_state.clone(), &entry.ty)?;
        let context = self.context(call, request.private.clone())?;
        if deferrals_allowed(request.client_capabilities)
            && let Some(deferral) = entry.implementation.deferral(&context.client, &before)
        {
            return Ok(proto::read_resource::Response {
                new_state: request.current_state,
                private: request.private,
                deferred: Some(wire::deferred(deferral)),
                new_identity: request.current_identity,
                ..proto::read_resource::Response::default()
            });
        }
        let state = read(entry, &context, &before).await?;
        let aside = context.take_aside();
        Ok(proto::read_resource::Response {
            new_state: Some(wire::encode(&state, &entry.ty)?),
            diagnostics: wire::diagnostics(&aside.warnings),
            private: aside.private,
            new_identity: self.identity_of(&request.type_name, &state)?,
            deferred: None,
        })
    }

    pub(super) async fn plan_resource_change(
        &self,
        call: &Call,
        request: proto::plan_resource_change::Request,
    ) -> Result<proto::plan_resource_change::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let prior = wire::decode(request.prior_state, &entry.ty)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let proposed = wire::decode(request.proposed_new_state, &entry.ty)?;
        let mut response = proto::plan_resource_change::Response {
            planned_private: request.prior_private.clone(),
            ..proto::plan_resource_change::Response::default()
        };
        if proposed.is_null() {
            response.planned_state = Some(wire::encode(&Value::Null, &entry.ty)?);
            response.planned_identity = request.prior_identity;
            return Ok(response);
        }
        let context = self.context(call, request.prior_private)?;
        if deferrals_allowed(request.client_capabilities) {
            response.deferred = entry.implementation.deferral(&context.client, &config).map(wire::deferred);
        }
        let planned = planning::propose(&entry.schema, &prior, proposed, &config);
        let mut change = Change { prior, config, planned };
        let mut found = entry.implementation.plan(&context, &mut change).await;
        let aside = context.take_aside();
        found.extend(aside.warnings);
        secrets::forget_write_only(&entry.schema.attributes, &mut change.planned);
        let replacements = planning::replacements(&entry.schema, &change.prior, &change.planned);
        response.planned_private = aside.private;
        response.diagnostics = wire::diagnostics(&found);
        response.requires_replace = replacements.iter().map(wire::path).collect();
        response.planned_state = Some(wire::encode(&change.planned, &entry.ty)?);
        response.planned_identity = self.identity_of(&request.type_name, &change.planned)?;
        Ok(response)
    }

    pub(super) async fn apply_resource_change(
        &self,
        call: &Call,
        request: proto::apply_resource_change::Request,
    ) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let change = Change {
            prior: wire::decode(request.prior_state, &entry.ty)?,
            config: wire::decode(request.config, &entry.ty)?,
            planned: wire::decode(request.planned_state, &entry.ty)?,
        };
        secrets::mask(&entry.schema.attributes, &change.config);
        let context = self.context(call, request.planned_private)?;
        let (mut state, mut diagnostics) = apply(entry.implementation.as_ref(), &context, change).await;
        secrets::forget_write_only(&entry.schema.attributes, &mut state);
        let aside = context.take_aside();
        diagnostics.extend(aside.warnings);
        Ok(proto::apply_resource_change::Response {
            new_state: Some(wire::encode(&state, &entry.ty)?),
            private: aside.private,
            diagnostics: wire::diagnostics(&diagnostics),
            new_identity: self.identity_of(&request.type_name, &state)?,
            ..proto::apply_resource_change::Response::default()
        })
    }

    pub(super) async fn import_resource_state(
        &self,
        call: &Call,
        request: proto::import_resource_state::Request,
    ) -> Result<proto::import_resource_state::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let context = self.context(call, Vec::new())?;
        let id = match request.identity.and_then(|identity| identity.identity_data) {
            Some(identity) => {
                let ty = self.identity(&request.type_name)?.object_type();
                entry.implementation.import_id(&wire::decode(Some(identity), &ty)?)?
            }
            None => request.id,
        };
        let import = entry.implementation.import(&context, &id);
        let state = bounded(&context.cancellation, None, GRACE, import).await.done()?;
        let aside = context.take_aside();
        let imported = proto::import_resource_state::ImportedResource {
            state: Some(wire::encode(&state, &entry.ty)?),
            private: aside.private,
            identity: self.identity_of(&request.type_name, &state)?,
            type_name: request.type_name,
        };
        Ok(proto::import_resource_state::Response {
            imported_resources: vec![imported],
            diagnostics: wire::diagnostics(&aside.warnings),
            deferred: None,
        })
    }

    pub(super) fn generate_resource_config(
        &self,
        request: proto::generate_resource_config::Request,
    ) -> Result<proto::generate_resource_config::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let config = generation::configuration(&entry.schema, wire::decode(request.state, &entry.ty)?);
        let config = Some(wire::encode(&config, &entry.ty)?);
        Ok(proto::generate_resource_config::Response { config, diagnostics: Vec::new() })
    }
}

fn deferrals_allowed(capabilities: Option<proto::ClientCapabilities>) -> bool {
    capabilities.unwrap_or_default().deferral_allowed
}

/// The state of what exists; null when it is gone.
async fn read<C: Send + Sync + 'static>(
    entry: &Entry<dyn Resource<C>>,
    context: &Context<C>,
    before: &Value,
) -> Result<Value, Diagnostics> {
    let timeouts = entry.implementation.timeouts();
    let limit = timeouts.of(Operation::Read, before);
    let work = entry.implementation.read(context, before.clone());
    let state = bounded(&context.cancellation, limit, GRACE, work).await.done()?;
    let mut state = state.map_or(Value::Null, |state| timeouts.kept(state.with_types_of(before), before));
    if entry.schema.defaults == Defaults::Implied {
        state = implied::recalled(&entry.schema.attributes, state, before);
    }
    secrets::forget_write_only(&entry.schema.attributes, &mut state);
    Ok(state)
}

/// What exists after the change, whether or not it succeeded.
async fn apply<C: Send + Sync + 'static>(
    resource: &dyn Resource<C>,
    context: &Context<C>,
    change: Change,
) -> (Value, Diagnostics) {
    let operation = operation(&change);
    let bounds = if operation == Operation::Delete { &change.prior } else { &change.planned };
    let timeouts = resource.timeouts();
    let limit = timeouts.of(operation, bounds);
    // What is remembered of a creation that was given up: it may well have come to be.
    let (prior, planned) = (change.prior.clone(), change.planned.clone());
    let work = carry_out(resource, context, change);
    let Ended { result, reason } = bounded(&context.cancellation, limit, GRACE, work).await;
    let kept = |state| timeouts.kept(state, &planned);
    let (state, mut diagnostics) = match result {
        Some(Ok(state)) => (kept(state), Diagnostics::none()),
        Some(Err(Failure { state, diagnostics })) => {
            // Work that only warns of what it could not wait for has not failed.
            let why = reason.filter(|reason| *reason != Reason::Interrupted && diagnostics.has_errors());
            let why = why.map(Reason::diagnostic);
            (state.map_or(prior, kept), diagnostics.into_iter().chain(why).collect())
        }
        None => {
            let why = reason.map(Reason::diagnostic).into_iter().collect();
            (if operation == Operation::Create { planned } else { prior }, why)
        }
    };
    if state.has_unknown() && !diagnostics.has_errors() {
        diagnostics.push(Diagnostic::bug("It left a value unknown after apply"));
    }
    (state.with_unknown_as(&Value::Null), diagnostics)
}

fn operation(change: &Change) -> Operation {
    if change.planned.is_null() {
        Operation::Delete
    } else if change.is_creation() {
        Operation::Create
    } else {
        Operation::Update
    }
}

async fn carry_out<C: Send + Sync + 'static>(
    resource: &dyn Resource<C>,
    context: &Context<C>,
    change: Change,
) -> Result<Value, Failure> {
    if change.planned.is_null() {
        Ok(resource.delete(context, change.prior).await.map(|()| Value::Null)?)
    } else if change.is_creation() {
        resource.create(context, change).await
    } else {
        resource.update(context, change).await
    }
}
