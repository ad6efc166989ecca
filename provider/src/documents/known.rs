//! Checks a configuration as far as it is known. What is unknown, or refused already, is replaced by
//! something harmless; a problem that has anything to do with it is not certain and not told. What
//! stands beside it is checked all the same.

use super::decode::decode;
use super::{declared, diagnostic};
use serde::de::DeserializeOwned;
use shadow_core::model::{Problem, Problems};
use terraform_provider_framework::path::Step;
use terraform_provider_framework::schema::{Attribute, Attributes, Kind, Nesting, Source};
use terraform_provider_framework::value::Type;
use terraform_provider_framework::{Diagnostics, Path, Schema, Value};

/// Parts of one configuration that are told to have the wrong form. Each is set aside and the rest
/// read again, so that the first does not hide the others.
const UNFIT_MAX: usize = 100;

/// Everything that is certainly wrong with a configuration, but for what the schema's own checks tell.
pub(crate) fn check_known<T: DeserializeOwned>(
    config: &Value,
    schema: &Schema,
    check: impl FnOnce(T) -> Result<(), Problems>,
) -> Diagnostics {
    let mut config = declared(config, schema);
    let mut uncertain = Uncertain::default();
    fill(&mut config, &schema.attributes, &Path::root(), &mut uncertain);
    let mut found = Diagnostics::none();
    for _attempt in 0..UNFIT_MAX {
        match decode(&config, schema) {
            Ok(document) => {
                let problems = check(document).err().unwrap_or_default();
                found.extend(problems.0.iter().filter(|problem| uncertain.allows(problem)).map(diagnostic));
                return found;
            }
            // Where something is unknown, a wrong form may be that of its replacement.
            Err(unfit) if uncertain.touches(&unfit.path) => return found,
            Err(unfit) => {
                found.push(unfit.diagnostic());
                set_aside(&mut config, &schema.attributes, unfit.path.steps());
                uncertain.0.push(unfit.path);
            }
        }
    }
    found
}

/// Paths of what is not known.
#[derive(Default)]
struct Uncertain(Vec<Path>);

impl Uncertain {
    fn allows(&self, problem: &Problem) -> bool {
        let paths = std::iter::once(&problem.path).chain(&problem.related);
        !paths.map(|path| path.parse().unwrap_or_default()).any(|path| self.touches(&path))
    }

    fn touches(&self, path: &Path) -> bool {
        self.0.iter().any(|uncertain| uncertain.starts_with(path) || path.starts_with(uncertain))
    }
}

/// Replaces what is unknown or refused by the schema's own checks.
fn fill(value: &mut Value, attributes: &Attributes, path: &Path, uncertain: &mut Uncertain) {
    let Value::Object(values) = value else { return };
    for (name, value) in values {
        let Some(attribute) = attributes.get(name) else { continue };
        let path = path.join(Step::Attribute(name.clone()));
        if value.is_unknown() || attribute.checks.iter().any(|check| check.remedy(value).is_some()) {
            *value = harmless(attribute);
            uncertain.0.push(path);
            continue;
        }
        match &attribute.kind {
            Kind::Nested(Nesting::Single, attributes) => fill(value, attributes, &path, uncertain),
            Kind::Nested(_, attributes) => fill_elements(value, &path, uncertain, &|part, path, uncertain| {
                fill(part, attributes, path, uncertain);
                replace_unknown(part, || harmless_object(attributes), path, uncertain);
            }),
            Kind::Value(Type::List(element) | Type::Set(element) | Type::Map(element)) => {
                fill_elements(value, &path, uncertain, &|part, path, uncertain| {
                    replace_unknown(part, || placeholder(element), path, uncertain);
                });
            }
            Kind::Value(_) => {}
        }
        if value.has_unknown() {
            *value = std::mem::take(value).with_unknown_as(&Value::Null);
            uncertain.0.push(path);
        }
    }
}

/// Does something with each element of a collection.
fn fill_elements(
    value: &mut Value,
    path: &Path,
    uncertain: &mut Uncertain,
    action: &dyn Fn(&mut Value, &Path, &mut Uncertain),
) {
    if let Value::List(parts) = value {
        for (index, part) in parts.iter_mut().enumerate() {
            action(part, &path.join(Step::Index(index)), uncertain);
        }
    } else if let Value::Map(parts) = value {
        for (key, part) in parts {
            action(part, &path.join(Step::Key(key.clone())), uncertain);
        }
    } else if let Value::Set(parts) = value {
        // Elements of a set are found by what they are.
        parts.iter_mut().for_each(|part| action(part, path, uncertain));
    }
}

/// Replaces an element that is unknown or null, which the schema's own checks refuse.
fn replace_unknown(part: &mut Value, with: impl FnOnce() -> Value, path: &Path, uncertain: &mut Uncertain) {
    if part.is_unknown() || part.is_null() {
        *part = with();
        uncertain.0.push(path.clone());
    }
}

/// Takes the attribute at the end of a path out of a configuration.
fn set_aside(value: &mut Value, attributes: &Attributes, steps: &[Step]) {
    let (Some((Step::Attribute(name), rest)), Value::Object(values)) = (steps.split_first(), value) else { return };
    let (Some(attribute), Some(value)) = (attributes.get(name), values.get_mut(name)) else { return };
    match (&attribute.kind, rest) {
        (Kind::Nested(Nesting::Single, attributes), [_, ..]) => set_aside(value, attributes, rest),
        (Kind::Nested(_, attributes), [element, rest @ ..]) if !rest.is_empty() => {
            if let Some(part) = element_mut(value, element) {
                set_aside(part, attributes, rest);
            }
        }
        _the_attribute_itself => *value = harmless(attribute),
    }
}

fn element_mut<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match (value, step) {
        (Value::List(parts), Step::Index(index)) => parts.get_mut(*index),
        (Value::Map(parts), Step::Key(key)) => parts.get_mut(key),
        _no_element => None,
    }
}

/// Nothing where that is allowed, or else something of the right form.
fn harmless(attribute: &Attribute) -> Value {
    match &attribute.kind {
        _ if attribute.source != Source::Required => Value::Null,
        Kind::Nested(Nesting::Single, attributes) => harmless_object(attributes),
        Kind::Nested(..) | Kind::Value(_) => placeholder(&attribute.value_type()),
    }
}

fn harmless_object(attributes: &Attributes) -> Value {
    Value::object(attributes.iter().map(|(name, attribute)| (name.clone(), harmless(attribute))))
}

fn placeholder(ty: &Type) -> Value {
    match ty {
        Type::String => "unknown".into(),
        Type::Number => 1_u32.into(),
        Type::Bool => false.into(),
        Type::List(_) | Type::Tuple(_) => Value::List(Vec::new()),
        Type::Set(_) => Value::set([]),
        Type::Map(_) => Value::Map(std::collections::BTreeMap::new()),
        Type::Object(parts) => Value::object(parts.iter().map(|(name, ty)| (name.clone(), placeholder(ty)))),
        Type::Dynamic => Value::Null,
    }
}
