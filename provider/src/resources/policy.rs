//! `shadow_policy`: when a shadow is made and how traffic moves to it.

use super::declaration::Declaration;
use super::{defaults_of, duration, id, name, object, texts};
use crate::client::Kind;
use crate::documents;
use serde_json::{Value as Json, json};
use shadow_core::model::PolicySpec;
use shadow_core::model::policy::WarmupTask;
use terraform_provider_framework::schema::{Attributes, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, Diagnostic, Diagnostics, Schema, Value};

pub(super) fn policy() -> Declaration {
    Declaration { kind: Kind::Policy, schema: schema(), check, document, value }
}

/// Thresholds and times are compared with each other, so a policy is checked when all of it is known.
fn check(config: &Value, schema: &Schema) -> Diagnostics {
    if config.has_unknown() {
        return Diagnostics::none();
    }
    documents::check_known(config, schema, |spec: PolicySpec| spec.check().map(|_policy| ()))
}

fn document(value: &Value, schema: &Schema) -> Result<Json, Diagnostics> {
    let spec: PolicySpec = documents::document(value, schema)?;
    documents::accepted(spec.clone().check().map(|_policy| ()))?;
    serde_json::to_value(spec).map_err(|error| Diagnostic::error("Invalid policy", error.to_string()).into())
}

fn value(document: Json, schema: &Schema) -> Result<Value, Diagnostics> {
    let spec: PolicySpec =
        serde_json::from_value(document).map_err(|error| Diagnostic::error("Invalid policy", error.to_string()))?;
    documents::value(&spec, schema)
}

fn schema() -> Schema {
    let defaults = serde_json::to_value(PolicySpec::named("default")).unwrap_or_default();
    let mut all = attributes([("id", id()), ("name", name("within the reconciler"))]);
    all.extend(looking_ahead(&defaults));
    all.extend(deciding(&defaults));
    all.extend(limiting(&defaults));
    all.extend(making_ready(&defaults));
    all.extend(moving(&defaults));
    Schema::new(
        "When a shadow is made, how traffic moves to it, and what must hold before each step. A declaration: the \
         reconciler acts on it, Terraform stores it.",
        all,
    )
}

fn looking_ahead(defaults: &Json) -> Attributes {
    let mode = "How far the reconciler may go by itself: forecast only, say what it would do, provision and warm \
        shadows, or also move the traffic.";
    let horizons = "How far ahead to look, in rising order, as durations. Staging a shadow is judged on the longest, \
        handing over on the shortest.";
    let history = "Length of the history, longer than the longest horizon and at most 20,000 steps.";
    attributes([
        (
            "mode",
            Attribute::string(mode)
                .one_of(&["observe", "advise", "provision", "full"])
                .with_default_of(&defaults["mode"]),
        ),
        ("interval", duration("Time between evaluations of a group.", &defaults["interval"])),
        ("step", duration("Distance of two samples in the history.", &defaults["step"])),
        ("history", duration(history, &defaults["history"])),
        ("horizons", texts(horizons).with_default_of(&defaults["horizons"])),
    ])
}

fn deciding(defaults: &Json) -> Attributes {
    let probability = |name: &str, description: &str| {
        let description = format!("{description} A probability.");
        Attribute::number(&description).range(0.0, 1.0).with_default_of(&defaults[name])
    };
    let evaluations = object(
        "How many of the newest evaluations must agree before anything is done. Default: 3 of 5.",
        [
            ("required", Attribute::number("How many must agree, at most `window`.").integer(1, 100).required()),
            ("window", Attribute::number("Of how many.").integer(1, 100).required()),
        ],
    );
    attributes([
        (
            "shadowing_threshold",
            probability(
                "shadowing_threshold",
                "Score (its lower bound) at which a shadow is staged. Below `critical_threshold`.",
            ),
        ),
        (
            "critical_threshold",
            probability(
                "critical_threshold",
                "Score (its lower bound) at which all traffic is handed over. Above `shadowing_threshold`.",
            ),
        ),
        (
            "clear_threshold",
            probability(
                "clear_threshold",
                "Score below which a shift is called off again. Below `shadowing_threshold`.",
            ),
        ),
        (
            "shadow_creation_threshold",
            probability(
                "shadow_creation_threshold",
                "Confidence in the forecast that is needed before a shadow is made.",
            ),
        ),
        ("evaluations", evaluations.with_default_of(&defaults["evaluations"])),
    ])
}

fn limiting(defaults: &Json) -> Attributes {
    let failure = object(
        "When a primary counts as failed without any forecast.",
        [
            (
                "signals",
                Attribute::number("Independent observers that must agree: probe, data plane, agent.")
                    .integer(2, 3)
                    .with_default_of(&defaults["failure"]["signals"]),
            ),
            (
                "evaluations",
                Attribute::number("Evaluations in a row in which they must agree.")
                    .integer(1, 100)
                    .with_default_of(&defaults["failure"]["evaluations"]),
            ),
        ],
    );
    let ceiling = "Hourly cost of all managed slots above which no shadow is made, in the currency in which instances \
        tell theirs. No ceiling when left out.";
    attributes([
        ("failure", failure.with_default_of(&defaults["failure"])),
        ("cooldown", duration("Time after a hand-over in which no automatic one follows.", &defaults["cooldown"])),
        ("cost_ceiling", Attribute::number(ceiling).range(0.0, 1e15)),
        (
            "failover_priority",
            Attribute::number("Order across groups when not all may act at once; higher goes first. A whole number.")
                .with_default_of(&defaults["failover_priority"]),
        ),
        (
            "hold_after_human",
            duration("Time for which a human's change to weights is left alone.", &defaults["hold_after_human"]),
        ),
    ])
}

