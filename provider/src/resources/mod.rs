//! The resources, one file each.

mod calendar;
mod declaration;
mod finder;
mod group;
mod policy;
mod process;
mod traffic_split;

use crate::client::Client;
use serde_json::Value as Json;
use terraform_provider_framework::schema::{Modifier, Nesting};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Attribute, ListResource, Named, Resource};

/// Every resource by its type name.
pub(crate) fn all() -> Named<dyn Resource<Client>> {
    vec![
        ("shadow_policy", Box::new(policy::policy())),
        ("shadow_group", Box::new(group::group())),
        ("shadow_calendar", Box::new(calendar::calendar())),
        ("shadow_process", Box::new(process::Process::new())),
        ("shadow_traffic_split", Box::new(traffic_split::TrafficSplit::new())),
    ]
}

/// What finds resources, by their type names.
pub(crate) fn finders() -> Named<dyn ListResource<Client>> {
    vec![
        ("shadow_policy", Box::new(finder::Finder(policy::policy()))),
        ("shadow_group", Box::new(finder::Finder(group::group()))),
    ]
}

/// The attribute `id` that every resource has: its name.
fn id() -> Attribute {
    Attribute::string("The same as `name`.").computed()
}

/// The attribute `name` that every resource has.
fn name(scope: &str) -> Attribute {
    let description = format!(
        "Unique {scope}: 1 to 63 lower-case letters, digits and hyphens, starting with a letter and not ending with a \
         hyphen. Another name is another resource."
    );
    Attribute::string(&description).required().modified(Modifier::RequiresReplace)
}

/// A duration with the default that documents have.
fn duration(description: &str, default: &Json) -> Attribute {
    let description = format!("{description} A duration such as `30s`, `5m`, `1h30m` or `28d`, at most ten years.");
    Attribute::string(&description).with_default_of(default)
}

/// Texts in order.
fn texts(description: &str) -> Attribute {
    Attribute::new(Type::list(Type::String), description)
}

/// Texts by name.
fn text_map(description: &str) -> Attribute {
    Attribute::new(Type::map(Type::String), description)
}

/// One object of these attributes.
fn object<const N: usize>(description: &str, attributes: [(&str, Attribute); N]) -> Attribute {
    let attributes = terraform_provider_framework::schema::attributes(attributes);
    Attribute::nested(Nesting::Single, attributes, description)
}

/// Objects of these attributes by key.
fn objects<const N: usize>(description: &str, attributes: [(&str, Attribute); N]) -> Attribute {
    let attributes = terraform_provider_framework::schema::attributes(attributes);
    Attribute::nested(Nesting::Map, attributes, description)
}

/// What the reconciler keeps and does not act upon yet. It must not look as if it did.
fn recorded(attribute: Attribute) -> Attribute {
    let description = format!("{} Recorded; not acted upon yet.", attribute.description);
    Attribute { description, ..attribute }
}

/// A size of an instance with the default that documents have. `without` says what holds for a part that is left out.
fn size(description: &str, without: &str, default: &Json) -> Attribute {
    let part = |unit: &str| Attribute::number(&format!("{unit}. {without} when left out.")).range(0.0, 1e9);
    let parts = [
        ("cpu_cores", part("CPU cores")),
        ("memory_gib", part("Memory in GiB")),
        ("iops", part("Disk operations per second")),
        ("bandwidth_mbps", part("Network bandwidth in Mbit/s")),
        ("storage_gib", part("Disk in GiB")),
    ];
    object(description, parts).with_default_of(default)
}

/// A TCP port.
fn port(description: &str) -> Attribute {
    Attribute::number(description).integer(1, u64::from(u16::MAX))
}

/// A JSON document as serde fills it with defaults.
fn defaults_of<T: serde::Serialize + serde::de::DeserializeOwned>(minimal: Json) -> Json {
    // A document that lacks a required field has no defaults to tell; the tests hold it to account.
    serde_json::from_value::<T>(minimal).and_then(serde_json::to_value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use terraform_provider_framework::schema::{Attributes, Check, Kind, Source};

    fn walk(attributes: &Attributes, path: &str, visit: &mut impl FnMut(&str, &Attribute)) {
        for (name, attribute) in attributes {
            let path = format!("{path}.{name}");
            visit(&path, attribute);
            if let Kind::Nested(_, attributes) = &attribute.kind {
                walk(attributes, &path, visit);
            }
        }
    }

    fn every_attribute(mut visit: impl FnMut(&str, &Attribute)) {
        for (name, resource) in all() {
            walk(&resource.schema().attributes, name, &mut visit);
        }
    }

    #[test]
    fn every_attribute_is_described() {
        every_attribute(|path, attribute| {
            let text = attribute.full_description();
            assert!(text.len() > 12 && text.ends_with('.'), "{path}: {text:?}");
        });
    }

    #[test]
    fn every_default_satisfies_its_checks() {
        every_attribute(|path, attribute| {
            let default = attribute.default.clone().unwrap_or_default();
            assert!(attribute.checks.iter().all(|check| check.remedy(&default).is_none()), "{path}");
        });
    }

    /// A document's field with a serde default is an attribute with a default, and the other way.
    #[test]
    fn documents_and_schemas_agree_on_what_may_be_left_out() {
        let mut without_default = Vec::new();
        every_attribute(|path, attribute| {
            if attribute.source == Source::OptionalComputed && attribute.default.is_none() {
                without_default.push(path.to_owned());
            }
        });
        assert_eq!(without_default, ["shadow_process.agent", "shadow_process.port"], "filled in by the agent");
    }

    #[test]
    fn choices_are_told() {
        let mut choices = 0;
        every_attribute(|_, attribute| {
            choices += usize::from(attribute.checks.iter().any(|it| matches!(it, Check::OneOf(_))))
        });
        assert_eq!(choices, 14);
    }
}
