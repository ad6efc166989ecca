//! Terraform's values to and from the documents of `shadow_core::model`, and the problems of those
//! documents as diagnostics at the attribute that is meant.

mod decode;
mod known;

pub(crate) use known::check_known;

use decode::{Unfit, decode, read};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use shadow_core::model::check::excerpt;
use shadow_core::model::{Problem, Problems, name};
use terraform_provider_framework::schema::Source;
use terraform_provider_framework::value::DynamicForm;
use terraform_provider_framework::{Attribute, Diagnostic, Diagnostics, Schema, Value, timeouts};

/// The document that a resource declares: its value without what only the provider knows.
///
/// # Errors
/// When the value does not have the document's form.
pub(crate) fn document<T: DeserializeOwned>(value: &Value, schema: &Schema) -> Result<T, Diagnostics> {
    decode(&declared(value, schema), schema).map_err(|unfit| unfit.diagnostic().into())
}

/// The value of a stored document, as this version reads it.
///
/// # Errors
/// When the document is not of that form.
pub(crate) fn stored<T: DeserializeOwned + Serialize>(document: Json, schema: &Schema) -> Result<Value, Diagnostics> {
    let read: T = read(document, schema).map_err(|Unfit { path, problem }| {
        let at = if path.steps().is_empty() { String::new() } else { format!("{path}: ") };
        Diagnostic::error("Invalid declaration", format!("{at}{problem}"))
    })?;
    value(&read, schema)
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
    let Problem { path, summary, remedy, related: _ } = problem;
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
    let text = excerpt(format!("{text:?}"));
    Err(Diagnostic::error(format!("Invalid {what}"), format!("{text} is not a name: {}.", name::RULE)).into())
}

/// Without the attributes that only the provider fills in, and without the times that it is given.
fn declared(value: &Value, schema: &Schema) -> Value {
    let is_declared = |attribute: &Attribute| attribute.source != Source::Computed;
    let own = |name: &String| name != timeouts::NAME && schema.attributes.get(name).is_some_and(is_declared);
    let Value::Object(attributes) = value else { return value.clone() };
    Value::object(attributes.iter().filter(|(name, _)| own(name)).map(|(name, value)| (name.clone(), value.clone())))
}