fn making_ready(defaults: &Json) -> Attributes {
    let warmup = defaults_of::<WarmupTask>(json!({"command": []}));
    let warmup_task = object(
        "Run on the shadow's host until it exits 0, before the shadow counts as ready. None when left out.",
        [
            (
                "command",
                texts("Program and arguments; `ADDRESS` and `PORT` of the shadow are in its environment.").required(),
            ),
            ("timeout", duration("Time after which it counts as failed.", &warmup["timeout"])),
        ],
    );
    attributes([
        ("synchronization", synchronization(&defaults["synchronization"])),
        ("warmup_task", warmup_task),
        (
            "ready_probes",
            Attribute::number("Probes that must pass in a row before a shadow counts as ready.")
                .integer(1, 100)
                .with_default_of(&defaults["ready_probes"]),
        ),
        (
            "max_shadow_age",
            duration("Age at which a shadow that was never needed is removed.", &defaults["max_shadow_age"]),
        ),
    ])
}

fn synchronization(defaults: &Json) -> Attribute {
    let bounded = |name: &str, description: &str| {
        Attribute::number(description).range(0.0, 1e15).with_default_of(&defaults[name])
    };
    let data_loss = "Lag in bytes up to which an automatic hand-over may lose data.";
    let parts = [
        (
            "method",
            Attribute::string(
                "How data is replicated, passed to the instance module: `none`, or a method that it knows.",
            )
            .with_default_of(&defaults["method"]),
        ),
        ("interval", duration("How often data is replicated, passed to the instance module.", &defaults["interval"])),
        ("lag_seconds_max", bounded("lag_seconds_max", "Largest lag in seconds at which a shadow is in sync.")),
        ("lag_bytes_max", bounded("lag_bytes_max", "Largest lag in bytes at which a shadow is in sync.")),
        ("allow_data_loss_bytes", bounded("allow_data_loss_bytes", data_loss)),
    ];
    object("What counts as in sync, and what may be lost.", parts).with_default_of(defaults)
}

fn moving(defaults: &Json) -> Attributes {
    let (mirror, shift) = (&defaults["mirror"], &defaults["shift"]);
    let percent = "Share of the primary's requests in percent; 0 skips mirroring.";
    let mirroring = [
        ("percent", Attribute::number(percent).range(0.0, 100.0).with_default_of(&mirror["percent"])),
        ("methods", texts("HTTP methods that are copied.").with_default_of(&mirror["methods"])),
        ("duration", duration("Least time of mirroring before the first shift.", &mirror["duration"])),
    ];
    let steps = "Weights of the shadow in percent, in rising order, each from 1 to 99.";
    let shifting = [
        ("steps", Attribute::new(Type::list(Type::Number), steps).with_default_of(&shift["steps"])),
        ("step_duration", duration("Least time on each step.", &shift["step_duration"])),
        (
            "passes",
            Attribute::number("Verdicts \"pass\" in a row that each step needs.")
                .integer(1, 100)
                .with_default_of(&shift["passes"]),
        ),
        (
            "split_writes",
            Attribute::bool(
                "Whether requests that may change something are shared by weight as well. Only for services whose \
                 instances share their data elsewhere: else two instances would be written to at once.",
            )
            .with_default_of(&shift["split_writes"]),
        ),
    ];
    let after = "What becomes of the old primary once the new one is committed: it stays, fenced and without traffic, \
        or it is removed when it has been replaced by a new shadow.";
    let switch = "Time within which the data plane must report a hand-over, else it is undone.";
    attributes([
        ("mirror", object("What is copied to a shadow before it serves.", mirroring).with_default_of(mirror)),
        ("shift", object("How traffic moves to a shadow.", shifting).with_default_of(shift)),
        ("switch_timeout", duration(switch, &defaults["switch_timeout"])),
        (
            "watch",
            duration("Time for which a new primary is watched before the hand-over is final.", &defaults["watch"]),
        ),
        (
            "hold_old",
            duration(
                "Time for which the old primary is kept without traffic before it may be removed.",
                &defaults["hold_old"],
            ),
        ),
        (
            "after_handover",
            Attribute::string(after).one_of(&["standby", "deprovision"]).with_default_of(&defaults["after_handover"]),
        ),
        (
            "failback",
            Attribute::string("How a group returns to its original primary: only when a human asks for it.")
                .one_of(&["manual"])
                .with_default_of(&defaults["failback"]),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(change: impl Fn(&mut Value)) -> Value {
        let schema = schema();
        let mut config = Value::object(schema.attributes.keys().map(|name| (name.clone(), Value::Null)));
        config.put("name", "p");
        change(&mut config);
        config
    }

    #[test]
    fn the_schemas_defaults_are_the_documents() {
        let schema = schema();
        let defaults =
            schema.attributes.iter().map(|(name, it)| (name.clone(), it.default.clone().unwrap_or_default()));
        let mut config = Value::object(defaults);
        config.put("name", "default");
        let spec: PolicySpec = documents::document(&config, &schema).unwrap();
        assert_eq!(spec, PolicySpec::named("default"));
    }

    #[test]
    fn problems_are_at_their_attributes_and_none_is_false() {
        let schema = schema();
        let paths =
            |config: &Value| -> Vec<String> { check(config, &schema).iter().map(|it| it.path.to_string()).collect() };
        assert!(paths(&configured(|_| {})).is_empty());
        let low = |config: &mut Value| config.put("critical_threshold", 0.4);
        assert_eq!(paths(&configured(low)), ["critical_threshold"]);
        let lowered_later = configured(|config| {
            low(config);
            config.put("shadowing_threshold", Value::Unknown);
        });
        assert!(paths(&lowered_later).is_empty());
    }
}
