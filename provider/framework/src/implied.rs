//! Null that stands for a default: what is planned where the user gives nothing, and what a state says of what was read.
//! Pure functions; only for schemas with [`Defaults::Implied`](crate::schema::Defaults::Implied).

use crate::schema::{Attribute, Attributes, Kind, Nesting};
use crate::value::Value;

/// What is planned for an attribute that the user does not give: null where the state has nothing; what the state has, where
/// that is the default; and else the default, so that a plan shows what becomes of a value that is given up.
pub(crate) fn settled(attribute: &Attribute, prior: &Value, default: &Value) -> Value {
    match (&attribute.kind, prior, default) {
        (_, Value::Null, _) => Value::Null,
        (Kind::Nested(Nesting::Single, attributes), Value::Object(_), Value::Object(_)) => {
            let part =
                |(name, it): (&String, &Attribute)| (name.clone(), settled(it, prior.get(name), default.get(name)));
            Value::object(attributes.iter().map(part))
        }
        _whole => default.clone(),
    }
}

/// What was read of an object, with null wherever a default was read and the state before had null.
pub(crate) fn recalled(attributes: &Attributes, read: Value, before: &Value) -> Value {
    let Value::Object(parts) = read else { return read };
    Value::object(parts.into_iter().map(|(name, part)| {
        let before = before.get(&name);
        let part = match attributes.get(&name) {
            Some(attribute) => recalled_part(attribute, part, before),
            None => part,
        };
        (name, part)
    }))
}

fn recalled_part(attribute: &Attribute, read: Value, before: &Value) -> Value {
    if before.is_null() && attribute.default.as_ref() == Some(&read) {
        return Value::Null;
    }
    let Kind::Nested(nesting, attributes) = &attribute.kind else { return read };
    match (nesting, read) {
        // Of an object that differs from the default in a part, the state has that part.
        (Nesting::Single, read) if !before.is_null() || attribute.default.is_some() => {
            recalled(attributes, read, before)
        }
        (Nesting::List, Value::List(parts)) => {
            let part = |(index, part)| recalled(attributes, part, before.element(index));
            Value::List(parts.into_iter().enumerate().map(part).collect())
        }
        (Nesting::Map, Value::Map(parts)) => {
            let part = |(key, part): (String, Value)| {
                let before = before.get(&key);
                (key, recalled(attributes, part, before))
            };
            Value::Map(parts.into_iter().map(part).collect())
        }
        (Nesting::Set, Value::Set(parts)) => {
            Value::set(parts.into_iter().map(|part| recalled_element(attributes, part, before)))
        }
        (_, read) => read,
    }
}

/// An element of a set has no key: it is the one from before that it means the same as, if there is one.
fn recalled_element(attributes: &Attributes, read: Value, before: &Value) -> Value {
    let same = before.parts().find(|element| recalled(attributes, read.clone(), element) == **element);
    same.cloned().unwrap_or(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attributes;
    use crate::value::{DynamicForm, Type};
    use serde_json::{Value as Json, json};

    fn part() -> Attributes {
        attributes([("size", Attribute::number("").required()), ("class", Attribute::string("").with_default("small"))])
    }

    fn schema() -> Attributes {
        let shift = attributes([
            ("steps", Attribute::new(Type::list(Type::Number), "").with_default_of(&json!([5, 50]))),
            ("passes", Attribute::number("").with_default(2_u32)),
            ("note", Attribute::string("")),
        ]);
        let shift = Attribute::nested(Nesting::Single, shift, "");
        attributes([
            ("mode", Attribute::string("").with_default("observe")),
            ("note", Attribute::string("")),
            ("shift", shift.with_default_of(&json!({"steps": [5, 50], "passes": 2}))),
            ("parts", Attribute::nested(Nesting::Map, part(), "")),
            ("set", Attribute::nested(Nesting::Set, part(), "")),
        ])
    }

    fn value(json: &Json) -> Value {
        Value::from_json(json, &crate::schema::object_type(&schema()), DynamicForm::Plain).unwrap()
    }

    /// What a state says of a document, given what it said before.
    fn check_read(document: &Json, before: &Json, state: &Json) {
        assert_eq!(recalled(&schema(), value(document), &value(before)), value(state), "{document} after {before}");
    }

    #[test]
    fn a_default_that_nobody_gave_is_null() {
        let document = json!({"mode": "observe", "shift": {"steps": [5, 50], "passes": 2}});
        check_read(&document, &json!({}), &json!({}));
        check_read(&document, &json!({"shift": {"passes": 2}}), &json!({"shift": {"passes": 2}}));
        check_read(&document, &document, &document);
    }

    #[test]
    fn what_others_changed_shows_and_nothing_beside_it() {
        let changed = json!({"mode": "full", "note": "theirs", "shift": {"steps": [5, 50], "passes": 3}});
        let seen = json!({"mode": "full", "note": "theirs", "shift": {"passes": 3}});
        check_read(&changed, &json!({}), &seen);
        check_read(&changed, &json!({"mode": "observe", "note": "mine", "shift": {"passes": 2}}), &seen);
    }

    #[test]
    fn elements_are_found_by_key_or_by_what_they_mean() {
        let full = |size: u32| json!({"size": size, "class": "small"});
        let (written, read) = (json!({"size": 1}), full(1));
        check_read(
            &json!({"parts": {"k": read}}),
            &json!({"parts": {"k": written}}),
            &json!({"parts": {"k": written}}),
        );
        check_read(
            &json!({"set": [full(2), read]}),
            &json!({"set": [written, full(2)]}),
            &json!({"set": [written, full(2)]}),
        );
        check_read(&json!({"set": [full(3)]}), &json!({"set": [written]}), &json!({"set": [full(3)]}));
    }

    #[test]
    fn what_the_user_gives_up_becomes_the_default() {
        let schema = schema();
        let planned = |name: &str, prior: Json| {
            let prior = value(&json!({ name: prior }));
            let attribute = &schema[name];
            settled(attribute, prior.get(name), attribute.default.as_ref().unwrap())
        };
        let wanted = |name: &str, json: Json| value(&json!({ name: json })).get(name).clone();
        assert_eq!(planned("mode", json!(null)), Value::Null);
        assert_eq!(planned("mode", json!("observe")), "observe".into());
        assert_eq!(planned("mode", json!("full")), "observe".into());
        assert_eq!(planned("shift", json!({"passes": 3, "note": "x"})), wanted("shift", json!({"passes": 2})));
        assert_eq!(
            planned("shift", json!({"steps": [5, 50], "passes": 2})),
            wanted("shift", json!({"steps": [5, 50], "passes": 2}))
        );
    }
}
