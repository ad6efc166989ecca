//! Values to and from JSON documents, such as those of an HTTP API.

use super::{Dynamic, Number, Type, Value};
use crate::path::Path;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A value that has no JSON form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// It is decided only at apply.
    #[error("{0} is not known yet")]
    Unknown(Path),
    /// It is beyond the range of JSON readers.
    #[error("{0} is too large a number")]
    TooLarge(Path),
    /// The document does not have the form that its reader wants.
    #[error("{0}")]
    Shape(String),
}

/// JSON that is not of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct Mismatch {
    /// Where in the document.
    pub path: Path,
    /// What was wanted.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

/// How a value of dynamic type looks in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicForm {
    /// As itself, its type to be guessed: the form of documents.
    Plain,
    /// As `{"type": …, "value": …}`: the form of Terraform's state.
    Tagged,
}

impl Value {
    /// The value as a document. Null attributes of objects are left out, so that a reader's
    /// defaults apply; nulls of the user's own dynamic values stay.
    ///
    /// # Errors
    /// [`NotJson`] where a part is unknown or too large.
    pub fn to_json(&self) -> Result<Json, NotJson> {
        to_json(self, &mut Path::root(), Nulls::Dropped)
    }

    /// The value as a Rust type, by way of JSON.
    ///
    /// # Errors
    /// [`NotJson`] where a part is unknown or too large, or the type refuses it.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, NotJson> {
        serde_json::from_value(self.to_json()?).map_err(|error| NotJson::Shape(error.to_string()))
    }

    /// Reads a document: attributes it lacks are null, and what the type does not have is ignored.
    ///
    /// # Errors
    /// [`Mismatch`] at the first part that is not of its type.
    pub fn from_json(json: &Json, ty: &Type, form: DynamicForm) -> Result<Self, Mismatch> {
        from_json(json, ty, form, &mut Path::root())
    }

    /// The same value, but with the types that `before` has wherever a dynamic value means the same
    /// in JSON. A document does not tell a list from a tuple, and without this every value that a
    /// user typed otherwise would look changed.
    #[must_use]
    pub fn with_types_of(self, before: &Self) -> Self {
        match (self, before) {
            (Self::Object(new), Self::Object(old)) => Self::Object(with_types_of(new, old)),
            (Self::Map(new), Self::Map(old)) => Self::Map(with_types_of(new, old)),
            (Self::List(new), Self::List(old)) if new.len() == old.len() => {
                Self::List(new.into_iter().zip(old).map(|(new, old)| new.with_types_of(old)).collect())
            }
            (new @ (Self::Dynamic(_) | Self::Null), Self::Dynamic(_)) if new.to_json() == before.to_json() => {
                before.clone()
            }
            (new, _) => new,
        }
    }
}

fn with_types_of(new: BTreeMap<String, Value>, old: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let typed = |(name, value): (String, Value)| match old.get(&name) {
        Some(before) => (name, value.with_types_of(before)),
        None => (name, value),
    };
    new.into_iter().map(typed).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Dropped,
    Kept,
}

fn to_json(value: &Value, path: &mut Path, nulls: Nulls) -> Result<Json, NotJson> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Unknown => return Err(NotJson::Unknown(path.clone())),
        Value::Bool(value) => Json::Bool(*value),
        Value::String(text) => Json::String(text.clone()),
        Value::Number(number) => number_to_json(number).ok_or_else(|| NotJson::TooLarge(path.clone()))?,
        Value::List(parts) | Value::Set(parts) => {
            let mut list = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                list.push(path.within_index(index, |path| to_json(part, path, nulls))?);
            }
            Json::Array(list)
        }
        Value::Map(parts) => {
            let mut map = serde_json::Map::new();
            for (key, part) in parts {
                map.insert(key.clone(), path.within_key(key, |path| to_json(part, path, nulls))?);
            }
            Json::Object(map)
        }
        Value::Object(parts) => {
            let mut map = serde_json::Map::new();
            for (name, part) in parts {
                if nulls == Nulls::Kept || !part.is_null() {
                    map.insert(name.clone(), path.within_attribute(name, |path| to_json(part, path, nulls))?);
                }
            }
            Json::Object(map)
        }
        Value::Dynamic(dynamic) => to_json(&dynamic.value, path, Nulls::Kept)?,
    })
}

fn number_to_json(number: &Number) -> Option<Json> {
    let integer = number.as_i64().map(Json::from).or_else(|| number.as_u64().map(Json::from));
    integer.or_else(|| serde_json::Number::from_f64(number.as_f64()).map(Json::Number))
}

