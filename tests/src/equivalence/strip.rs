//! What no two runs have in common is taken out of an output before it is compared. The rules are those of
//! `terraform-equivalence-testing` 0.5.0.

use serde_json::Value;

/// A part to be left out.
struct Rule<'a> {
    /// Names and indices from the top, with dots between; `*` is every element.
    path: &'a str,
    /// Only in elements with this value of `type`.
    within: Option<&'a str>,
}

/// Versions, times, and sentences that tell how long something took.
const ALWAYS: [(&str, &[Rule<'static>]); 3] = [
    (
        "apply.json",
        &[
            // The first message is the version.
            Rule { path: "0", within: None },
            Rule { path: "*.@timestamp", within: None },
            Rule { path: "*.hook.elapsed_seconds", within: None },
            Rule { path: "*.@message", within: Some("apply_complete") },
        ],
    ),
    (
        "plan.json",
        &[
            Rule { path: "terraform_version", within: None },
            Rule { path: "prior_state.terraform_version", within: None },
            Rule { path: "timestamp", within: None },
        ],
    ),
    ("state.json", &[Rule { path: "terraform_version", within: None }]),
];

/// `json` without what is always left out of the file of that name, and without the paths in `further`.
pub(super) fn stripped(mut json: Value, file: &str, further: &[String]) -> Value {
    let always = ALWAYS.iter().filter(|(name, _)| *name == file).flat_map(|(_, rules)| rules.iter());
    for rule in always {
        rule.remove_from(&mut json);
    }
    for path in further {
        Rule { path, within: None }.remove_from(&mut json);
    }
    json
}

impl Rule<'_> {
    fn remove_from(&self, json: &mut Value) {
        self.remove(json, self.path);
    }

    fn remove(&self, json: &mut Value, path: &str) {
        match path.split_once('.') {
            None => remove_part(json, path),
            Some(("*", rest)) => {
                for element in elements(json).into_iter().filter(|element| self.concerns(element)) {
                    self.remove(element, rest);
                }
            }
            Some((step, rest)) => {
                if let Some(part) = part(json, step) {
                    self.remove(part, rest);
                }
            }
        }
    }

    fn concerns(&self, element: &Value) -> bool {
        self.within.is_none_or(|wanted| element.get("type").and_then(Value::as_str) == Some(wanted))
    }
}

fn elements(json: &mut Value) -> Vec<&mut Value> {
    match json {
        Value::Array(parts) => parts.iter_mut().collect(),
        Value::Object(parts) => parts.values_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn part<'a>(json: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    match step.parse::<usize>() {
        Ok(index) if json.is_array() => json.get_mut(index),
        _ => json.get_mut(step),
    }
}

fn remove_part(json: &mut Value, step: &str) {
    match (json, step) {
        (Value::Array(parts), "*") => parts.clear(),
        (Value::Object(parts), "*") => parts.clear(),
        (Value::Array(parts), index) => {
            let index = index.parse().ok().filter(|index| *index < parts.len());
            index.map(|index| parts.remove(index));
        }
        (Value::Object(parts), name) => {
            parts.shift_remove(name);
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_and_versions_are_left_out() {
        let messages = json!([
            {"type": "version"},
            {"type": "apply_start", "@message": "begins", "@timestamp": "t"},
            {"type": "apply_complete", "@message": "after 3s", "hook": {"elapsed_seconds": 3, "id": "x"}},
        ]);
        let expected = json!([
            {"type": "apply_start", "@message": "begins"},
            {"type": "apply_complete", "hook": {"id": "x"}},
        ]);
        assert_eq!(stripped(messages, "apply.json", &[]), expected);
    }

    #[test]
    fn a_case_names_further_paths() {
        let state = json!({"terraform_version": "1", "values": {"a": [{"id": 1, "n": 2}]}});
        let further = ["values.a.0.id".to_owned(), "absent.part".to_owned()];
        assert_eq!(stripped(state, "state.json", &further), json!({"values": {"a": [{"n": 2}]}}));
    }
}
