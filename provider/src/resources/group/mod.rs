//! `shadow_group`: one service, its primary, its signals and the modules that make its shadows.

mod placement;

use super::declaration::{Declaration, Document};
use super::{id, name, object, objects, port, recorded, size, texts};
use crate::client::Kind;
use shadow_core::model::group::{Placement, TRANSITIONS};
use shadow_core::model::signal::UNITS;
use shadow_core::model::size::Size;
use shadow_core::model::{GroupSpec, Problems, Resource};
use std::collections::BTreeMap;
use std::time::Duration;
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::timeouts::{self, Operation, Timeouts};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, Schema, Value};

pub(super) fn group() -> Declaration {
    Declaration {
        timeouts: bounds(),
        references: &[("policy", Kind::Policy), ("calendars", Kind::Calendar)],
        ..Declaration::of::<GroupSpec>(Kind::Group, schema())
    }
}

impl Document for GroupSpec {
    fn checked(self) -> Result<(), Problems> {
        // Only the reconciler knows the generation, and no check depends on it.
        const ANY_GENERATION: u64 = 0;
        self.check(ANY_GENERATION).map(|_group| ())
    }
}

/// Time until what was made for a retired group is gone, where the user gives none: a run of Terraform has as much.
const RETIREMENT: Duration = Duration::from_secs(3600);

/// Which operations users may bound: the one that waits for instances to be destroyed.
fn bounds() -> Timeouts {
    Timeouts::none().with(Operation::Delete, RETIREMENT)
}

fn schema() -> Schema {
    let size_defaults = serde_json::to_value(Size::default()).unwrap_or_default();
    let calendars = "Names of the `shadow_calendar`s whose events affect it, beside those that name it.";
    Schema::new(
        "One service that deserves a shadow: its primary, what is measured, and the modules that make an instance and \
         move its traffic. A declaration: the reconciler acts on it, Terraform stores it. Destroying it asks the \
         reconciler to retire the group; that never destroys a serving instance, and is refused while a slot other \
         than the original carries traffic. What is left out has its default, and is null in the state.",
        attributes([
            ("id", id()),
            ("name", name("within the reconciler")),
            ("policy", Attribute::string("Name of the `shadow_policy`.").required()),
            ("primary", primary()),
            ("signals", signals()),
            ("instance", module("The module that makes an instance (contract protocol 1).")),
            ("traffic", module("The module that sets the weights (contract protocol 1).")),
            ("size", size("Size asked for a shadow.", "Left to the module", &size_defaults)),
            ("placement", placement()),
            ("placement_profile", placement::profile()),
            ("sync", sync()),
            ("members", members()),
            ("calendars", texts(calendars).with_default(Value::List(Vec::new()))),
            ("sinks", sinks()),
            (timeouts::NAME, bounds().attribute()),
        ]),
    )
    .with_implied_defaults()
}

fn primary() -> Attribute {
    object("The instance that serves today. It stays yours: the reconciler never changes or destroys it.", serving())
        .required()
}

fn members() -> Attribute {
    let members = objects(
        "Other instances that serve beside the primary today, by the slots that they have: `b`, `c` and so on; `a` is the \
         primary's.",
        serving(),
    );
    recorded(members).with_default(Value::Map(BTreeMap::new()))
}

