//! Terraform's values to and from the documents of `shadow_core::model`, and the problems of those
//! documents as diagnostics at the attribute that is meant.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shadow_core::model::{Problem, Problems, name};
use terraform_provider_framework::path::Step;
use terraform_provider_framework::schema::{Attributes, Kind, Nesting, Source};
use terraform_provider_framework::value::{DynamicForm, Type};
use terraform_provider_framework::{Diagnostic, Diagnostics, Path, Schema, Value};

/// The document that a resource declares: its value without what only the provider knows.
///
/// # Errors
/// When the value does not have the document's form.
pub(crate) fn document<T: DeserializeOwned>(value: &Value, schema: &Schema) -> Result<T, Diagnostics> {
    declared(value, schema).decode().map_err(|error| Diagnostic::error("Invalid declaration", error.to_string()).into())
}

/// The value of a document, with null for what only the provider knows.
///
/// # Errors
/// When the document does not fit the schema, which is a bug.
pub(crate) fn value(document: &impl Serialize, schema: &Schema) -> Result<Value, Diagnostics> {
    let unfit = |error: String| Diagnostic::error("A declaration does not fit the schema", error);
    let json = serde_json::to_value(document).map_err(|error| unfit(error.to_string()))?;
    let value = Value::from_json(&json, &schema.object_type(), DynamicForm::Plain);
    Ok(value.map_err(|mismatch| unfit(mismatch.to_string()))?)
}

/// Checks a configuration as far as it is known. What is unknown is replaced by something harmless,
/// and problems there, or anywhere around it, are not reported.
pub(crate) fn check_known<T: DeserializeOwned>(
    config: &Value,
    schema: &Schema,
    check: impl FnOnce(T) -> Result<(), Problems>,
) -> Diagnostics {
    let mut config = declared(config, schema);
    let mut unknown = Vec::new();
    fill(&mut config, &schema.attributes, &Path::root(), &mut unknown);
    let document = match config.decode() {
        Ok(document) => document,
        // With a placeholder in it, a document may well have no meaning.
        Err(_) if !unknown.is_empty() => return Diagnostics::none(),
        Err(error) => return Diagnostic::error("Invalid declaration", error.to_string()).into(),
    };
    let found = diagnostics(check(document));
    let certain = |found: &Diagnostic| {
        !unknown.iter().any(|path: &Path| path.starts_with(&found.path) || found.path.starts_with(path))
    };
    found.into_iter().filter(certain).collect()
}

/// Turns problems into an error.
///
/// # Errors
/// Every problem, at its attribute.
pub(crate) fn accepted(checked: Result<(), Problems>) -> Result<(), Diagnostics> {
    let found = diagnostics(checked);
    if found.has_errors() { Err(found) } else { Ok(()) }
}

/// Every problem, at its attribute.
fn diagnostics(checked: Result<(), Problems>) -> Diagnostics {
    checked.err().unwrap_or_default().0.iter().map(diagnostic).collect()
}

/// A problem, at its attribute.
pub(crate) fn diagnostic(problem: &Problem) -> Diagnostic {
    let Problem { path, summary, remedy } = problem;
    Diagnostic::error(format!("Invalid {path}"), format!("{path}: {summary}; {remedy}."))
        .at(path.parse().unwrap_or_default())
}

/// Refuses what cannot be a name, before it becomes part of a path or URL.
///
/// # Errors
/// What a name may be.
pub(crate) fn check_name(text: &str, what: &str) -> Result<(), Diagnostics> {
    if name::is_valid(text) {
        return Ok(());
    }
    Err(Diagnostic::error(format!("Invalid {what}"), format!("{text:?} is not a name: {}.", name::RULE)).into())
}

/// Without the attributes that only the provider fills in.
fn declared(value: &Value, schema: &Schema) -> Value {
    let own = |name: &String| schema.attributes.get(name).is_some_and(|it| it.source != Source::Computed);
    let Value::Object(attributes) = value else { return value.clone() };
    Value::object(attributes.iter().filter(|(name, _)| own(name)).map(|(name, value)| (name.clone(), value.clone())))
}

/// Replaces unknown attributes: required ones by a placeholder of their type, others by nothing.
fn fill(value: &mut Value, attributes: &Attributes, path: &Path, unknown: &mut Vec<Path>) {
    let Value::Object(values) = value else { return };
    for (name, value) in values {
        let Some(attribute) = attributes.get(name) else { continue };
        let path = path.join(Step::Attribute(name.clone()));
        if value.is_unknown() {
            let required = attribute.source == Source::Required;
            *value = if required { placeholder(&attribute.value_type()) } else { Value::Null };
            unknown.push(path);
        } else if let Kind::Nested(nesting, attributes) = &attribute.kind {
            fill_nested(value, *nesting, attributes, &path, unknown);
        } else if value.has_unknown() {
            *value = std::mem::take(value).with_unknown_as(&placeholder(&Type::String));
            unknown.push(path);
        }
    }
}

fn fill_nested(value: &mut Value, nesting: Nesting, attributes: &Attributes, path: &Path, unknown: &mut Vec<Path>) {
    if nesting == Nesting::Single {
        return fill(value, attributes, path, unknown);
    }
    let Value::Map(parts) = value else { return };
    for (key, part) in parts {
        let path = path.join(Step::Key(key.clone()));
        if part.is_unknown() {
            *part = Value::object(attributes.iter().map(|(name, it)| (name.clone(), placeholder(&it.value_type()))));
            unknown.push(path);
        } else {
            fill(part, attributes, &path, unknown);
        }
    }
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
