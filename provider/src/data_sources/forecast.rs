//! `shadow_forecast`: what the signals of a group will probably do, and the score that follows.

use crate::client::Client;
use crate::documents;
use serde_json::Value as Json;
use terraform_provider_framework::schema::{Attributes, Nesting, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, Context, DataSource, Diagnostics, Schema, Value, async_trait};

pub(super) struct Forecast {
    schema: Schema,
}

impl Forecast {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }
}

#[async_trait]
impl DataSource<Client> for Forecast {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    async fn read(&self, context: &Context<Client>, config: Value) -> Result<Value, Diagnostics> {
        let mut forecast: Json = super::of_group(context, &config, "forecast").await?;
        for part in ["horizons", "parts", "missing", "confidence"] {
            forecast[part] = forecast["score"][part].take();
        }
        documents::value(&forecast, &self.schema)
    }
}

fn schema() -> Schema {
    let probability = |what: &str| Attribute::number(&format!("{what}, 0 to 1.")).computed();
    let horizon =
        || Attribute::string("Length of the time from now on, as an ISO 8601 duration such as `PT1H`.").computed();
    let scores = attributes([
        ("horizon", horizon()),
        ("probability", probability("Probability that any limit is broken within it")),
        ("lower", probability("The probability may be this low; decisions use it")),
        ("upper", probability("The probability may be this high")),
    ]);
    let parts = attributes([
        ("signal", Attribute::string("Key of the signal in the group.").computed()),
        ("horizon", horizon()),
        ("probability", probability("Probability that this signal breaks its limit within it")),
        ("lower", probability("The probability may be this low")),
        ("upper", probability("The probability may be this high")),
        ("confidence", probability("How far it is backed by what was seen before")),
        ("reason", Attribute::string("The same as a sentence.").computed()),
    ]);
    let missing = attributes([
        ("signal", Attribute::string("Key of the signal in the group.").computed()),
        ("reason", Attribute::string("Why it could not be scored.").computed()),
        ("ready_at", Attribute::string("When it can, as an RFC 3339 time. Null when that is not known.").computed()),
    ]);
    Schema::new(
        "What the signals of a group will probably do, computed now, and the degradation score that follows. Nothing is \
         stored or done.",
        attributes([
            ("group", Attribute::string("Name of the `shadow_group`.").required()),
            ("slot", Attribute::string("Slot that serves, whose signals these are.").computed()),
            ("made_at", Attribute::string("When it was made, as an RFC 3339 time.").computed()),
            ("levels", Attribute::new(Type::list(Type::Number), "Levels of the quantiles, rising, 0 to 1.").computed()),
            ("signals", Attribute::nested(Nesting::Map, fan(), "The forecast of each signal, or why there is none.").computed()),
            (
                "horizons",
                Attribute::nested(Nesting::List, scores, "The score, from the shortest horizon to the longest. Empty when nothing could be scored: that is not a score of zero.")
                    .computed(),
            ),
            ("confidence", probability("How far the score of the longest horizon is backed by what was seen before")),
            ("parts", Attribute::nested(Nesting::List, parts, "What the score is made of, by signal and horizon.").computed()),
            ("missing", Attribute::nested(Nesting::List, missing, "Signals that could not be scored.").computed()),
            ("needs", Attribute::nested(Nesting::List, need(), "What an instance that serves everything will need of the resources that signals measure, in the units of sizes.").computed()),
            ("size", Attribute::nested(Nesting::Single, size(), "The size that a shadow made now would be asked for.").computed()),
        ]),
    )
}

fn need() -> Attributes {
    let amount = |what: &str| Attribute::number(&format!("{what}, in the unit of sizes.")).computed();
    attributes([
        ("resource", Attribute::string("Part of a size, such as `cpu_cores`.").computed()),
        ("signal", Attribute::string("Key of the signal that measures it.").computed()),
        (
            "horizon",
            Attribute::string("Length of the time from now on, as an ISO 8601 duration such as `PT1H`.").computed(),
        ),
        ("predicted", amount("Median of the most that is used within the horizon")),
        ("upper", amount("What is not exceeded within the horizon with the policy's confidence")),
        ("live", amount("What the serving instance uses now")),
    ])
}

