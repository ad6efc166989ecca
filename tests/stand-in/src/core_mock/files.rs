//! Resources as files, in the form that the equivalence tests bring theirs: each value under the name of its type.

use serde_json::{Map, Value as Json, json};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::PathBuf;
use terraform_provider_framework::Value;
use terraform_provider_framework::value::Number;

/// A folder of resources.
#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(folder: &str) -> Self {
        Self { folder: folder.into() }
    }

    /// Writes the file of a new resource.
    pub(super) fn create(&self, state: &Value) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.path(state)?;
        if path.exists() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{} exists already", path.display())));
        }
        self.write(state)
    }

    /// The resource as its file has it; `None` when the file is gone.
    pub(super) fn read(&self, state: &Value) -> Result<Option<Value>> {
        let text = match std::fs::read(self.path(state)?) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let document: Json = serde_json::from_slice(&text)?;
        let values = document.get("values").ok_or_else(|| invalid("the file has no values"))?;
        let Json::Object(values) = values else { return Err(invalid("values are no object")) };
        Ok(Some(Value::object(read_each(values)?)))
    }

    /// Writes the file of a resource that exists.
    pub(super) fn replace(&self, state: &Value) -> Result<()> {
        self.path(state)?.metadata()?;
        self.write(state)
    }

    pub(super) fn delete(&self, state: &Value) -> Result<()> {
        std::fs::remove_file(self.path(state)?)
    }

    fn write(&self, state: &Value) -> Result<()> {
        let object = write_value(state);
        let values = object.get("object").cloned().unwrap_or_default();
        std::fs::write(self.path(state)?, format!("{:#}", json!({ "values": values })))
    }

    fn path(&self, state: &Value) -> Result<PathBuf> {
        let id = state.get("id").as_str().ok_or_else(|| invalid("the resource has no id"))?;
        Ok(self.folder.join(format!("{id}.json")))
    }
}

/// A random UUID.
pub(super) fn new_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    Ok([a, b, c, d, e].join("-"))
}

/// Null and unknown parts are left out.
fn write_value(value: &Value) -> Json {
    match value {
        Value::Null | Value::Unknown | Value::Dynamic(_) => json!({}),
        Value::Bool(value) => json!({ "boolean": value }),
        Value::Number(number) => json!({ "number": number.as_str() }),
        Value::String(text) => json!({ "string": text }),
        Value::List(parts) => json!({ "list": parts.iter().map(write_value).collect::<Vec<_>>() }),
        Value::Set(parts) => json!({ "set": parts.iter().map(write_value).collect::<Vec<_>>() }),
        Value::Map(parts) => {
            json!({ "map": parts.iter().map(|(key, part)| (key.clone(), write_value(part))).collect::<Map<_, _>>() })
        }
        Value::Object(parts) => {
            let there = parts.iter().filter(|(_, part)| !part.is_null());
            json!({ "object": there.map(|(name, part)| (name.clone(), write_value(part))).collect::<Map<_, _>>() })
        }
    }
}

fn read_value(json: &Json) -> Result<Value> {
    let Some((ty, content)) = json.as_object().and_then(|parts| parts.iter().next()) else { return Ok(Value::Null) };
    match (ty.as_str(), content) {
        ("boolean", Json::Bool(value)) => Ok(Value::Bool(*value)),
        ("number", Json::String(text)) => Number::parse(text).map(Value::from).ok_or_else(|| invalid(text)),
        ("string", Json::String(text)) => Ok(text.as_str().into()),
        ("list", Json::Array(parts)) => Ok(Value::List(parts.iter().map(read_value).collect::<Result<_>>()?)),
        ("set", Json::Array(parts)) => Ok(Value::set(parts.iter().map(read_value).collect::<Result<Vec<_>>>()?)),
        ("map", Json::Object(parts)) => Ok(Value::Map(read_each(parts)?.into_iter().collect())),
        ("object", Json::Object(parts)) => Ok(Value::object(read_each(parts)?)),
        _ => Err(invalid(&json.to_string())),
    }
}

fn read_each(parts: &Map<String, Json>) -> Result<Vec<(String, Value)>> {
    parts.iter().map(|(name, part)| Ok((name.clone(), read_value(part)?))).collect()
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a resource: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_written_and_read_back() {
        let state = Value::object([
            ("id", Value::from("x")),
            ("absent", Value::Null),
            ("share", Value::from(Number::parse("0.5"))),
            ("parts", Value::List(vec![Value::object([("on", Value::Bool(true))])])),
            ("names", Value::set([Value::from("b"), Value::from("a")])),
            ("by_key", Value::Map([("k".to_owned(), Value::from("v"))].into())),
        ]);
        let Json::Object(written) = write_value(&state)["object"].clone() else { panic!() };
        assert_eq!(written["share"], json!({ "number": "0.5" }));
        let Value::Object(mut expected) = state else { panic!() };
        expected.remove("absent");
        assert_eq!(Value::object(read_each(&written).unwrap()), Value::Object(expected));
        assert!(read_value(&json!({ "string": 7 })).is_err());
    }

    #[test]
    fn ids_are_uuids_of_their_own() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
