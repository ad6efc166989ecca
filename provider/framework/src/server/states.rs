//! Calls about states that were not written by the present schema: older ones, and those of other
//! types. No number in them is rounded.

use super::calls::Calls;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::Moved;
use crate::value::{Type, Value};
use crate::{secrets, wire};
use serde_json::Value as Json;

impl<P: Provider> Calls<P> {
    pub(super) fn upgrade_resource_state(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> Result<proto::upgrade_resource_state::Response, Diagnostics> {
        let entry = self.resource(&request.type_name)?;
        if request.version > entry.schema.version {
            return Err(newer("state", &request.type_name));
        }
        let old = document(request.raw_state)?;
        let mut state = value(&entry.implementation.upgrade(request.version, old)?, &entry.ty)?;
        secrets::forget_write_only(&entry.schema.attributes, &mut state);
        let upgraded_state = Some(wire::encode(&state, &entry.ty)?);
        Ok(proto::upgrade_resource_state::Response { upgraded_state, diagnostics: Vec::new() })
    }

    pub(super) fn upgrade_resource_identity(
        &self,
        request: proto::upgrade_resource_identity::Request,
    ) -> Result<proto::upgrade_resource_identity::Response, Diagnostics> {
        let (entry, identity) = (self.resource(&request.type_name)?, self.identity(&request.type_name)?);
        if request.version > identity.version {
            return Err(newer("identity", &request.type_name));
        }
        let old = document(request.raw_identity)?;
        let ty = identity.object_type();
        let upgraded = value(&entry.implementation.upgrade_identity(request.version, old)?, &ty)?;
        let identity_data = Some(wire::encode(&upgraded, &ty)?);
        let upgraded_identity = Some(proto::ResourceIdentityData { identity_data });
        Ok(proto::upgrade_resource_identity::Response { upgraded_identity, diagnostics: Vec::new() })
    }

    pub(super) fn move_resource_state(
        &self,
        request: proto::move_resource_state::Request,
    ) -> Result<proto::move_resource_state::Response, Diagnostics> {
        let entry = self.resource(&request.target_type_name)?;
        let source = Moved {
            provider_address: request.source_provider_address,
            type_name: request.source_type_name,
            schema_version: request.source_schema_version,
            state: document(request.source_state)?,
        };
        let refusal = unmovable(&source, &request.target_type_name);
        let moved = entry.implementation.move_from(source).ok_or(refusal)??;
        let mut state = value(&moved, &entry.ty)?;
        secrets::forget_write_only(&entry.schema.attributes, &mut state);
        Ok(proto::move_resource_state::Response {
            target_state: Some(wire::encode(&state, &entry.ty)?),
            target_identity: self.identity_of(&request.target_type_name, &state)?,
            ..proto::move_resource_state::Response::default()
        })
    }
}

fn document(raw: Option<proto::RawState>) -> Result<Json, Diagnostics> {
    let raw = raw.unwrap_or_default();
    if !raw.flatmap.is_empty() {
        return Err(broken("it is in the form of Terraform 0.11"));
    }
    wire::json_document(&raw.json).map_err(|error| broken(&error))
}

fn value(json: &Json, ty: &Type) -> Result<Value, Diagnostics> {
    wire::state(json, ty).map_err(|error| broken(&error))
}

fn newer(what: &str, type_name: &str) -> Diagnostics {
    let detail =
        format!("The {what} of this {type_name} was written by a newer version of the provider: use that one.");
    Diagnostic::error(format!("The {what} is from the future"), detail).into()
}

fn broken(error: &str) -> Diagnostics {
    let detail = format!("{error}. Restore an earlier state, or remove the resource from the state and import it.");
    Diagnostic::error("The state cannot be read", detail).into()
}

fn unmovable(source: &Moved, target: &str) -> Diagnostics {
    let detail = format!(
        "A {} of {} cannot become a {target}. Remove the moved block; remove the old resource from the state and import \
         the new one instead.",
        source.type_name, source.provider_address
    );
    Diagnostic::error("This resource cannot be moved", detail).into()
}
