//! Attributes of a policy about what is foreseen: how far, how surely, and how large a shadow it asks
//! for.

use crate::resources::{duration, object, recorded, size, texts};
use serde_json::Value as Json;
use terraform_provider_framework::Attribute;
use terraform_provider_framework::schema::{Attributes, attributes};

pub(super) fn looking_ahead(defaults: &Json) -> Attributes {
    let mode = "How far the reconciler may go by itself: forecast only, say what it would do, provision and warm \
        shadows, or also move the traffic.";
    let horizons = "How far ahead to look, in rising order, as durations such as `1h`. Staging a shadow is judged on \
        the longest, handing over on the shortest.";
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
        (
            "confidence",
            recorded(Attribute::number("Share of what comes that the bounds of a forecast should hold."))
                .range(0.5, 0.99)
                .with_default_of(&defaults["confidence"]),
        ),
    ])
}

pub(super) fn deciding(defaults: &Json) -> Attributes {
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
        ("adaptive_thresholds", adaptive_thresholds()),
        ("sizing", sizing(&defaults["sizing"])),
    ])
}

fn adaptive_thresholds() -> Attribute {
    let bounds = |of: &str| {
        let bound =
            |which: &str| Attribute::number(&format!("{which} value, a probability.")).range(0.0, 1.0).required();
        let description = format!("Bounds of `{of}`, which must lie within them.");
        object(&description, [("min", bound("Least")), ("max", bound("Greatest"))]).required()
    };
    object(
        "How far thresholds may move by what the group's own record speaks for, at one false alarm a week. Other \
         thresholds first run beside those in effect for a week, and take over if they did better; the journal says \
         so. They stay as they are when left out.",
        [("shadowing", bounds("shadowing_threshold")), ("critical", bounds("critical_threshold"))],
    )
}

fn sizing(defaults: &Json) -> Attribute {
    let factor = |name: &str, description: &str, min: f64, max: f64| {
        Attribute::number(description).range(min, max).with_default_of(&defaults[name])
    };
    let clamp = "Whether a size never grows past the upper bound of the forecast, nor shrinks below it.";
    let parts = [
        (
            "grow_above",
            factor("grow_above", "It grows when the prediction is above this multiple of the size.", 1.0, 10.0),
        ),
        ("grow_by", factor("grow_by", "It grows by this multiple of the difference.", 1.0, 10.0)),
        (
            "shrink_below",
            factor("shrink_below", "It shrinks when the prediction is below this multiple of the size.", 0.0, 1.0),
        ),
        ("shrink_by", factor("shrink_by", "It shrinks by this multiple of the difference.", 0.0, 1.0)),
        ("interval", duration("Least time between two changes of a size.", &defaults["interval"])),
        ("clamp", Attribute::bool(clamp).with_default_of(&defaults["clamp"])),
        ("min", size("Least size of a shadow.", "No bound", &defaults["min"])),
        ("max", size("Greatest size of a shadow.", "No bound", &defaults["max"])),
    ];
    recorded(object("How large a shadow becomes for what is forecast.", parts)).with_default_of(defaults)
}
