//! The ephemeral resources, one file each.

mod token;

use crate::client::Client;
use terraform_provider_framework::{EphemeralResource, Named};

/// Every ephemeral resource by its type name.
pub(crate) fn all() -> Named<dyn EphemeralResource<Client>> {
    vec![("shadow_token", Box::new(token::ApiToken))]
}
