//! `shadow_placement`: where the shadows of a group would go, and why not elsewhere. A dry run.

use crate::client::Client;
use crate::documents;
use serde_json::Value as Json;
use terraform_provider_framework::schema::{Nesting, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, Context, DataSource, Diagnostics, Schema, Value, async_trait};

pub(super) struct Placement {
    schema: Schema,
}

impl Placement {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }
}

#[async_trait]
impl DataSource<Client> for Placement {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    async fn read(&self, context: &Context<Client>, config: Value) -> Result<Value, Diagnostics> {
        let mut placement: Json = super::of_group(context, &config, "placement").await?;
        placement["group"] = config.get("group").as_str().into();
        documents::value(&placement, &self.schema)
    }
}

fn schema() -> Schema {
    let choice = attributes([
        ("candidate", Attribute::string("Its name in the group's `placement_profile`.").computed()),
        ("zone", Attribute::string("Its failure domain.").computed()),
        ("reason", Attribute::string("What decided over the next best candidate.").computed()),
    ]);
    let rejected = "Why no shadow goes there, every reason, for each candidate that is not chosen.";
    Schema::new(
        "Where the shadows of a group would go by its `placement_profile`, and why not elsewhere. A dry run: nothing is \
         reserved or made.",
        attributes([
            ("group", Attribute::string("Name of the `shadow_group`.").required()),
            (
                "chosen",
                Attribute::nested(Nesting::List, choice, "Places in the order in which they are taken.").computed(),
            ),
            ("rejected", Attribute::new(Type::map(Type::list(Type::String)), rejected).computed()),
            (
                "hourly_cost",
                Attribute::number("Cost of all shadows for an hour, in the currency of the candidates.").computed(),
            ),
            ("missing", Attribute::number("Number of shadows that are wanted and have no place.").computed()),
        ]),
    )
}
