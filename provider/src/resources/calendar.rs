//! `shadow_calendar`: events that are expected, and how much they change the load.

use super::declaration::{Declaration, Document};
use super::{defaults_of, id, name, objects, texts};
use crate::client::Kind;
use serde_json::json;
use shadow_core::model::calendar::{EventSpec, FACTOR_MAX};
use shadow_core::model::{CalendarSpec, Problems};
use terraform_provider_framework::schema::attributes;
use terraform_provider_framework::{Attribute, Schema, Value};

pub(super) fn calendar() -> Declaration {
    Declaration::of::<CalendarSpec>(Kind::Calendar, schema())
}

impl Document for CalendarSpec {
    fn checked(self) -> Result<(), Problems> {
        self.check().map(|_calendar| ())
    }
}

fn schema() -> Schema {
    let groups = "Names of the `shadow_group`s that are affected, beside those that name this calendar.";
    Schema::new(
        "Events that are expected: campaigns, holidays, maintenance. Forecasts of the affected groups multiply by what each \
         event was worth before, or by its `factor` while nothing is known. A declaration: the reconciler acts on it, \
         Terraform stores it. What is left out has its default, and is null in the state.",
        attributes([
            ("id", id()),
            ("name", name("within the reconciler")),
            ("events", events()),
            ("groups", texts(groups).with_default(Value::List(Vec::new()))),
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
    let kind = "What kind of event it is. What is measured during maintenance is not learned from.";
    let signals = "Keys of the group's signals that follow the load. Every signal when empty.";
    let zone = "Time zone of `cron` and `dates`, an IANA name such as `Europe/Berlin`.";
    objects(
        "The events, by a name of your own: 1 to 732.",
        [
            (
                "kind",
                Attribute::string(kind)
                    .one_of(&["campaign", "holiday", "maintenance"])
                    .with_default_of(&defaults["kind"]),
            ),
            ("cron", Attribute::string(cron)),
            ("dates", texts(dates).with_default_of(&defaults["dates"])),
            ("time_zone", Attribute::string(zone).with_default_of(&defaults["time_zone"])),
            ("duration", Attribute::string(duration)),
            ("factor", Attribute::number(factor).range(0.0, FACTOR_MAX).required()),
            ("signals", texts(signals).with_default_of(&defaults["signals"])),
        ],
    )
    .required()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents;
    use serde_json::Value as Json;
    use terraform_provider_framework::Resource as _;
    use terraform_provider_framework::value::DynamicForm;

    fn config(event: &Json) -> Value {
        let document = json!({"name": "c", "events": {"sale": event}});
        Value::from_json(&document, &schema().object_type(), DynamicForm::Plain).unwrap()
    }

    fn paths(config: &Value) -> Vec<String> {
        calendar().validate(config).iter().map(|it| it.path.to_string()).collect()
    }

    #[test]
    fn a_document_survives_the_way_through_terraform() {
        let spec: CalendarSpec =
            documents::document(&config(&json!({"dates": ["2026-11-27"], "factor": 3})), &schema()).unwrap();
        let value = documents::stored::<CalendarSpec>(serde_json::to_value(&spec).unwrap(), &schema()).unwrap();
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
