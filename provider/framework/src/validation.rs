//! Checks that a schema states as data, applied to a configuration. What is unknown passes.

use crate::diagnostics::{Diagnostic, Diagnostics, recognisable};
use crate::path::Path;
use crate::schema::{Attribute, Attributes, Kind, Nesting, Schema};
use crate::value::{Type, Value};

/// Everything in `config` that does not satisfy the schema's checks.
pub(crate) fn validate(schema: &Schema, config: &Value) -> Diagnostics {
    let mut found = Diagnostics::none();
    object(&schema.attributes, config, Shown::Yes, &mut Path::root(), &mut found);
    found
}

/// Whether diagnostics show values: not those that Terraform hides, nor any part of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

impl Shown {
    fn of(self, attribute: &Attribute) -> Self {
        if attribute.sensitive || attribute.write_only { Self::No } else { self }
    }

    fn text(self, value: &Value) -> String {
        match self {
            Self::Yes => recognisable(value.to_json().map(|json| json.to_string()).unwrap_or_default()),
            // In Terraform's own words.
            Self::No => "(sensitive value)".to_owned(),
        }
    }
}

fn object(attributes: &Attributes, config: &Value, shown: Shown, path: &mut Path, found: &mut Diagnostics) {
    for (name, attribute) in attributes {
        let value = config.get(name);
        path.within_attribute(name, |path| self::attribute(attribute, value, shown.of(attribute), path, found));
    }
}

fn attribute(attribute: &Attribute, value: &Value, shown: Shown, path: &mut Path, found: &mut Diagnostics) {
    for remedy in attribute.checks.iter().filter_map(|check| check.remedy(value)) {
        let shown = shown.text(value);
        found.push(
            Diagnostic::error(format!("Invalid {path}"), format!("{path} = {shown}: {remedy}.")).at(path.clone()),
        );
    }
    match &attribute.kind {
        Kind::Value(Type::List(_) | Type::Set(_) | Type::Map(_)) => no_null_elements(value, path, found),
        Kind::Value(_) => {}
        Kind::Nested(Nesting::Single, attributes) => {
            if matches!(value, Value::Object(_)) {
                object(attributes, value, shown, path, found);
            }
        }
        Kind::Nested(_, attributes) => {
            no_null_elements(value, path, found);
            each_element(value, path, |element, path| {
                if matches!(element, Value::Object(_)) {
                    object(attributes, element, shown, path, found);
                }
            });
        }
    }
}

/// A null element has no meaning that a resource could give it.
fn no_null_elements(value: &Value, path: &mut Path, found: &mut Diagnostics) {
    each_element(value, path, |element, path| {
        if element.is_null() {
            let detail = format!("{path} is null: leave the element out, or give it a value.");
            found.push(Diagnostic::error("Null element", detail).at(path.clone()));
        }
    });
}

fn each_element(value: &Value, path: &mut Path, mut action: impl FnMut(&Value, &mut Path)) {
    if let Value::List(parts) = value {
        for (index, part) in parts.iter().enumerate() {
            path.within_index(index, |path| action(part, path));
        }
    } else if let Value::Set(parts) = value {
        for part in parts {
            path.within_element(|path| action(part, path));
        }
    } else if let Value::Map(parts) = value {
        for (key, part) in parts {
            path.within_key(key, |path| action(part, path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attributes;

    fn port() -> Attributes {
        attributes([("port", Attribute::number("").integer(1, 65535))])
    }

    #[test]
    fn every_problem_is_found_at_its_path() {
        let schema = Schema::new(
            "",
            attributes([
                ("mode", Attribute::string("").one_of(&["a", "b"])),
                ("words", Attribute::new(Type::list(Type::String), "")),
                ("ports", Attribute::nested(Nesting::Set, port(), "")),
                ("parts", Attribute::nested(Nesting::Map, port(), "")),
            ]),
        );
        let config = Value::object([
            ("mode", Value::from("c")),
            ("words", Value::List(vec!["x".into(), Value::Null, Value::Unknown])),
            ("ports", Value::set([Value::object([("port", Value::from(0_u32))])])),
            ("parts", Value::Map([("k".to_owned(), Value::object([("port", Value::from(0_u32))]))].into())),
        ]);
        let found = validate(&schema, &config);
        let paths: Vec<String> = found.iter().map(|diagnostic| diagnostic.path.to_string()).collect();
        assert_eq!(paths, ["mode", r#"parts["k"].port"#, "ports[*].port", "words[1]"]);
        assert!(validate(&schema, &Value::object([("mode", Value::Unknown)])).is_empty());
    }

    #[test]
    fn a_sensitive_value_is_not_shown_nor_any_part_of_it() {
        let mode = || Attribute::string("").one_of(&["a", "b"]);
        let parts = |nesting| Attribute::nested(nesting, attributes([("mode", mode())]), "");
        let schema = Schema::new(
            "",
            attributes([
                ("list", parts(Nesting::List).write_only()),
                ("object", parts(Nesting::Single).sensitive()),
                ("plain", mode()),
                ("text", mode().sensitive()),
            ]),
        );
        let part = Value::object([("mode", Value::from("hunter2"))]);
        let config = Value::object([
            ("list", Value::List(vec![part.clone()])),
            ("object", part),
            ("plain", "hunter3".into()),
            ("text", "hunter2".into()),
        ]);
        let details: Vec<String> = validate(&schema, &config).into_iter().map(|it| it.detail).collect();
        assert_eq!(
            details,
            [
                "list[0].mode = (sensitive value): use one of a, b.",
                "object.mode = (sensitive value): use one of a, b.",
                r#"plain = "hunter3": use one of a, b."#,
                "text = (sensitive value): use one of a, b.",
            ]
        );
    }

    #[test]
    fn a_long_value_is_shown_by_its_beginning() {
        let schema = Schema::new("", attributes([("mode", Attribute::string("").one_of(&["a", "b"]))]));
        let found = validate(&schema, &Value::object([("mode", Value::from("ä".repeat(1 << 20)))]));
        let detail: String = found.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
        assert!(detail.starts_with("mode = \"äää") && detail.len() < 300 && detail.contains("ä…: "), "{detail}");
    }
}
