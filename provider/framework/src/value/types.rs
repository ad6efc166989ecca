//! Terraform's types, and their compact JSON form, as in `["list","string"]`.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A decimal number.
    Number,
    /// Text.
    String,
    /// Any type; the value says which.
    Dynamic,
    /// Ordered values of one type.
    List(Box<Self>),
    /// Unordered values of one type.
    Set(Box<Self>),
    /// Values of one type by name.
    Map(Box<Self>),
    /// Values by a fixed set of names, each of its own type.
    Object(BTreeMap<String, Self>),
    /// A fixed number of values, each of its own type. Its values are [`super::Value::List`]s.
    Tuple(Vec<Self>),
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of `element`.
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map of `element`.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// The form in which types go over the wire.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Object(attributes) => {
                let attributes: serde_json::Map<String, Json> =
                    attributes.iter().map(|(name, ty)| (name.clone(), ty.to_json())).collect();
                json!(["object", attributes])
            }
            Self::Tuple(elements) => json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()]),
        }
    }

    /// Reads the wire's form; `None` when it is not a type.
    pub fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::String(name) => Self::primitive(name),
            Json::Array(parts) => Self::compound(parts.first()?.as_str()?, parts.get(1)?),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
        }
    }

    fn primitive(name: &str) -> Option<Self> {
        match name {
            "bool" => Some(Self::Bool),
            "number" => Some(Self::Number),
            "string" => Some(Self::String),
            "dynamic" => Some(Self::Dynamic),
            _ => None,
        }
    }

    fn compound(kind: &str, argument: &Json) -> Option<Self> {
        match kind {
            "list" => Some(Self::list(Self::from_json(argument)?)),
            "set" => Some(Self::set(Self::from_json(argument)?)),
            "map" => Some(Self::map(Self::from_json(argument)?)),
            "object" => {
                let attributes = argument.as_object()?.iter();
                Some(Self::Object(
                    attributes.map(|(k, v)| Some((k.clone(), Self::from_json(v)?))).collect::<Option<_>>()?,
                ))
            }
            "tuple" => Some(Self::Tuple(argument.as_array()?.iter().map(Self::from_json).collect::<Option<_>>()?)),
            _ => None,
        }
    }

    /// The word for it in messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Dynamic => "a value with its type",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            Self::Tuple(_) => "a tuple",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_over_the_wire_and_back() {
        for text in [
            r#""bool""#,
            r#""dynamic""#,
            r#"["list","string"]"#,
            r#"["set",["map","number"]]"#,
            r#"["object",{"a":"string","b":["tuple",["bool","number"]]}]"#,
        ] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert_eq!(Type::from_json(&json).unwrap().to_json(), json);
        }
        for bad in [json!("text"), json!(["list"]), json!(["bag", "string"]), json!(7)] {
            assert_eq!(Type::from_json(&bad), None, "{bad}");
        }
    }
}
