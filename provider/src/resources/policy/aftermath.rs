//! Attributes of a policy about what follows a hand-over.

use crate::resources::{defaults_of, duration, object};
use serde_json::{Value as Json, json};
use shadow_core::model::calendar::WindowSpec;
use terraform_provider_framework::Attribute;
use terraform_provider_framework::schema::{Attributes, attributes};

pub(super) fn afterwards(defaults: &Json) -> Attributes {
    let watch = "Time for which a new primary is watched before the hand-over is final.";
    let hold = "Time for which the old primary is kept without traffic before it may be removed.";
    let after = "What becomes of the old primary once the new one is committed: it stays, fenced and without traffic \
        (`standby`); it is removed when it has been replaced by a new shadow (`deprovision`); it is made anew \
        (`rebuild`) or stopped (`stop`), which are recorded and not acted upon yet: it stands by.";
    let failback = "How a group returns to its original primary: only when a human asks for it (`manual`), in \
        `failback_window` (`window`) or as soon as it has been well for `failback_after` (`auto`). Never within \
        `cooldown`.";
    let well = "Time for which the original must be well before a failback that nobody asked for.";
    attributes([
        ("watch", duration(watch, &defaults["watch"])),
        ("hold_old", duration(hold, &defaults["hold_old"])),
        (
            "after_handover",
            Attribute::string(after)
                .one_of(&["standby", "rebuild", "stop", "deprovision"])
                .with_default_of(&defaults["after_handover"]),
        ),
        (
            "failback",
            Attribute::string(failback).one_of(&["manual", "window", "auto"]).with_default_of(&defaults["failback"]),
        ),
        ("failback_window", failback_window()),
        ("failback_after", duration(well, &defaults["failback_after"])),
    ])
}

fn failback_window() -> Attribute {
    let defaults = defaults_of::<WindowSpec>(json!({"cron": "", "duration": ""}));
    let cron = "When it begins: minute, hour, day of month, month and day of week, as in `0 3 * * SUN`.";
    let zone = "Time zone of `cron`, an IANA name such as `Europe/Berlin`.";
    object(
        "When a failback is allowed. Needed with `failback = \"window\"`, and only then; none when left out.",
        [
            ("cron", Attribute::string(cron).required()),
            ("duration", Attribute::string("How long it lasts, as a duration such as `2h`.").required()),
            ("time_zone", Attribute::string(zone).with_default_of(&defaults["time_zone"])),
        ],
    )
}
