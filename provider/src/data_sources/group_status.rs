//! `shadow_group_status`: what a group is doing. It is a data source because it moves by itself:
//! in a resource's state it would make every plan show a change.

use crate::client::Client;
use crate::documents;
use serde_json::{Value as Json, json};
use terraform_provider_framework::schema::{Nesting, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Value, async_trait,
};

pub(super) struct GroupStatus {
    schema: Schema,
}

impl GroupStatus {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }
}

#[async_trait]
impl DataSource<Client> for GroupStatus {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    async fn read(&self, context: &Context<Client>, config: Value) -> Result<Value, Diagnostics> {
        let name = config.get("name").as_str().unwrap_or_default();
        documents::check_name(name, "name")?;
        let path = format!("/v1/groups/{name}/status");
        let status: Option<Json> = context.client.reconciler()?.get(&path, &context.cancellation).await?;
        let Some(status) = status else {
            let detail = format!("The reconciler has no group {name:?}. Declare it with shadow_group.");
            return Err(Diagnostic::error("No such group", detail).into());
        };
        documents::value(&picked(name, &status), &self.schema)
    }
}

/// What this version knows of a status; a reconciler may tell more.
fn picked(name: &str, status: &Json) -> Json {
    let slots = status["slots"].as_object().into_iter().flatten();
    let slots: serde_json::Map<String, Json> = slots.map(|(key, slot)| (key.clone(), picked_slot(slot))).collect();
    json!({
        "name": name,
        "phase": status["phase"],
        "epoch": status["epoch"],
        "primary": status["primary"],
        "weights": status["weights"],
        "score": status["score"],
        "held": status["held"],
        "reason": status["reason"],
        "slots": slots,
    })
}

fn picked_slot(slot: &Json) -> Json {
    let instance = &slot["instance"];
    json!({
        "role": slot["role"],
        "managed": slot["managed"],
        "generation": slot["generation"],
        "instance_id": instance["instance_id"],
        "address": instance["endpoint"]["address"],
        "port": instance["endpoint"]["port"],
        "zone": instance["zone"],
    })
}

fn schema() -> Schema {
    let slot = attributes([
        (
            "role",
            Attribute::string("What it is to its group: `primary`, `shadow`, `standby` or `quarantined`.").computed(),
        ),
        ("managed", Attribute::bool("Whether the reconciler made it.").computed()),
        ("generation", Attribute::number("Generation of the declaration that it was made for.").computed()),
        ("instance_id", Attribute::string("Id of its instance. Null until there is one.").computed()),
        (
            "address",
            Attribute::string("IP address or host name at which it serves. Null until there is one.").computed(),
        ),
        ("port", Attribute::number("TCP port at which it serves. Null until there is one.").computed()),
        ("zone", Attribute::string("Failure domain of its instance, if told.").computed()),
    ]);
    let score = "Probability that the primary breaks its limits within the longest horizon, 0 to 1. Null before the \
        first evaluation.";
    Schema::new(
        "What a group is doing: its phase, its slots and why it acts or waits.",
        attributes([
            ("name", Attribute::string("Name of the `shadow_group`.").required()),
            ("phase", Attribute::string("Where it is on its way, such as `idle` or `watching`.").computed()),
            ("epoch", Attribute::number("Raised by each hand-over.").computed()),
            ("primary", Attribute::string("Slot that serves.").computed()),
            ("weights", Attribute::new(Type::map(Type::Number), "Shares of the traffic by slot.").computed()),
            ("score", Attribute::number(score).computed()),
            ("held", Attribute::bool("Whether a human holds it, so that it does nothing by itself.").computed()),
            ("reason", Attribute::string("Why it did or did not act when last evaluated.").computed()),
            ("slots", Attribute::nested(Nesting::Map, slot, "Its instances by slot.").computed()),
        ]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_leniently() {
        let status = json!({
            "phase": "idle", "epoch": 3, "primary": "a", "weights": {"a": 100}, "score": null, "held": false,
            "new_in_a_later_version": {"x": 1},
            "slots": {"a": {"role": "primary", "managed": false, "instance": {"endpoint": {"address": "h", "port": 80}}},
                      "b": {"role": "shadow", "instance": null}},
        });
        let value = documents::value(&picked("checkout", &status), &schema()).unwrap();
        assert_eq!(value.get("phase"), &Value::from("idle"));
        assert_eq!(value.get("score"), &Value::Null);
        assert_eq!(value.get("reason"), &Value::Null);
        assert_eq!(value.get("slots").get("a").get("port"), &Value::from(80_u32));
        assert_eq!(value.get("slots").get("b").get("address"), &Value::Null);
    }
}
