//! Calls about resources. Whatever goes wrong, Terraform is told of everything that exists.

use super::calls::Calls;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Change, Context, Failure, Resource};
use crate::value::{DynamicForm, Value};
use crate::{planning, validation, wire};
use serde_json::Value as Json;

impl<P: Provider> Calls<P> {
    pub(super) fn validate_resource_config(
        &self,
        request: proto::validate_resource_config::Request,
    ) -> Result<proto::validate_resource_config::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let mut found = validation::validate(&entry.schema, &config);
        // What a schema refuses cannot be read as the document that the resource checks.
        if !found.has_errors() {
            found.extend(entry.implementation.validate(&config));
        }
        Ok(proto::validate_resource_config::Response { diagnostics: wire::diagnostics(&found) })
    }

    pub(super) fn upgrade_resource_state(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> Result<proto::upgrade_resource_state::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        if request.version > entry.schema.version {
            return Err(newer_state(&request.type_name));
        }
        let raw = request.raw_state.unwrap_or_default();
        let json: Json = serde_json::from_slice(&raw.json).map_err(|error| broken_state(&error.to_string()))?;
        let json = entry.implementation.upgrade(request.version, json)?;
        let state = Value::from_json(&json, &entry.ty, DynamicForm::Tagged)
            .map_err(|mismatch| broken_state(&mismatch.to_string()))?;
        let upgraded_state = Some(wire::encode(&state, &entry.ty)?);
        Ok(proto::upgrade_resource_state::Response { upgraded_state, diagnostics: Vec::new() })
    }

    pub(super) async fn read_resource(
        &self,
        request: proto::read_resource::Request,
    ) -> Result<proto::read_resource::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let state = wire::decode(request.current_state, &entry.ty)?;
        let before = state.clone();
        let read = entry.implementation.read(&self.context()?, state).await?;
        let state = read.map_or(Value::Null, |state| state.with_types_of(&before));
        Ok(proto::read_resource::Response {
            new_state: Some(wire::encode(&state, &entry.ty)?),
            private: request.private,
            ..proto::read_resource::Response::default()
        })
    }

    pub(super) fn plan_resource_change(
        &self,
        request: proto::plan_resource_change::Request,
    ) -> Result<proto::plan_resource_change::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let prior = wire::decode(request.prior_state, &entry.ty)?;
        let config = wire::decode(request.config, &entry.ty)?;
        let proposed = wire::decode(request.proposed_new_state, &entry.ty)?;
        let mut response = proto::plan_resource_change::Response {
            planned_private: request.prior_private,
            ..proto::plan_resource_change::Response::default()
        };
        if proposed.is_null() {
            response.planned_state = Some(wire::encode(&Value::Null, &entry.ty)?);
            return Ok(response);
        }
        let planned = planning::propose(&entry.schema, &prior, proposed, &config);
        let mut change = Change { prior, config, planned };
        let found = entry.implementation.plan(&self.context()?.client, &mut change);
        let replacements = planning::replacements(&entry.schema, &change.prior, &change.planned);
        response.diagnostics = wire::diagnostics(&found);
        response.requires_replace = replacements.iter().map(wire::path).collect();
        response.planned_state = Some(wire::encode(&change.planned, &entry.ty)?);
        Ok(response)
    }

    pub(super) async fn apply_resource_change(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let change = Change {
            prior: wire::decode(request.prior_state, &entry.ty)?,
            config: wire::decode(request.config, &entry.ty)?,
            planned: wire::decode(request.planned_state, &entry.ty)?,
        };
        let (state, diagnostics) = apply(entry.implementation.as_ref(), &self.context()?, change).await;
        Ok(proto::apply_resource_change::Response {
            new_state: Some(wire::encode(&state, &entry.ty)?),
            private: request.planned_private,
            diagnostics: wire::diagnostics(&diagnostics),
            ..proto::apply_resource_change::Response::default()
        })
    }

    pub(super) async fn import_resource_state(
        &self,
        request: proto::import_resource_state::Request,
    ) -> Result<proto::import_resource_state::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        let state = entry.implementation.import(&self.context()?, &request.id).await?;
        let imported = proto::import_resource_state::ImportedResource {
            type_name: request.type_name,
            state: Some(wire::encode(&state, &entry.ty)?),
            ..proto::import_resource_state::ImportedResource::default()
        };
        Ok(proto::import_resource_state::Response {
            imported_resources: vec![imported],
            ..proto::import_resource_state::Response::default()
        })
    }
}

/// What exists after the change, whether or not it succeeded.
async fn apply<C: Send + Sync + 'static>(
    resource: &dyn Resource<C>,
    context: &Context<C>,
    change: Change,
) -> (Value, Diagnostics) {
    let prior = change.prior.clone();
    let result = if change.planned.is_null() {
        resource.delete(context, change.prior).await.map(|()| Value::Null).map_err(Failure::from)
    } else if change.is_creation() {
        resource.create(context, change).await
    } else {
        resource.update(context, change).await
    };
    let (state, mut diagnostics) = match result {
        Ok(state) => (state, Diagnostics::none()),
        Err(Failure { state, diagnostics }) => (state.unwrap_or(prior), diagnostics),
    };
    if state.has_unknown() && !diagnostics.has_errors() {
        diagnostics.push(Diagnostic::bug("It left a value unknown after apply"));
    }
    (state.with_unknown_as(&Value::Null), diagnostics)
}

fn newer_state(type_name: &str) -> Diagnostics {
    let detail = format!("The state of this {type_name} was written by a newer version of the provider: use that one.");
    Diagnostic::error("State from the future", detail).into()
}

fn broken_state(error: &str) -> Diagnostics {
    let detail = format!("{error}. Restore an earlier state, or remove the resource from the state and import it.");
    Diagnostic::error("The state cannot be read", detail).into()
}
