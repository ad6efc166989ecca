//! Attributes of a policy about when something may be done: failures, limits, and what makes a shadow
//! ready.

use crate::resources::{defaults_of, duration, object, recorded, texts};
use serde_json::{Value as Json, json};
use shadow_core::model::policy::WarmupTask;
use terraform_provider_framework::Attribute;
use terraform_provider_framework::schema::{Attributes, attributes};

pub(super) fn limiting(defaults: &Json) -> Attributes {
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
    let criteria = "Conditions of a group's signals at which its primary counts as failed, each as in `cpu > 90 % for 5m` \
        or `error_rate > 5 %`: signal, comparison, value, unit, and for how long. At most 16.";
    let downtime = "Longest time for which the service may be down when a primary fails, as a duration such as `2m`. Not \
        below `switch_timeout`, nor below the time that noticing a failure takes. No limit when left out.";
    let ceiling = "Hourly cost of all managed slots above which no shadow is made, in the currency in which instances \
        tell theirs. No ceiling when left out.";
    attributes([
        ("failure", failure.with_default_of(&defaults["failure"])),
        ("failover_criteria", texts(criteria).with_default_of(&defaults["failover_criteria"])),
        ("max_downtime", recorded(Attribute::string(downtime))),
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

pub(super) fn making_ready(defaults: &Json) -> Attributes {
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
                "How data is replicated, passed to the instance module: `none`, `pull`, `block`, `file`, `cdc`, `log`, \
                 `backup`, `application`, or `custom:NAME` for one that only your module knows.",
            )
            .with_default_of(&defaults["method"]),
        ),
        (
            "mode",
            recorded(Attribute::string("Whether a write waits until the shadow has it."))
                .one_of(&["asynchronous", "synchronous"])
                .with_default_of(&defaults["mode"]),
        ),
        ("interval", duration("How often data is replicated, passed to the instance module.", &defaults["interval"])),
        ("lag_seconds_max", bounded("lag_seconds_max", "Largest lag in seconds at which a shadow is in sync.")),
        ("lag_bytes_max", bounded("lag_bytes_max", "Largest lag in bytes at which a shadow is in sync.")),
        ("allow_data_loss_bytes", bounded("allow_data_loss_bytes", data_loss)),
    ];
    object("What counts as in sync, and what may be lost.", parts).with_default_of(defaults)
}
