//! The data sources, one file each. They read, and nothing that they read is stored in a resource.

mod backtest;
mod forecast;
mod group_status;
mod placement;

use crate::client::Client;
use crate::documents;
use serde_json::Value as Json;
use terraform_provider_framework::{Context, DataSource, Diagnostic, Diagnostics, Named, Path, Value};

/// Every data source by its type name.
pub(crate) fn all() -> Named<dyn DataSource<Client>> {
    vec![
        ("shadow_group_status", Box::new(group_status::GroupStatus::new())),
        ("shadow_forecast", Box::new(forecast::Forecast::new())),
        ("shadow_placement", Box::new(placement::Placement::new())),
        ("shadow_backtest", Box::new(backtest::Backtest::new())),
    ]
}

/// What the reconciler tells of the group that a configuration names.
async fn of_group(context: &Context<Client>, config: &Value, what: &str) -> Result<Json, Diagnostics> {
    let name = config.get("group").as_str().unwrap_or_default();
    documents::check_name(name, "group")?;
    let path = format!("/v1/groups/{name}/{what}");
    let told: Option<Json> = context.client.reconciler()?.get(&path, &context.cancellation).await?;
    told.ok_or_else(|| {
        let detail = format!("The reconciler has no group {name:?}. Declare it with shadow_group.");
        Diagnostic::error("No such group", detail).at(Path::attribute("group")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use terraform_provider_framework::schema::{Attributes, Kind};

    fn described(attributes: &Attributes, path: &str) {
        for (name, attribute) in attributes {
            let (path, text) = (format!("{path}.{name}"), attribute.full_description());
            assert!(text.len() > 3 && text.ends_with('.'), "{path}: {text:?}");
            if let Kind::Nested(_, attributes) = &attribute.kind {
                described(attributes, &path);
            }
        }
    }

    #[test]
    fn every_attribute_is_described() {
        for (name, source) in all() {
            described(&source.schema().attributes, name);
        }
    }
}
