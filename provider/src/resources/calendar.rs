//! `shadow_calendar`: events that are expected, and how much they change the load.

use super::declaration::Declaration;
use super::{defaults_of, id, name, objects, recorded, texts};
use crate::client::Kind;
use crate::documents;
use serde_json::{Value as Json, json};
use shadow_core::model::CalendarSpec;
use shadow_core::model::calendar::{EventSpec, FACTOR_MAX};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{Attribute, Diagnostic, Diagnostics, Schema, Value};

pub(super) fn calendar() -> Declaration {
    Declaration { kind: Kind::Calendar, schema: schema(), check, document, value, references: &[] }
}

fn check(config: &Value, schema: &Schema) -> Diagnostics {
    documents::check_known(config, schema, |spec: CalendarSpec| spec.check().map(|_calendar| ()))
}

fn document(value: &Value, schema: &Schema) -> Result<Json, Diagnostics> {
    let spec: CalendarSpec = documents::document(value, schema)?;
    documents::accepted(spec.clone().check().map(|_calendar| ()))?;
    serde_json::to_value(spec).map_err(|error| Diagnostic::error("Invalid calendar", error.to_string()).into())
}

fn value(document: Json, schema: &Schema) -> Result<Value, Diagnostics> {
    documents::stored::<CalendarSpec>(document, schema)
}

fn schema() -> Schema {
    let groups = "Names of the `shadow_group`s that are affected, beside those that name this calendar.";
    Schema::new(
        "Events that are expected: campaigns, holidays, maintenance. A declaration: the reconciler keeps it, Terraform \
         stores it. Forecasts do not use it yet. What is left out has its default, and is null in the state.",
        attributes([
            ("id", id()),
            ("name", name("within the reconciler")),
            ("events", events()),
            ("groups", recorded(texts(groups)).with_default(Value::List(Vec::new()))),
        ]),
    )
    .with_implied_defaults()
}

fn events() -> Attribute {
    let defaults = defaults_of::<EventSpec>(json!({"factor": 1.0}));
    let cron = "When it begins: minute, hour, day of month, month and day of week, as in `0 9 * * MON-FRI`. Either this or \
        `dates`.";
    let dates = "When it begins: dates such as `2026-11-27`, for the whole day, or dates with a time such as \
        `2026-11-27T18:00`. Either these or `cron`. At most 732.";
    let duration = "How long it lasts, as a duration such as `2h`. Only whole days need none.";
    let factor = "Load expected during it, as a multiple of the usual: `3` for a campaign that triples it, `0.2` for a holiday \
        on which little is done.";
    let zone = "Time zone of `cron` and `dates`, an IANA name such as `Europe/Berlin`.";
    objects(
        "The events, by a name of your own: 1 to 732.",
        [
            (
                "kind",
                Attribute::string("What kind of event it is.")
                    .one_of(&["campaign", "holiday", "maintenance"])
                    .with_default_of(&defaults["kind"]),
            ),
            ("cron", Attribute::string(cron)),
            ("dates", texts(dates).with_default_of(&defaults["dates"])),
            ("time_zone", Attribute::string(zone).with_default_of(&defaults["time_zone"])),
            ("duration", Attribute::string(duration)),
            ("factor", Attribute::number(factor).range(0.0, FACTOR_MAX).required()),
        ],
    )
    .required()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terraform_provider_framework::value::DynamicForm;

    fn config(event: &Json) -> Value {
        let document = json!({"name": "c", "events": {"sale": event}});
        Value::from_json(&document, &schema().object_type(), DynamicForm::Plain).unwrap()
    }

    fn paths(config: &Value) -> Vec<String> {
        check(config, &schema()).iter().map(|it| it.path.to_string()).collect()
    }

    #[test]
    fn a_document_survives_the_way_through_terraform() {
        let spec: CalendarSpec =
            documents::document(&config(&json!({"dates": ["2026-11-27"], "factor": 3})), &schema()).unwrap();
        let value = value(serde_json::to_value(&spec).unwrap(), &schema()).unwrap();
        assert_eq!(documents::document::<CalendarSpec>(&value, &schema()).unwrap(), spec);
    }

    #[test]
    fn problems_are_deep_in_the_map_and_none_is_false() {
        assert_eq!(paths(&config(&json!({"cron": "soon", "duration": "1h", "factor": 3}))), [r#"events["sale"].cron"#]);
        let mut half = config(&json!({"duration": "often", "factor": 3}));
        let mut event = half.get("events").get("sale").clone();
        event.put("dates", Value::Unknown);
        half.put("events", Value::Map([("sale".to_owned(), event)].into()));
        assert_eq!(paths(&half), [r#"events["sale"].duration"#], "cron or dates may come");
    }
}
