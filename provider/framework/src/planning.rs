//! What an attribute will be after apply: defaults, what becomes unknown, what stays, what forces
//! a replacement. Pure functions of the schema and of what Terraform proposes.

use crate::implied;
use crate::path::{Path, Step};
use crate::schema::{Attribute, Attributes, Defaults, Kind, Modifier, Nesting, Schema};
use crate::secrets;
use crate::value::Value;
use std::collections::BTreeMap;

/// The planned state: what Terraform proposes, with defaults where the user gives nothing and they are planned; and,
/// if that differs from `prior`, unknown wherever the provider decides, save what
/// [`Modifier::UseStateForUnknown`] keeps.
///
/// `prior` is null for a creation. `proposed` and `config` are objects of the schema.
pub(crate) fn propose(schema: &Schema, prior: &Value, proposed: Value, config: &Value) -> Value {
    let attributes = &schema.attributes;
    let mut planned = proposed;
    let rule = match schema.defaults {
        Defaults::Planned => default,
        Defaults::Implied => implied_default,
    };
    edit(attributes, &mut planned, config, prior, &rule);
    // Before the comparison: a state never has these, so every plan would differ from it.
    secrets::forget_write_only(attributes, &mut planned);
    if prior.is_null() || planned != *prior {
        edit(attributes, &mut planned, config, prior, &unknown);
        edit(attributes, &mut planned, config, prior, &keep_state);
    }
    planned
}

/// The attributes whose change needs the resource to be destroyed and created.
pub(crate) fn replacements(schema: &Schema, prior: &Value, planned: &Value) -> Vec<Path> {
    let mut paths = Vec::new();
    if !prior.is_null() && !planned.is_null() {
        collect_replacements(&schema.attributes, prior, planned, &Path::root(), &mut paths);
    }
    paths
}

/// What one attribute is planned to be, given what was planned so far, its configuration and its
/// prior value; `None` leaves it.
type Rule = dyn Fn(&Attribute, &Value, &Value, &Value) -> Option<Value>;

fn default(attribute: &Attribute, _planned: &Value, config: &Value, _prior: &Value) -> Option<Value> {
    if config.is_null() { attribute.default.clone() } else { None }
}

fn implied_default(attribute: &Attribute, _planned: &Value, config: &Value, prior: &Value) -> Option<Value> {
    let default = attribute.default.as_ref().filter(|_| config.is_null())?;
    Some(implied::settled(attribute, prior, default))
}

fn unknown(attribute: &Attribute, _planned: &Value, config: &Value, _prior: &Value) -> Option<Value> {
    let undecided = config.is_null() && attribute.source.is_computed() && attribute.default.is_none();
    undecided.then_some(Value::Unknown)
}

fn keep_state(attribute: &Attribute, planned: &Value, config: &Value, prior: &Value) -> Option<Value> {
    let kept = attribute.has(Modifier::UseStateForUnknown) && planned.is_unknown();
    (kept && config.is_null() && !prior.is_null()).then(|| prior.clone())
}

/// Applies a rule to every attribute, and to those within the objects that the user wrote.
fn edit(attributes: &Attributes, planned: &mut Value, config: &Value, prior: &Value, rule: &Rule) {
    let Value::Object(values) = planned else { return };
    for (name, attribute) in attributes {
        let value = values.entry(name.clone()).or_default();
        let (config, prior) = (config.get(name), prior.get(name));
        if let Some(changed) = rule(attribute, value, config, prior) {
            *value = changed;
        } else if let Kind::Nested(nesting, attributes) = &attribute.kind
            && !config.is_null()
        {
            edit_nested(*nesting, attributes, value, config, prior, rule);
        }
    }
}

fn edit_nested(
    nesting: Nesting,
    attributes: &Attributes,
    planned: &mut Value,
    config: &Value,
    prior: &Value,
    rule: &Rule,
) {
    match (nesting, planned) {
        (Nesting::Single, planned) => edit(attributes, planned, config, prior, rule),
        (Nesting::List, Value::List(parts)) => {
            for (index, part) in parts.iter_mut().enumerate() {
                edit(attributes, part, config.element(index), prior.element(index), rule);
            }
        }
        (Nesting::Map, Value::Map(parts)) => {
            for (key, part) in parts {
                edit(attributes, part, config.get(key), prior.get(key), rule);
            }
        }
        (Nesting::Set, planned @ Value::Set(_)) => edit_set(attributes, planned, rule),
        _unknown_or_null => {}
    }
}

