//! What tells resources apart, on the wire: the schemas of identities, and the identity in a state.

use super::calls::Calls;
use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::value::Value;
use crate::wire;

impl<P: Provider> Calls<P> {
    pub(super) fn identity_schemas(&self) -> proto::get_resource_identity_schemas::Response {
        let schema = |(name, identity): (&&'static str, &_)| ((*name).to_owned(), wire::identity(identity));
        let identity_schemas = self.identities.iter().map(schema).collect();
        proto::get_resource_identity_schemas::Response { identity_schemas, diagnostics: Vec::new() }
    }

    /// The identity in a state or plan; none for types without, or while it is not known.
    pub(super) fn identity_of(
        &self,
        type_name: &str,
        state: &Value,
    ) -> Result<Option<proto::ResourceIdentityData>, Diagnostics> {
        let Some(schema) = self.identities.get(type_name) else { return Ok(None) };
        let Some(identity) = schema.of_state(state) else { return Ok(None) };
        let identity_data = Some(wire::encode(&identity, &schema.object_type())?);
        Ok(Some(proto::ResourceIdentityData { identity_data }))
    }
}
