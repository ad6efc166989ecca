//! The framework's plain types to and from the messages of the wire. No decisions.

mod diagnostics;
mod limits;
mod msgpack;
mod schema;

pub(crate) use diagnostics::{deferred, diagnostics, function_error, path};
pub(crate) use schema::{function, identity, schema};

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6::DynamicValue;
use crate::value::{DynamicForm, Type, Value, raw};
use serde_json::Value as Json;

/// Reads a value of that type; an absent message is null.
pub(crate) fn decode(message: Option<DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    let DynamicValue { msgpack, json } = message.unwrap_or_default();
    if !msgpack.is_empty() {
        return msgpack::decode(&msgpack, ty).map_err(|error| unreadable(&error.to_string()));
    }
    if json.is_empty() {
        return Ok(Value::Null);
    }
    let json = json_document(&json).map_err(|error| unreadable(&error))?;
    state(&json, ty).map_err(|error| unreadable(&error))
}

/// Reads the JSON of a state, an identity or a value. Numbers that would be rounded are texts.
pub(crate) fn json_document(bytes: &[u8]) -> Result<Json, String> {
    limits::check_json(bytes).map_err(|error| error.to_string())?;
    raw::parse(bytes).map_err(|error| error.to_string())
}

/// Bytes as a message.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn message(msgpack: &[u8]) -> DynamicValue {
    DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() }
}

/// The value of a state's document.
pub(crate) fn state(json: &Json, ty: &Type) -> Result<Value, String> {
    Value::from_json(json, ty, DynamicForm::Tagged).map_err(|error| error.to_string())
}

/// Writes a value of that type.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<DynamicValue, Diagnostics> {
    let msgpack = msgpack::encode(value, ty)
        .map_err(|error| Diagnostic::bug(format!("A value does not fit the schema: {error}")))?;
    Ok(DynamicValue { msgpack, json: Vec::new() })
}

fn unreadable(error: &str) -> Diagnostics {
    let detail = format!("{error}. If this persists, report it to the provider's developers.");
    Diagnostic::error("Terraform sent a value that does not fit the schema", detail).into()
}
