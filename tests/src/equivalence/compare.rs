//! The first difference between what was expected and what came, in a line or two. It changes nothing.

use serde_json::Value;

/// Longest value that is shown: a line of a terminal or two.
const SHOWN_MAX: usize = 200;

/// The first line that differs.
pub(super) fn texts(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (mut old, mut new) = (expected.lines(), found.lines());
    for number in 1.. {
        let (old, new) = (old.next(), new.next());
        if old.is_none() && new.is_none() {
            break;
        }
        if old != new {
            return Some(difference(&format!("line {number}"), old.unwrap_or("nothing"), new.unwrap_or("nothing")));
        }
    }
    Some("the line ends differ".to_owned())
}

/// The first part that differs.
pub(super) fn documents(expected: &Value, found: &Value) -> Option<String> {
    at("", expected, found)
}

fn at(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(old), Value::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            names.into_iter().find_map(|name| optional(&format!("{path}/{name}"), old.get(name), new.get(name)))
        }
        (Value::Array(old), Value::Array(new)) => (0..old.len().max(new.len()))
            .find_map(|index| optional(&format!("{path}/{index}"), old.get(index), new.get(index))),
        _ if expected == found => None,
        _ => Some(difference(path, &expected.to_string(), &found.to_string())),
    }
}

fn optional(path: &str, expected: Option<&Value>, found: Option<&Value>) -> Option<String> {
    match (expected, found) {
        (Some(expected), Some(found)) => at(path, expected, found),
        (Some(expected), None) => Some(difference(path, &expected.to_string(), "nothing")),
        (None, Some(found)) => Some(difference(path, "nothing", &found.to_string())),
        (None, None) => None,
    }
}

fn difference(place: &str, expected: &str, found: &str) -> String {
    format!("{place}\n    expected {expected:.SHOWN_MAX$}\n    found    {found:.SHOWN_MAX$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(texts("a\nb\n", "a\nb\n"), None);
        assert_eq!(texts("a\nb", "a\nc").unwrap(), "line 2\n    expected b\n    found    c");
        assert!(texts("a\n", "a").is_some());
    }

    #[test]
    fn documents_are_equal_whatever_the_order_of_names() {
        assert_eq!(documents(&json!({"a": 1, "b": [2]}), &json!({"b": [2], "a": 1})), None);
        let found = documents(&json!({"b": [{"c": null}]}), &json!({"b": [{"c": 1}]})).unwrap();
        assert_eq!(found, "/b/0/c\n    expected null\n    found    1");
        assert!(documents(&json!({}), &json!({"x": 1})).unwrap().starts_with("/x"));
        assert!(documents(&json!([1, 2]), &json!([1])).unwrap().starts_with("/1"));
    }
}
