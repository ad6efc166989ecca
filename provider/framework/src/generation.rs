//! The configuration that a state stands for: what a user would have to write to get it. For
//! `terraform plan -generate-config-out` and what is found by `terraform query`.

use crate::schema::{Attribute, Attributes, Kind, Schema, Source};
use crate::value::Value;

/// A state without what no user writes: what only the provider gives, what is write-only or deprecated,
/// and what equals its default.
pub(crate) fn configuration(schema: &Schema, mut state: Value) -> Value {
    leave_out(&schema.attributes, &mut state);
    state
}

fn leave_out(attributes: &Attributes, value: &mut Value) {
    let Value::Object(values) = value else { return };
    for (name, attribute) in attributes {
        let Some(value) = values.get_mut(name) else { continue };
        if is_left_out(attribute, value) {
            *value = Value::Null;
        } else if let Kind::Nested(_, attributes) = &attribute.kind {
            leave_out_in_elements(attributes, value);
        }
    }
}

fn is_left_out(attribute: &Attribute, value: &Value) -> bool {
    let unwritten = attribute.source == Source::Computed || attribute.write_only;
    let optional = attribute.source != Source::Required;
    unwritten || optional && (attribute.deprecation.is_some() || attribute.default.as_ref() == Some(value))
}

fn leave_out_in_elements(attributes: &Attributes, value: &mut Value) {
    match value {
        Value::Object(_) => leave_out(attributes, value),
        Value::List(parts) => parts.iter_mut().for_each(|part| leave_out(attributes, part)),
        Value::Map(parts) => parts.values_mut().for_each(|part| leave_out(attributes, part)),
        Value::Set(parts) => {
            let edited = std::mem::take(parts).into_iter().map(|mut part| {
                leave_out(attributes, &mut part);
                part
            });
            *value = Value::set(edited);
        }
        Value::Null | Value::Unknown | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Dynamic(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Nesting, attributes};

    fn schema() -> Schema {
        let part = attributes([
            ("size", Attribute::number("").required()),
            ("class", Attribute::string("").with_default("small")),
            ("serial", Attribute::string("").computed()),
        ]);
        Schema::new(
            "",
            attributes([
                ("id", Attribute::string("").computed()),
                ("name", Attribute::string("").required()),
                ("port", Attribute::number("").optional_computed()),
                ("old", Attribute::string("").deprecated("Use name.")),
                ("key_wo", Attribute::string("").write_only()),
                ("list", Attribute::nested(Nesting::List, part.clone(), "")),
                ("set", Attribute::nested(Nesting::Set, part.clone(), "")),
                ("map", Attribute::nested(Nesting::Map, part, "")),
            ]),
        )
    }

    fn part(class: Value, serial: Value) -> Value {
        Value::object([("size", Value::from(1_u32)), ("class", class), ("serial", serial)])
    }

    fn whole(part: Value, id: Value, old: Value) -> Value {
        Value::object([
            ("id", id),
            ("name", "n".into()),
            ("port", 4242_u32.into()),
            ("old", old),
            ("key_wo", Value::Null),
            ("list", Value::List(vec![part.clone()])),
            ("set", Value::set([part.clone()])),
            ("map", Value::Map([("k".to_owned(), part)].into())),
        ])
    }

    #[test]
    fn what_a_user_would_not_write_is_left_out_at_every_depth() {
        let state = whole(part("small".into(), "s-1".into()), "id-1".into(), "o".into());
        let expected = whole(part(Value::Null, Value::Null), Value::Null, Value::Null);
        assert_eq!(configuration(&schema(), state), expected);
    }

    #[test]
    fn what_differs_from_its_default_is_kept() {
        let state = whole(part("large".into(), Value::Null), Value::Null, Value::Null);
        assert_eq!(configuration(&schema(), state.clone()), state);
    }
}