/// An instance of the user's own.
fn serving() -> [(&'static str, Attribute); 5] {
    let health = "Path of an HTTP check that answers 2xx or 3xx when it is well. No check when left out.";
    [
        ("instance_id", Attribute::string("What `$instance` stands for in queries.").required()),
        ("address", Attribute::string("IP address or host name at which it serves.").required()),
        ("port", port("TCP port at which it serves.").required()),
        ("health_path", Attribute::string(health)),
        ("zone", Attribute::string("Failure domain that shadows avoid. Unknown when left out.")),
    ]
}

fn sinks() -> Attribute {
    let classes = TRANSITIONS.map(|class| format!("`{class}`")).join(", ");
    let description = format!(
        "Addresses that are told of transitions, as http or https URLs by class of transition: {classes}. At most 16 of a \
         class. Not for secrets."
    );
    let sinks = Attribute::new(Type::map(Type::list(Type::String)), &description);
    recorded(sinks).with_default(Value::Map(BTreeMap::new()))
}

fn signals() -> Attribute {
    let units = UNITS.map(|(unit, _suffix)| unit);
    let measured =
        Resource::ALL.map(|resource| format!("`{resource}` by a signal in `{}`", resource.unit())).join(", ");
    let resource = format!(
        "Part of a shadow's size that follows the forecast of this signal, which measures how much an instance uses: \
         {measured}. At most one signal each. None when left out."
    );
    objects(
        "What is measured and where its limits are, by a name of your own. At least one.",
        [
            (
                "query",
                Attribute::string(
                    "PromQL that yields one series. `$instance`, `$slot` and `$group` are replaced; one of the first \
                     two must occur.",
                )
                .required(),
            ),
            ("limit", Attribute::number("Value at which the service no longer does its job, in `unit`.").required()),
            (
                "direction",
                Attribute::string("On which side of the limit the trouble lies.")
                    .one_of(&["above", "below"])
                    .with_default("above"),
            ),
            ("unit", Attribute::string("Unit of the query's values and of the limit.").one_of(&units).required()),
            (
                "kind",
                Attribute::string(
                    "What the query yields. A `gauge` is watched as it is; `rate(…)` yields one. A `counter` only grows, \
                     but for restarts: its query is a metric with labels alone, and what is watched, and compared with \
                     the limit, is by how much it grows in a second, over two minutes.",
                )
                .one_of(&["gauge", "counter"])
                .with_default("gauge"),
            ),
            ("resource", Attribute::string(&resource).one_of(&Resource::ALL.map(Resource::name))),
        ],
    )
    .required()
}

fn module(description: &str) -> Attribute {
    let params = "Passed to the module as `params`, unread: a value of any form. Not for secrets. Null when left out.";
    object(
        description,
        [
            (
                "source",
                Attribute::string(
                    "As in a `module` block: an absolute path, a registry address or a URL. Must be on the \
                     reconciler's allow-list.",
                )
                .required(),
            ),
            ("version", Attribute::string("Version constraint, for registry modules. The newest when left out.")),
            ("params", Attribute::new(Type::Dynamic, params)),
        ],
    )
    .required()
}

fn placement() -> Attribute {
    let part = |what: &str| Attribute::string(&format!("{what}. Left to the module when left out."));
    object(
        "Where a shadow goes. Left to the module where left out.",
        [
            ("region", part("Region")),
            ("zone", part("Zone, another one than the primary's")),
            ("host", part("Host")),
            ("instance_class", part("Instance class")),
        ],
    )
    .with_default_of(&serde_json::to_value(Placement::default()).unwrap_or_default())
}

fn sync() -> Attribute {
    let query =
        |what: &str| Attribute::string(&format!("PromQL that yields {what}; `$instance` is the shadow's.")).required();
    object(
        "Queries that say how far a shadow's data is behind. None when left out: the service has no data of its own.",
        [
            ("lag_seconds", query("the lag in seconds")),
            ("lag_bytes", query("the lag in bytes")),
            ("position", query("a number that grows while data arrives; one that stands still is a stall")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents;
    use serde_json::{Value as Json, json};
    use terraform_provider_framework::Resource as _;
    use terraform_provider_framework::value::DynamicForm;

    fn example() -> Json {
        json!({
            "name": "checkout", "policy": "default",
            "primary": {"instance_id": "i-1", "address": "10.0.0.1", "port": 8080, "zone": "eu-1a"},
            "signals": {"latency": {"query": "probe_seconds{instance=\"$instance\"}", "limit": 0.5, "unit": "seconds"}},
            "instance": {"source": "/modules/instance", "params": {"words": ["a"], "none": null}},
            "traffic": {"source": "/modules/traffic"},
        })
    }

    fn config(json: &Json) -> Value {
        Value::from_json(json, &schema().object_type(), DynamicForm::Plain).unwrap()
    }

    #[test]
    fn a_document_survives_the_way_through_terraform() {
        let spec: GroupSpec = serde_json::from_value(example()).unwrap();
        let value = documents::stored::<GroupSpec>(serde_json::to_value(&spec).unwrap(), &schema()).unwrap();
        let back: GroupSpec = documents::document(&value, &schema()).unwrap();
        assert_eq!(back, spec);
    }

    #[test]
    fn a_problem_is_found_although_something_else_is_unknown() {
        let mut wrong = example();
        wrong["signals"]["latency"]["unit"] = json!("bytes");
        let mut config = config(&wrong);
        let mut primary = config.get("primary").clone();
        primary.put("address", Value::Unknown);
        primary.put("zone", Value::Unknown);
        config.put("primary", primary);
        let found = group().validate(&config);
        let paths: Vec<String> = found.iter().map(|it| it.path.to_string()).collect();
        assert_eq!(paths, [r#"signals["latency"].unit"#]);
    }

    #[test]
    fn what_is_unknown_is_never_a_problem() {
        let schema = schema();
        for name in schema.attributes.keys().filter(|name| *name != "id") {
            let mut config = config(&example());
            config.put(name, Value::Unknown);
            assert!(group().validate(&config).is_empty(), "{name}");
        }
        let mut config = config(&example());
        let mut latency = config.get("signals").get("latency").clone();
        latency.put("query", Value::Unknown);
        config.put("signals", Value::Map([("latency".to_owned(), latency)].into()));
        assert!(group().validate(&config).is_empty());
    }
}
