//! `shadow_backtest`: what a policy would have done with recorded telemetry, beside what others use.

use crate::client::{COMPUTATION, Client};
use crate::documents;
use serde_json::{Value as Json, json};
use shadow_core::model::check::parse_duration;
use terraform_provider_framework::schema::{Attributes, Nesting, attributes};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Path, Schema, Value, async_trait,
};

pub(super) struct Backtest {
    schema: Schema,
}

impl Backtest {
    pub(super) fn new() -> Self {
        Self { schema: schema() }
    }
}

/// What the configuration says; all else is the answer's.
const ASKED: [&str; 5] = ["group", "policy", "window", "signals", "hourly_cost"];

#[async_trait]
impl DataSource<Client> for Backtest {
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::none();
        let (group, signals) = (config.get("group"), config.get("signals"));
        if !group.is_unknown() && !signals.is_unknown() && group.is_null() == signals.is_null() {
            let detail =
                "A replay needs either a group, whose telemetry is read, or signals with their samples. Give one.";
            found.push(Diagnostic::error("What is to be replayed?", detail).at(Path::attribute("group")));
        }
        if !signals.is_null() && config.get("policy").is_null() {
            let detail = "Signals do not say by which policy they are to be judged. Name one.";
            found.push(Diagnostic::error("Missing policy", detail).at(Path::attribute("policy")));
        }
        if let Some(Err(problem)) = config.get("window").as_str().map(parse_duration) {
            let detail = format!("{problem}: write a positive duration such as \"7d\".");
            found.push(Diagnostic::error("Invalid window", detail).at(Path::attribute("window")));
        }
        found
    }

    async fn read(&self, context: &Context<Client>, config: Value) -> Result<Value, Diagnostics> {
        let asked = Value::object(ASKED.map(|name| (name, config.get(name).clone())));
        let request = asked.to_json().map_err(|error| Diagnostic::error("Invalid replay", error.to_string()))?;
        let api = context.client.reconciler()?;
        let mut found: Json = api.post("/v1/backtest", &request, COMPUTATION, &context.cancellation).await?;
        found["outcomes"] = json!({
            "policy": found["policy"].take(),
            "static_threshold": found["static_threshold"].take(),
            "predict_linear": found["predict_linear"].take(),
            "no_policy": found["no_policy"].take(),
        });
        found["policy"] = Json::Null;
        let mut value = documents::value(&found, &self.schema)?;
        for name in ASKED {
            value.put(name, config.get(name).clone());
        }
        Ok(value)
    }
}

fn schema() -> Schema {
    let breach = attributes([
        ("signal", Attribute::string("Key of the signal.").computed()),
        ("start", Attribute::string("Its first broken sample, as an RFC 3339 time.").computed()),
        ("end", Attribute::string("Its last broken sample, as an RFC 3339 time.").computed()),
    ]);
    let group = "Name of the `shadow_group` whose telemetry is replayed. Either this or `signals`.";
    let policy = "Name of the `shadow_policy` that is judged. The group's own when left out; needed with `signals`.";
    let window = "How much of the group's past is replayed, as a duration such as `7d`, at most the policy's `history`. All of \
        that when left out.";
    let cost = "Cost of a shadow for an hour, in a currency of your choice. 0 when left out.";
    let signals = "Recorded signals by name, at most 16, in place of a group.";
    Schema::new(
        "Plays recorded telemetry through forecast, score and the thresholds of a policy, and through what others use: what \
         would have been done, how early, how often for nothing, and at what cost. Makes at most 4,000 \
         forecasts, and looks less often than the policy where the past is long. Nothing is stored or done.",
        attributes([
            ("group", Attribute::string(group)),
            ("policy", Attribute::string(policy)),
            ("window", Attribute::string(window)),
            ("signals", Attribute::nested(Nesting::Map, recorded(), signals)),
            ("hourly_cost", Attribute::number(cost).range(0.0, 1e15)),
            ("from", Attribute::string("The first look at the recording, as an RFC 3339 time.").computed()),
            ("to", Attribute::string("The last look at the recording, as an RFC 3339 time.").computed()),
            ("evaluations", Attribute::number("How often the recording was looked at.").computed()),
            ("breaches", Attribute::nested(Nesting::List, breach, "Times during which a limit was broken.").computed()),
            (
                "outcomes",
                Attribute::nested(
                    Nesting::Map,
                    outcome(),
                    "What follows by each method: `policy`; `static_threshold`, at nine tenths of the limit; \
                     `predict_linear`, a line through the last hour; `no_policy`.",
                )
                .computed(),
            ),
        ]),
    )
}

fn recorded() -> Attributes {
    let sample = attributes([
        ("at", Attribute::string("When it was measured, as an RFC 3339 time.").required()),
        ("value", Attribute::number("What was measured, in the unit of `limit`.").required()),
    ]);
    let direction = "On which side of the limit the trouble lies. `above` when left out.";
    attributes([
        (
            "limit",
            Attribute::number("Value at which the service no longer does its job, in the unit of its samples.")
                .required(),
        ),
        ("direction", Attribute::string(direction).one_of(&["above", "below"])),
        ("samples", Attribute::nested(Nesting::List, sample, "In the order of time, at most 20,000.").required()),
    ])
}

fn outcome() -> Attributes {
    let count = |what: &str| Attribute::number(what).computed();
    let action = attributes([
        ("at", Attribute::string("When, as an RFC 3339 time.").computed()),
        ("kind", Attribute::string("What: `stage`, `hand_over` or `release`.").computed()),
        ("reason", Attribute::string("Why it would have been done.").computed()),
    ]);
    let leads = "For each breach, seconds from the staging of a shadow until it began. Null where there was none.";
    attributes([
        (
            "actions",
            Attribute::nested(Nesting::List, action, "What would have been done, in the order of time.").computed(),
        ),
        ("lead_times_seconds", Attribute::new(Type::list(Type::Number), leads).computed()),
        ("warned", count("Number of breaches before which there was a shadow.")),
        ("missed", count("Number of breaches before which there was none.")),
        ("false_alarms", count("Number of shadows after which no limit broke within the longest horizon.")),
        ("false_alarms_per_week", count("The same, for a week.")),
        ("shadow_hours", count("Hours during which there was a shadow.")),
        ("shadow_cost", count("What these hours cost, in the currency of `hourly_cost`.")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_replayed_must_be_said_once() {
        let source = Backtest::new();
        let config = |attributes: &[(&str, Value)]| {
            let mut config = Value::object(ASKED.map(|name| (name, Value::Null)));
            attributes.iter().for_each(|(name, value)| config.put(name, value.clone()));
            config
        };
        let paths = |attributes: &[(&str, Value)]| -> Vec<String> {
            source.validate(&config(attributes)).iter().map(|it| it.path.to_string()).collect()
        };
        let signals = || Value::Map(std::collections::BTreeMap::new());
        assert_eq!(paths(&[]), ["group"]);
        assert!(paths(&[("group", "checkout".into())]).is_empty());
        assert_eq!(paths(&[("signals", signals()), ("window", "soon".into())]), ["policy", "window"]);
        assert!(paths(&[("signals", Value::Unknown), ("policy", "p".into())]).is_empty());
    }
}