/// Elements of a set have no key by which to find what the user wrote or what was there before:
/// each stands for its own configuration, without a prior.
fn edit_set(attributes: &Attributes, planned: &mut Value, rule: &Rule) {
    let Value::Set(parts) = std::mem::take(planned) else { return };
    *planned = Value::set(parts.into_iter().map(|mut part| {
        let config = part.clone();
        edit(attributes, &mut part, &config, &Value::Null, rule);
        part
    }));
}

fn collect_replacements(attributes: &Attributes, prior: &Value, planned: &Value, path: &Path, found: &mut Vec<Path>) {
    for (name, attribute) in attributes {
        let (before, after) = (prior.get(name), planned.get(name));
        let path = path.join(Step::Attribute(name.clone()));
        if before == after {
            continue;
        }
        if attribute.has(Modifier::RequiresReplace) {
            found.push(path);
        } else if let Kind::Nested(Nesting::Set, attributes) = &attribute.kind {
            found.extend(set_needs_replacement(attributes, before, after).then_some(path));
        } else if let Kind::Nested(nesting, attributes) = &attribute.kind {
            for (before, after, path) in element_pairs(*nesting, before, after, &path) {
                collect_replacements(attributes, before, after, &path, found);
            }
        }
    }
}

/// A set's elements have neither keys nor paths: one that was not there before is new in all its attributes, and where
/// that needs a replacement the set as a whole does.
fn set_needs_replacement(attributes: &Attributes, prior: &Value, planned: &Value) -> bool {
    let (Value::Set(before), Value::Set(after)) = (prior, planned) else { return false };
    after.iter().filter(|element| !before.contains(element)).any(|element| {
        let mut found = Vec::new();
        collect_replacements(attributes, &Value::Null, element, &Path::root(), &mut found);
        !found.is_empty()
    })
}

/// The objects of a nested attribute that exist both before and after.
fn element_pairs<'a>(
    nesting: Nesting,
    prior: &'a Value,
    planned: &'a Value,
    path: &Path,
) -> Vec<(&'a Value, &'a Value, Path)> {
    match (nesting, prior, planned) {
        (Nesting::Single, Value::Object(_), Value::Object(_)) => vec![(prior, planned, path.clone())],
        (Nesting::List, Value::List(before), Value::List(after)) => {
            let pairs = before.iter().zip(after).enumerate();
            pairs.map(|(i, (before, after))| (before, after, path.join(Step::Index(i)))).collect()
        }
        (Nesting::Map, Value::Map(before), Value::Map(after)) => common_elements(before, after, path),
        _no_pairs => Vec::new(),
    }
}

