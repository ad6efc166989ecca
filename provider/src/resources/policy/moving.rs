//! Attributes of a policy about how traffic moves to a shadow.

use crate::resources::{defaults_of, duration, object, objects, recorded, texts};
use serde_json::{Value as Json, json};
use shadow_core::model::policy::{JudgeSpec, RequestClassSpec};
use terraform_provider_framework::Attribute;
use terraform_provider_framework::schema::{Attributes, attributes};
use terraform_provider_framework::value::Type;

pub(super) fn moving(defaults: &Json) -> Attributes {
    let (mirror, shift) = (&defaults["mirror"], &defaults["shift"]);
    let percent = "Share of the primary's requests in percent; 0 skips mirroring.";
    let mirroring = [
        ("percent", Attribute::number(percent).range(0.0, 100.0).with_default_of(&mirror["percent"])),
        ("methods", texts("HTTP methods that are copied.").with_default_of(&mirror["methods"])),
        ("duration", duration("Least time of mirroring before the first shift.", &mirror["duration"])),
        ("classes", recorded(classes()).with_default_of(&mirror["classes"])),
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
        ("judge", recorded(judge())),
    ];
    let switch = "Time within which the data plane must report a hand-over, else it is undone.";
    attributes([
        ("mirror", object("What is copied to a shadow before it serves.", mirroring).with_default_of(mirror)),
        ("shift", object("How traffic moves to a shadow.", shifting).with_default_of(shift)),
        ("switch_timeout", duration(switch, &defaults["switch_timeout"])),
    ])
}

fn classes() -> Attribute {
    let defaults = defaults_of::<RequestClassSpec>(json!({"path_prefix": "/"}));
    let methods = "Their HTTP methods. Those of `mirror.methods` when empty.";
    objects(
        "Classes of requests that are copied, by a name of your own. All when empty.",
        [
            ("path_prefix", Attribute::string("What their paths begin with, as in `/api/`.").required()),
            ("methods", texts(methods).with_default_of(&defaults["methods"])),
        ],
    )
}

fn judge() -> Attribute {
    let defaults = defaults_of::<JudgeSpec>(json!({}));
    let latency = "Greatest latency of the shadow, as a multiple of the primary's.";
    let errors = "Greatest share of failed requests of the shadow above the primary's.";
    let requests = "Requests that each side must have answered before they are compared.";
    let inconclusive = "What is done when they cannot be compared: the step lasts longer, or counts as failed.";
    object(
        "How a shadow that serves is compared with the primary. By its health and the group's limits alone when left out.",
        [
            (
                "latency_ratio_max",
                Attribute::number(latency).range(1.0, 100.0).with_default_of(&defaults["latency_ratio_max"]),
            ),
            (
                "error_rate_increase_max",
                Attribute::number(errors).range(0.0, 1.0).with_default_of(&defaults["error_rate_increase_max"]),
            ),
            (
                "requests_min",
                Attribute::number(requests).integer(1, 1_000_000).with_default_of(&defaults["requests_min"]),
            ),
            (
                "inconclusive",
                Attribute::string(inconclusive).one_of(&["wait", "fail"]).with_default_of(&defaults["inconclusive"]),
            ),
        ],
    )
}