fn from_json(json: &Json, ty: &Type, form: DynamicForm, path: &mut Path) -> Result<Value, Mismatch> {
    if json.is_null() {
        return Ok(Value::Null);
    }
    let value = match (ty, json) {
        (Type::Bool, Json::Bool(value)) => Value::Bool(*value),
        (Type::String, Json::String(text)) => Value::String(text.clone()),
        (Type::Number, Json::Number(number)) => {
            Value::Number(Number::parse(&number.to_string()).ok_or_else(|| mismatch(json, ty, path))?)
        }
        // Where a JSON reader would round, a state's number is a text: see `raw`.
        (Type::Number, Json::String(text)) if form == DynamicForm::Tagged => {
            Value::Number(Number::parse(text).ok_or_else(|| mismatch(json, ty, path))?)
        }
        (Type::List(element), Json::Array(parts)) => Value::List(elements(parts, element, form, path)?),
        (Type::Set(element), Json::Array(parts)) => Value::set(elements(parts, element, form, path)?),
        (Type::Tuple(types), Json::Array(parts)) if types.len() == parts.len() => {
            let mut values = Vec::with_capacity(parts.len());
            for (index, (part, ty)) in parts.iter().zip(types).enumerate() {
                values.push(path.within_index(index, |path| from_json(part, ty, form, path))?);
            }
            Value::List(values)
        }
        (Type::Map(element), Json::Object(parts)) => {
            let mut map = BTreeMap::new();
            for (key, part) in parts {
                map.insert(key.clone(), path.within_key(key, |path| from_json(part, element, form, path))?);
            }
            Value::Map(map)
        }
        (Type::Object(attributes), Json::Object(parts)) => {
            let mut object = BTreeMap::new();
            for (name, ty) in attributes {
                let part = parts.get(name).unwrap_or(&Json::Null);
                object.insert(name.clone(), path.within_attribute(name, |path| from_json(part, ty, form, path))?);
            }
            Value::Object(object)
        }
        (Type::Dynamic, _) => match form {
            DynamicForm::Plain => guess(json),
            DynamicForm::Tagged => tagged(json, path)?,
        },
        _ => return Err(mismatch(json, ty, path)),
    };
    Ok(value)
}

fn elements(parts: &[Json], ty: &Type, form: DynamicForm, path: &mut Path) -> Result<Vec<Value>, Mismatch> {
    let convert = |(index, part)| path.within_index(index, |path| from_json(part, ty, form, path));
    parts.iter().enumerate().map(convert).collect()
}

fn tagged(json: &Json, path: &mut Path) -> Result<Value, Mismatch> {
    let ty = json.get("type").and_then(Type::from_json).ok_or_else(|| mismatch(json, &Type::Dynamic, path))?;
    let value = from_json(json.get("value").unwrap_or(&Json::Null), &ty, DynamicForm::Tagged, path)?;
    Ok(Value::Dynamic(Box::new(Dynamic { ty, value })))
}

/// The type that Terraform gives to a literal that looks like this JSON.
fn guess(json: &Json) -> Value {
    let (ty, value) = guess_parts(json);
    if value.is_null() { value } else { Value::Dynamic(Box::new(Dynamic { ty, value })) }
}

fn guess_parts(json: &Json) -> (Type, Value) {
    match json {
        Json::Null => (Type::Dynamic, Value::Null),
        Json::Bool(value) => (Type::Bool, Value::Bool(*value)),
        Json::Number(number) => (Type::Number, Number::parse(&number.to_string()).into()),
        Json::String(text) => (Type::String, Value::String(text.clone())),
        Json::Array(parts) => {
            let (types, values) = parts.iter().map(guess_parts).unzip();
            (Type::Tuple(types), Value::List(values))
        }
        Json::Object(parts) => {
            let guessed = || parts.iter().map(|(name, part)| (name.clone(), guess_parts(part)));
            let types = guessed().map(|(name, (ty, _))| (name, ty)).collect();
            (Type::Object(types), Value::object(guessed().map(|(name, (_, value))| (name, value))))
        }
    }
}

fn mismatch(json: &Json, ty: &Type, path: &Path) -> Mismatch {
    let found = match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    Mismatch { path: path.clone(), expected: ty.noun(), found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    }

    #[test]
    fn documents_become_values_and_back() {
        let ty = object(&[
            ("name", Type::String),
            ("share", Type::Number),
            ("steps", Type::list(Type::Number)),
            ("any", Type::Dynamic),
            ("absent", Type::String),
        ]);
        let json = json!({"name": "x", "share": 0.1, "steps": [1, 2], "any": {"a": null, "b": [true]}});
        let value = Value::from_json(&json, &ty, DynamicForm::Plain).unwrap();
        assert_eq!(value.get("absent"), &Value::Null);
        assert_eq!(value.get("share").as_number().unwrap().as_str(), "0.1");
        assert_eq!(value.to_json().unwrap(), json);
    }

    #[test]
    fn a_mismatch_says_where() {
        let ty = object(&[("a", Type::map(Type::list(Type::Number)))]);
        let error = Value::from_json(&json!({"a": {"k": [1, "x"]}}), &ty, DynamicForm::Plain).unwrap_err();
        assert_eq!(error.to_string(), r#"a["k"][1]: expected a number, found a string"#);
    }

    #[test]
    fn an_unknown_part_has_no_document() {
        let value = Value::object([("a", Value::List(vec![Value::Unknown]))]);
        assert_eq!(value.to_json().unwrap_err().to_string(), "a[0] is not known yet");
    }

    #[test]
    fn the_state_says_the_type_of_a_dynamic_value() {
        let json = json!({"type": ["list", "string"], "value": ["a"]});
        let value = Value::from_json(&json, &Type::Dynamic, DynamicForm::Tagged).unwrap();
        let Value::Dynamic(dynamic) = value else { panic!("{value:?}") };
        assert_eq!(dynamic.ty, Type::list(Type::String));
    }

    #[test]
    fn a_read_document_keeps_the_users_types_where_it_means_the_same() {
        let typed = Value::Dynamic(Box::new(Dynamic {
            ty: Type::list(Type::String),
            value: Value::List(vec![Value::from("a")]),
        }));
        let read = |json| Value::from_json(&json, &Type::Dynamic, DynamicForm::Plain).unwrap();
        assert_ne!(read(json!(["a"])), typed);
        assert_eq!(read(json!(["a"])).with_types_of(&typed), typed);
        assert_ne!(read(json!(["b"])).with_types_of(&typed), typed);
    }
}
