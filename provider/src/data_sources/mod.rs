//! The data sources, one file each.

mod group_status;

use crate::client::Client;
use terraform_provider_framework::{DataSource, Named};

/// Every data source by its type name.
pub(crate) fn all() -> Named<dyn DataSource<Client>> {
    vec![("shadow_group_status", Box::new(group_status::GroupStatus::new()))]
}
