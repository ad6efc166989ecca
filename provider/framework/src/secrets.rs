//! Attributes that must not be stored or not be shown: write-only ones are kept out of plans and
//! states, and what is sensitive is kept out of the log.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::log;
use crate::path::Path;
use crate::schema::{Attribute, Attributes, Kind, Nesting};
use crate::value::Value;

/// Makes null what may not be in a plan or a state.
pub(crate) fn forget_write_only(attributes: &Attributes, value: &mut Value) {
    let Value::Object(values) = value else { return };
    for (name, attribute) in attributes {
        let Some(value) = values.get_mut(name) else { continue };
        if attribute.write_only {
            *value = Value::Null;
        } else if let Kind::Nested(_, attributes) = &attribute.kind {
            forget_in_elements(attributes, value);
        }
    }
}

fn forget_in_elements(attributes: &Attributes, value: &mut Value) {
    match value {
        Value::Object(_) => forget_write_only(attributes, value),
        Value::List(parts) => parts.iter_mut().for_each(|part| forget_write_only(attributes, part)),
        Value::Map(parts) => parts.values_mut().for_each(|part| forget_write_only(attributes, part)),
        // Terraform's schemas have no write-only attribute within a set.
        Value::Set(_) | Value::Null | Value::Unknown => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Dynamic(_) => {}
    }
}

/// The write-only attributes that a configuration gives, refused: for a Terraform that would store them.
pub(crate) fn refuse_write_only(attributes: &Attributes, config: &Value) -> Diagnostics {
    let mut found = Diagnostics::none();
    visit(attributes, config, &mut Path::root(), &mut |attribute, value, path| {
        if attribute.write_only && !value.is_null() {
            let detail =
                format!("{path} is write-only, and this Terraform would store it. Use Terraform 1.11 or newer.");
            found.push(Diagnostic::error("Write-only attributes are not supported", detail).at(path.clone()));
        }
    });
    found
}

/// Keeps the sensitive texts of a value out of the log.
pub(crate) fn mask(attributes: &Attributes, value: &Value) {
    visit(attributes, value, &mut Path::root(), &mut |attribute, value, _| {
        if attribute.sensitive || attribute.write_only {
            mask_texts(value);
        }
    });
}

fn mask_texts(value: &Value) {
    if let Some(text) = value.as_str() {
        log::mask(text);
    }
    value.parts().for_each(mask_texts);
}

/// Calls `action` with every attribute, its value and its path, at every depth.
fn visit(
    attributes: &Attributes,
    value: &Value,
    path: &mut Path,
    action: &mut dyn FnMut(&Attribute, &Value, &mut Path),
) {
    for (name, attribute) in attributes {
        let value = value.get(name);
        path.within_attribute(name, |path| {
            action(attribute, value, path);
            if let Kind::Nested(nesting, attributes) = &attribute.kind {
                visit_elements(*nesting, attributes, value, path, action);
            }
        });
    }
}

fn visit_elements(
    nesting: Nesting,
    attributes: &Attributes,
    value: &Value,
    path: &mut Path,
    action: &mut dyn FnMut(&Attribute, &Value, &mut Path),
) {
    match (nesting, value) {
        (Nesting::Single, value) => visit(attributes, value, path, action),
        (Nesting::List, Value::List(parts)) => {
            for (index, part) in parts.iter().enumerate() {
                path.within_index(index, |path| visit(attributes, part, path, action));
            }
        }
        (Nesting::Set, Value::Set(parts)) => {
            for part in parts {
                path.within_element(|path| visit(attributes, part, path, action));
            }
        }
        (Nesting::Map, Value::Map(parts)) => {
            for (key, part) in parts {
                path.within_key(key, |path| visit(attributes, part, path, action));
            }
        }
        _null_or_unknown => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::attributes;

    fn schema() -> Attributes {
        let part = attributes([("key_wo", Attribute::string("").write_only()), ("name", Attribute::string(""))]);
        attributes([
            ("password_wo", Attribute::string("").write_only()),
            ("token", Attribute::string("").sensitive()),
            ("parts", Attribute::nested(Nesting::List, part, "")),
        ])
    }

    fn config() -> Value {
        let part = Value::object([("key_wo", Value::from("part-secret")), ("name", "n".into())]);
        Value::object([
            ("password_wo", Value::from("top-secret")),
            ("token", "token-secret".into()),
            ("parts", Value::List(vec![part])),
        ])
    }

    #[test]
    fn what_is_write_only_is_forgotten_at_every_depth_and_nothing_else() {
        let mut value = config();
        forget_write_only(&schema(), &mut value);
        assert!(value.get("password_wo").is_null());
        assert!(value.get("parts").element(0).get("key_wo").is_null());
        assert_eq!(value.get("token"), &"token-secret".into());
        assert_eq!(value.get("parts").element(0).get("name"), &"n".into());
    }

    #[test]
    fn it_is_refused_at_its_path_where_it_would_be_stored() {
        let found = refuse_write_only(&schema(), &config());
        let paths: Vec<String> = found.iter().map(|diagnostic| diagnostic.path.to_string()).collect();
        assert_eq!(paths, ["parts[0].key_wo", "password_wo"]);
    }

    #[test]
    fn secrets_of_a_configuration_are_masked() {
        mask(&schema(), &config());
        assert_eq!(log::masked("top-secret part-secret token-secret"), "*** *** ***");
    }
}
