//! `shadow_policy`: when a shadow is made and how traffic moves to it.

mod aftermath;
mod foresight;
mod moving;
mod readiness;

use super::declaration::{Declaration, Document};
use super::{id, name};
use crate::client::Kind;
use shadow_core::model::{PolicySpec, Problems};
use terraform_provider_framework::Schema;
use terraform_provider_framework::schema::attributes;

pub(super) fn policy() -> Declaration {
    Declaration::of::<PolicySpec>(Kind::Policy, schema())
}

impl Document for PolicySpec {
    fn checked(self) -> Result<(), Problems> {
        self.check().map(|_policy| ())
    }
}

fn schema() -> Schema {
    let defaults = serde_json::to_value(PolicySpec::named("default")).unwrap_or_default();
    let mut all = attributes([("id", id()), ("name", name("within the reconciler"))]);
    all.extend(foresight::looking_ahead(&defaults));
    all.extend(foresight::deciding(&defaults));
    all.extend(readiness::limiting(&defaults));
    all.extend(readiness::making_ready(&defaults));
    all.extend(moving::moving(&defaults));
    all.extend(aftermath::afterwards(&defaults));
    Schema::new(
        "When a shadow is made, how traffic moves to it, and what must hold before each step. A declaration: the \
         reconciler acts on it, Terraform stores it. What is left out has its default, and is null in the state.",
        all,
    )
    .with_implied_defaults()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents;
    use terraform_provider_framework::{Resource as _, Value};

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
        let policy = policy();
        let paths =
            |config: &Value| -> Vec<String> { policy.validate(config).iter().map(|it| it.path.to_string()).collect() };
        assert!(paths(&configured(|_| {})).is_empty());
        let low = |config: &mut Value| config.put("critical_threshold", 0.4);
        assert_eq!(paths(&configured(low)), ["critical_threshold"]);
        let lowered_later = configured(|config| {
            low(config);
            config.put("shadowing_threshold", Value::Unknown);
            config.put("cooldown", "soon");
        });
        assert_eq!(paths(&lowered_later), ["cooldown"], "what is known beside it is checked");
    }

    #[test]
    fn one_wrong_form_does_not_hide_the_others() {
        let config = configured(|config| {
            config.put("mode", "fast");
            config.put("failover_priority", 1.5);
            config.put("critical_threshold", 0.4);
            config.put("horizons", Value::List(vec!["1h".into(), Value::Unknown, "later".into()]));
        });
        let paths: Vec<String> = policy().validate(&config).iter().map(|it| it.path.to_string()).collect();
        assert_eq!(
            paths,
            ["failover_priority", "critical_threshold", "horizons[2]"],
            "the schema itself tells of mode"
        );
    }

    #[test]
    fn what_is_unknown_anywhere_is_never_a_problem() {
        let schema = schema();
        let mut example = documents::value(&PolicySpec::named("p"), &schema).unwrap();
        for name in schema.attributes.keys().filter(|name| *name != "id") {
            let before = example.get(name).clone();
            example.put(name, Value::Unknown);
            assert!(policy().validate(&example).is_empty(), "{name}");
            example.put(name, before);
        }
    }
}