fn common_elements<'a>(
    before: &'a BTreeMap<String, Value>,
    after: &'a BTreeMap<String, Value>,
    path: &Path,
) -> Vec<(&'a Value, &'a Value, Path)> {
    let pair = |(key, before): (&String, &'a Value)| Some((before, after.get(key)?, path.join(Step::Key(key.clone()))));
    before.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attributes;

    fn schema() -> Schema {
        let part = attributes([
            ("size", Attribute::number("").required()),
            ("class", Attribute::string("").with_default("small")),
            ("serial", Attribute::string("").computed()),
        ]);
        Schema::new(
            "",
            attributes([
                ("name", Attribute::string("").required().modified(Modifier::RequiresReplace)),
                ("id", Attribute::string("").computed().modified(Modifier::UseStateForUnknown)),
                ("revision", Attribute::number("").computed()),
                ("mode", Attribute::string("").with_default("observe")),
                ("note", Attribute::string("")),
                ("parts", Attribute::nested(Nesting::Map, part, "")),
            ]),
        )
    }

    fn config(name: &str, note: &str, parts: Value) -> Value {
        Value::object([
            ("name", Value::from(name)),
            ("id", Value::Null),
            ("revision", Value::Null),
            ("mode", Value::Null),
            ("note", Value::from(note)),
            ("parts", parts),
        ])
    }

    fn prior() -> Value {
        let mut prior = config("a", "n", Value::Null);
        prior.put("id", "id-1");
        prior.put("revision", 7_u32);
        prior.put("mode", "observe");
        prior
    }

    /// What Terraform proposes: the configuration, with prior values where the provider decides.
    fn proposed(config: &Value) -> Value {
        let mut proposed = config.clone();
        for name in ["id", "revision", "mode"] {
            proposed.put(name, prior().get(name).clone());
        }
        proposed
    }

    #[test]
    fn a_creation_has_defaults_and_unknowns() {
        let config = config("a", "n", Value::Null);
        let planned = propose(&schema(), &Value::Null, config.clone(), &config);
        assert_eq!(planned.get("mode"), &Value::from("observe"));
        assert_eq!(planned.get("id"), &Value::Unknown);
        assert_eq!(planned.get("revision"), &Value::Unknown);
        assert_eq!(planned.get("parts"), &Value::Null);
    }

    #[test]
    fn nothing_changed_is_nothing_planned() {
        let config = config("a", "n", Value::Null);
        assert_eq!(propose(&schema(), &prior(), proposed(&config), &config), prior());
    }

    #[test]
    fn a_write_only_value_is_no_change() {
        let mut schema = schema();
        schema.attributes.insert("secret_wo".to_owned(), Attribute::string("").write_only());
        let (mut config, mut prior) = (config("a", "n", Value::Null), prior());
        config.put("secret_wo", "secret");
        prior.put("secret_wo", Value::Null);
        assert_eq!(propose(&schema, &prior, proposed(&config), &config), prior);
    }

    #[test]
    fn a_change_makes_unknown_what_the_provider_decides_anew() {
        let config = config("a", "other", Value::Null);
        let planned = propose(&schema(), &prior(), proposed(&config), &config);
        assert_eq!(planned.get("revision"), &Value::Unknown);
        assert_eq!(planned.get("id"), &Value::from("id-1"));
        assert!(replacements(&schema(), &prior(), &planned).is_empty());
    }

    #[test]
    fn a_default_wins_over_what_the_state_has() {
        let config = config("a", "n", Value::Null);
        let mut proposed = proposed(&config);
        proposed.put("mode", "full");
        let mut prior = prior();
        prior.put("mode", "full");
        assert_eq!(propose(&schema(), &prior, proposed, &config).get("mode"), &Value::from("observe"));
    }

    #[test]
    fn an_implied_default_is_planned_only_in_place_of_another_value() {
        let schema = schema().with_implied_defaults();
        let planned_mode = |mode: Value| {
            let config = config("a", "other", Value::Null);
            let mut prior = prior();
            prior.put("mode", mode);
            propose(&schema, &prior, proposed(&config), &config).get("mode").clone()
        };
        assert_eq!(planned_mode(Value::Null), Value::Null);
        assert_eq!(planned_mode("observe".into()), "observe".into());
        assert_eq!(planned_mode("full".into()), "observe".into());
        let config = config("a", "n", Value::Null);
        assert_eq!(propose(&schema, &Value::Null, config.clone(), &config).get("mode"), &Value::Null);
    }

    #[test]
    fn a_replacing_attribute_is_named() {
        let config = config("b", "n", Value::Null);
        let planned = propose(&schema(), &prior(), proposed(&config), &config);
        assert_eq!(replacements(&schema(), &prior(), &planned), [Path::attribute("name")]);
        assert!(replacements(&schema(), &Value::Null, &planned).is_empty());
    }

    #[test]
    fn a_new_element_of_a_set_replaces_by_its_set() {
        let part = attributes([
            ("id", Attribute::string("").modified(Modifier::RequiresReplace)),
            ("note", Attribute::string("")),
        ]);
        let schema = Schema::new("", attributes([("parts", Attribute::nested(Nesting::Set, part, ""))]));
        let state = |ids: &[&str]| {
            let part = |id: &&str| Value::object([("id", Value::from(*id)), ("note", Value::Null)]);
            Value::object([("parts", Value::set(ids.iter().map(part)))])
        };
        let replaced = |before: &[&str], after: &[&str]| replacements(&schema, &state(before), &state(after));
        assert_eq!(replaced(&["a", "b"], &["a", "c"]), [Path::attribute("parts")]);
        assert!(replaced(&["a", "b"], &["a"]).is_empty());
        assert!(replaced(&["a"], &["a"]).is_empty());
    }

    #[test]
    fn nested_objects_follow_the_same_rules() {
        let part = Value::object([("size", Value::from(1_u32)), ("class", Value::Null), ("serial", Value::Null)]);
        let config = config("a", "n", Value::Map([("k".to_owned(), part)].into()));
        let planned = propose(&schema(), &prior(), proposed(&config), &config);
        let part = planned.get("parts").get("k");
        assert_eq!(part.get("class"), &Value::from("small"));
        assert_eq!(part.get("serial"), &Value::Unknown);
    }

    #[test]
    fn an_unknown_configuration_stays_unknown() {
        let config = config("a", "n", Value::Unknown);
        assert_eq!(propose(&schema(), &prior(), proposed(&config), &config).get("parts"), &Value::Unknown);
    }
}
