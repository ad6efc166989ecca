//! The placement profile of a group: which places there are for its shadows, and what matters.

use crate::resources::{defaults_of, object, objects, size};
use serde_json::{Value as Json, json};
use shadow_core::model::placement::{CandidateSpec, PlacementProfileSpec};
use terraform_provider_framework::Attribute;

pub(super) fn profile() -> Attribute {
    let defaults = defaults_of::<PlacementProfileSpec>(json!({"candidates": {}}));
    let method = "How data is replicated to shadows placed so, as in the policy's `synchronization.method`. The policy's \
        when left out.";
    let spread = "Whether each shadow goes to the zone that has the fewest of them.";
    let latency = "Greatest network latency of a place to the clients, in milliseconds. Any when left out.";
    let cost =
        "Greatest hourly cost of all shadows, in the currency in which candidates tell theirs. Any when left out.";
    object(
        "How places for shadows are chosen, as `shadow_placement` shows. The reconciler itself does not act upon it yet: it \
         asks for what `placement` says. None when left out.",
        [
            (
                "shadow_count",
                Attribute::number("How many shadows are wanted.")
                    .integer(1, 10)
                    .with_default_of(&defaults["shadow_count"]),
            ),
            (
                "replica_priority",
                Attribute::number("Order across groups when places are scarce; higher goes first. A whole number.")
                    .with_default_of(&defaults["replica_priority"]),
            ),
            ("triggers", triggers(&defaults["triggers"])),
            ("sync_method", Attribute::string(method)),
            ("spread", Attribute::bool(spread).with_default_of(&defaults["spread"])),
            ("latency_ms_max", Attribute::number(latency).range(0.0, 1e6)),
            ("hourly_cost_max", Attribute::number(cost).range(0.0, 1e15)),
            ("candidates", candidates()),
        ],
    )
}

fn triggers(defaults: &Json) -> Attribute {
    let share = |of: &str| {
        Attribute::number(&format!(
            "Share of the {of} in use above which a shadow is wanted, in percent. Never when left out."
        ))
        .range(0.0, 100.0)
    };
    let predictive = "Whether a forecast calls for a shadow.";
    object(
        "What calls for a shadow. At least one of them.",
        [
            ("cpu_percent", share("CPU")),
            ("memory_percent", share("memory")),
            ("network_percent", share("network's bandwidth")),
            ("predictive", Attribute::bool(predictive).with_default_of(&defaults["predictive"])),
        ],
    )
    .with_default_of(defaults)
}

fn candidates() -> Attribute {
    let defaults = defaults_of::<CandidateSpec>(json!({"zone": ""}));
    let bounded = |name: &str, description: &str, max: f64| {
        Attribute::number(description).range(0.0, max).with_default_of(&defaults[name])
    };
    let licences = "Free licences. None are needed when left out.";
    let priority = "Places of a higher one are taken first. A whole number.";
    objects(
        "The places, by a name of your own: 1 to 256.",
        [
            ("zone", Attribute::string("Its failure domain.").required()),
            ("region", Attribute::string("Its region. Left to the module when left out.")),
            ("host", Attribute::string("A host in it. Left to the module when left out.")),
            ("instance_class", Attribute::string("Class of its instances. Left to the module when left out.")),
            ("capacity", size("What is free there.", "No limit", &defaults["capacity"])),
            ("latency_ms", bounded("latency_ms", "Network latency to the clients, in milliseconds.", 1e6)),
            (
                "data_latency_ms",
                bounded("data_latency_ms", "Network latency to the source of the data, in milliseconds.", 1e6),
            ),
            ("licences", Attribute::number(licences).integer(0, 1_000_000)),
            (
                "hourly_cost",
                bounded("hourly_cost", "Cost of an instance for an hour, in a currency of your choice.", 1e15),
            ),
            ("health", bounded("health", "How well its zone is, from 0 (down) to 1.", 1.0)),
            ("priority", Attribute::number(priority).with_default_of(&defaults["priority"])),
        ],
    )
    .required()
}
