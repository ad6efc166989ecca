//! Names of types for people, from Terraform's JSON form such as `["list","string"]`.

use serde_json::Value as Json;

/// As in a list of attributes: `List of String`.
pub(super) fn title(ty: &Json) -> String {
    match kind(ty) {
        ("string", _) => "String".to_owned(),
        ("number", _) => "Number".to_owned(),
        ("bool", _) => "Boolean".to_owned(),
        ("dynamic", _) => "Dynamic".to_owned(),
        ("list", Some(element)) => format!("List of {}", title(element)),
        ("set", Some(element)) => format!("Set of {}", title(element)),
        ("map", Some(element)) => format!("Map of {}", title(element)),
        ("object", _) => "Object".to_owned(),
        ("tuple", _) => "Tuple".to_owned(),
        _ => ty.to_string(),
    }
}

/// As in the signature of a function: `list of string`.
pub(super) fn signature(ty: &Json) -> String {
    match kind(ty) {
        (name @ ("list" | "set" | "map"), Some(element)) => format!("{name} of {}", signature(element)),
        (name, _) => name.to_owned(),
    }
}

/// The kind of a type, and what its elements are.
fn kind(ty: &Json) -> (&str, Option<&Json>) {
    match ty {
        Json::String(name) => (name, None),
        Json::Array(parts) => (parts.first().and_then(Json::as_str).unwrap_or_default(), parts.get(1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => ("", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_have_names() {
        assert_eq!(title(&json!(["list", ["map", "bool"]])), "List of Map of Boolean");
        assert_eq!(title(&json!(["object", {"a": "string"}])), "Object");
        assert_eq!(signature(&json!(["set", "number"])), "set of number");
        assert_eq!(signature(&json!(["object", {"a": "string"}])), "object");
    }
}
