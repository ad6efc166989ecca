//! What tells one resource from all others of its type, apart from its other attributes: by it a
//! resource is listed, and imported without an id made up by the provider.

use crate::value::{Type, Value};
use std::collections::BTreeMap;

/// The identity of a type of resource. Its attributes are attributes of the resource too, of the same
/// name and type, so that every state has its identity in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentitySchema {
    /// Raised when identities written by an older schema must be upgraded.
    pub version: i64,
    /// By name. Types are primitive, or lists of primitive types.
    pub attributes: BTreeMap<String, IdentityAttribute>,
}

/// One attribute of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityAttribute {
    /// What it holds.
    pub ty: Type,
    /// Its meaning.
    pub description: String,
    /// Whether an import must name it; otherwise the provider finds out.
    pub required: bool,
}

impl IdentitySchema {
    /// An identity of one text that an import must name.
    pub fn of_text(name: &str, description: &str) -> Self {
        Self::default().with(name, Type::String, description, true)
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, ty: Type, description: &str, required: bool) -> Self {
        let attribute = IdentityAttribute { ty, description: description.to_owned(), required };
        self.attributes.insert(name.to_owned(), attribute);
        self
    }

    /// The type of the whole.
    pub fn object_type(&self) -> Type {
        Type::Object(self.attributes.iter().map(|(name, attribute)| (name.clone(), attribute.ty.clone())).collect())
    }

    /// The identity in a state or plan; `None` while a part of it is null or unknown.
    pub fn of_state(&self, state: &Value) -> Option<Value> {
        let identity = Value::object(self.attributes.keys().map(|name| (name.clone(), state.get(name).clone())));
        let partly = self.attributes.keys().any(|name| identity.get(name).is_null());
        (!partly && !identity.has_unknown()).then_some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_its_identity_once_all_of_it_is_known() {
        let schema = IdentitySchema::of_text("name", "").with("zone", Type::String, "", false);
        let state = |zone| Value::object([("name", "a".into()), ("zone", zone), ("size", 3_u32.into())]);
        let identity = Value::object([("name", Value::from("a")), ("zone", "z".into())]);
        assert_eq!(schema.of_state(&state("z".into())), Some(identity));
        assert_eq!(schema.of_state(&state(Value::Unknown)), None);
        assert_eq!(schema.of_state(&state(Value::Null)), None);
    }
}
