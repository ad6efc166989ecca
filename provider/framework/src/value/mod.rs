//! Values as Terraform has them: possibly null, possibly not yet known. Plain data; no wire format.

mod json;
mod number;
pub(crate) mod raw;
mod types;

pub use json::{DynamicForm, Mismatch, NotJson};
pub use number::Number;
use std::collections::BTreeMap;
pub use types::Type;

/// A value of any type.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Absent.
    #[default]
    Null,
    /// Decided only at apply.
    Unknown,
    /// `true` or `false`.
    Bool(bool),
    /// A decimal number.
    Number(Number),
    /// Text.
    String(String),
    /// Ordered values; also those of a tuple.
    List(Vec<Self>),
    /// Unordered values, in the order that [`Value::set`] gives them.
    Set(Vec<Self>),
    /// Values by name, all of one type.
    Map(BTreeMap<String, Self>),
    /// Values by attribute name.
    Object(BTreeMap<String, Self>),
    /// What stands where the schema says [`Type::Dynamic`]: a value with its type.
    Dynamic(Box<Dynamic>),
}

/// A value with the type that it has by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dynamic {
    /// Its type; never [`Type::Dynamic`].
    pub ty: Type,
    /// The value.
    pub value: Value,
}

static NULL: Value = Value::Null;

impl Value {
    /// An object of these attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Self)>) -> Self {
        // A loop: to collect them, the program would have the code to sort them once more for each kind of iterator.
        let mut object = BTreeMap::new();
        for (name, value) in attributes {
            object.insert(name.into(), value);
        }
        Self::Object(object)
    }

    /// A set of these values, in the one order that makes equal sets equal values.
    pub fn set(values: impl IntoIterator<Item = Self>) -> Self {
        let mut values: Vec<Self> = values.into_iter().collect();
        values.sort();
        Self::Set(values)
    }

    /// Whether it is null, whatever its type.
    pub fn is_null(&self) -> bool {
        if let Self::Dynamic(dynamic) = self { dynamic.value.is_null() } else { matches!(self, Self::Null) }
    }

    /// Whether it is itself unknown; parts of a known value may still be.
    pub fn is_unknown(&self) -> bool {
        if let Self::Dynamic(dynamic) = self { dynamic.value.is_unknown() } else { matches!(self, Self::Unknown) }
    }

    /// Whether it or any part of it is unknown.
    pub fn has_unknown(&self) -> bool {
        self.is_unknown() || self.parts().any(Self::has_unknown)
    }

    /// The attribute or map element of that name; null where there is none.
    pub fn get(&self, name: &str) -> &Self {
        let (Self::Object(parts) | Self::Map(parts)) = self else { return &NULL };
        parts.get(name).unwrap_or(&NULL)
    }

    /// The list or set element at that index; null where there is none.
    pub fn element(&self, index: usize) -> &Self {
        let (Self::List(parts) | Self::Set(parts)) = self else { return &NULL };
        parts.get(index).unwrap_or(&NULL)
    }

    /// Gives an object's attribute a value; does nothing to other values.
    pub fn put(&mut self, name: &str, value: impl Into<Self>) {
        if let Self::Object(attributes) = self {
            attributes.insert(name.to_owned(), value.into());
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A known number.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The same value with `replacement` wherever something was unknown.
    #[must_use]
    pub fn with_unknown_as(self, replacement: &Self) -> Self {
        match self {
            Self::Unknown => replacement.clone(),
            Self::List(parts) => Self::List(parts.into_iter().map(|v| v.with_unknown_as(replacement)).collect()),
            Self::Set(parts) => Self::set(parts.into_iter().map(|v| v.with_unknown_as(replacement))),
            Self::Map(parts) => Self::Map(replace_in(parts, replacement)),
            Self::Object(parts) => Self::Object(replace_in(parts, replacement)),
            Self::Dynamic(dynamic) if dynamic.value.is_unknown() => replacement.clone(),
            Self::Dynamic(dynamic) => {
                let Dynamic { ty, value } = *dynamic;
                Self::Dynamic(Box::new(Dynamic { ty, value: value.with_unknown_as(replacement) }))
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => self,
        }
    }

    pub(crate) fn parts(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(parts) | Self::Set(parts) => Box::new(parts.iter()),
            Self::Map(parts) | Self::Object(parts) => Box::new(parts.values()),
            Self::Dynamic(dynamic) => Box::new(std::iter::once(&dynamic.value)),
            Self::Null | Self::Unknown | Self::Bool(_) | Self::Number(_) | Self::String(_) => {
                Box::new(std::iter::empty())
            }
        }
    }
}

fn replace_in(parts: BTreeMap<String, Value>, replacement: &Value) -> BTreeMap<String, Value> {
    parts.into_iter().map(|(name, value)| (name, value.with_unknown_as(replacement))).collect()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_whatever_their_order() {
        let set = |parts: [&str; 3]| Value::set(parts.map(Value::from));
        assert_eq!(set(["a", "b", "c"]), set(["c", "a", "b"]));
    }

    #[test]
    fn the_unknown_is_found_and_replaced_at_any_depth() {
        let typed = |value| Value::Dynamic(Box::new(Dynamic { ty: Type::String, value }));
        let value = Value::object([
            ("list", Value::List(vec![Value::from("known"), Value::Unknown])),
            ("any", typed(Value::Unknown)),
        ]);
        assert!(value.has_unknown() && !value.is_unknown());
        let known = value.with_unknown_as(&Value::Null);
        assert!(!known.has_unknown());
        assert_eq!(known.get("list"), &Value::List(vec![Value::from("known"), Value::Null]));
        assert!(known.get("any").is_null());
    }
}