fn size() -> Attributes {
    let part = |unit: &str| Attribute::number(&format!("{unit}. Null when it is left to the module.")).computed();
    attributes([
        ("cpu_cores", part("CPU cores")),
        ("memory_gib", part("Memory in GiB")),
        ("iops", part("Disk operations per second")),
        ("bandwidth_mbps", part("Network bandwidth in Mbit/s")),
        ("storage_gib", part("Disk in GiB")),
    ])
}

/// An expected event that was considered.
fn event() -> Attributes {
    let time =
        |what: &str| Attribute::string(&format!("{what}, as an RFC 3339 time. Null when there is none.")).computed();
    attributes([
        ("calendar", Attribute::string("Name of the `shadow_calendar`.").computed()),
        ("event", Attribute::string("Name of the event in it.").computed()),
        ("kind", Attribute::string("What kind of event it is.").computed()),
        ("declared", Attribute::number("The factor that was declared, as a multiple of the usual.").computed()),
        (
            "lift",
            Attribute::number("The factor that is expected, as a multiple of the usual. Null when it was not applied.")
                .computed(),
        ),
        ("spread", Attribute::number("Deviation of past occurrences from it, as a multiple of the usual.").computed()),
        ("seen", Attribute::number("Past occurrences that it was learned from.").computed()),
        ("start", time("Start of the occurrence that goes on, or of the next one")),
        ("end", time("The first moment after it")),
        ("left_out", Attribute::string("Why it was not applied. Null when it was.").computed()),
    ])
}

fn fan() -> Attributes {
    let quantiles = |of: &str| {
        let description = format!("Quantiles of the {of} value in it at `levels`, in the signal's unit.");
        Attribute::new(Type::list(Type::Number), &description).computed()
    };
    let horizon = attributes([
        ("seconds", Attribute::number("Length of the time from now on, in seconds.").computed()),
        ("maximum", quantiles("highest")),
        ("minimum", quantiles("lowest")),
    ]);
    let newest = attributes([
        ("at", Attribute::string("When it was measured, as an RFC 3339 time.").computed()),
        ("value", Attribute::number("Its value, in the signal's unit.").computed()),
    ]);
    attributes([
        ("model", Attribute::string("The model that made it. Null without a forecast.").computed()),
        ("reason", Attribute::string("Why that model, or why there is no forecast.").computed()),
        (
            "ready_at",
            Attribute::string("When there will be a forecast, as an RFC 3339 time. Null when that is not known.")
                .computed(),
        ),
        (
            "newest",
            Attribute::nested(Nesting::Single, newest, "The sample that it starts from. Null without a forecast.")
                .computed(),
        ),
        (
            "horizons",
            Attribute::nested(Nesting::List, horizon, "From the shortest to the longest. Empty without a forecast.")
                .computed(),
        ),
        (
            "events",
            Attribute::nested(Nesting::List, event(), "Expected events that were considered, and what each is worth.")
                .computed(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_forecast_that_is_not_ready_says_why() {
        let answer = json!({
            "group": "checkout", "slot": "a", "made_at": "2026-03-01T12:00:00Z", "levels": [0.1, 0.9],
            "signals": {"memory": {"model": null, "reason": "3 of 40 samples", "ready_at": null, "newest": null, "horizons": [], "events": []}},
            "needs": [{"resource": "cpu_cores", "signal": "cpu", "horizon": "PT1H", "predicted": 1.5, "upper": 2.0, "live": 1.0}],
            "size": {"cpu_cores": 2.0, "memory_gib": null, "iops": null, "bandwidth_mbps": null, "storage_gib": null},
            "horizons": [], "parts": [], "confidence": 0.0,
            "missing": [{"signal": "memory", "reason": "3 of 40 samples", "ready_at": null}],
        });
        let value = documents::value(&answer, &schema()).unwrap();
        assert_eq!(value.get("signals").get("memory").get("reason"), &Value::from("3 of 40 samples"));
        assert_eq!(value.get("missing").element(0).get("signal"), &Value::from("memory"));
        assert_eq!(value.get("size").get("cpu_cores"), value.get("needs").element(0).get("upper"));
    }
}
