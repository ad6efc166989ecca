//! JSON documents of a state, read without rounding a number. What a JSON reader would round
//! becomes the number's text, which a value of type number is read from just the same.

use super::Number;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Error, Map, Value as Json};
use std::collections::BTreeMap;

/// Longest text of a number that no reader rounds: a double holds 15 decimal digits.
const EXACT_DIGITS: usize = 15;

/// Deepest nesting that is read: as deep as the ordinary reader goes.
const DEPTH_MAX: usize = 128;

/// Reads a document.
///
/// # Errors
/// When it is not JSON, or too deep.
pub(crate) fn parse(text: &[u8]) -> Result<Json, Error> {
    if may_round(text) { exact(serde_json::from_slice(text)?, DEPTH_MAX) } else { serde_json::from_slice(text) }
}

/// Whether any number is so long that it may be rounded.
fn may_round(text: &[u8]) -> bool {
    let of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    text.split(|byte| !of_number(byte))
        .any(|run| run.len() > EXACT_DIGITS || run.contains(&b'e') || run.contains(&b'E'))
}

fn exact(raw: &RawValue, depth: usize) -> Result<Json, Error> {
    use serde::de::Error as _;
    let text = raw.get();
    let depth = depth.checked_sub(1).ok_or_else(|| Error::custom("it is nested too deeply"))?;
    match text.as_bytes().first() {
        Some(b'{') => {
            let parts = BTreeMap::<String, &RawValue>::deserialize(&mut serde_json::Deserializer::from_str(text))?;
            let parts = parts.into_iter().map(|(name, part)| Ok((name, exact(part, depth)?)));
            Ok(Json::Object(parts.collect::<Result<Map<_, _>, Error>>()?))
        }
        Some(b'[') => {
            let parts = Vec::<&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(text))?;
            Ok(Json::Array(parts.into_iter().map(|part| exact(part, depth)).collect::<Result<_, Error>>()?))
        }
        Some(b'-' | b'0'..=b'9') => Ok(number(text)),
        Some(_) | None => serde_json::from_str(text),
    }
}

/// The number as JSON has it where that is exact, else its text.
fn number(text: &str) -> Json {
    let read: Option<serde_json::Number> = serde_json::from_str(text).ok();
    let is_exact = |read: &serde_json::Number| Number::parse(&read.to_string()) == Number::parse(text);
    read.filter(is_exact).map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{DynamicForm, Type, Value};
    use serde_json::json;

    #[test]
    fn a_number_is_never_rounded() {
        let text = br#"{"id": 123456789012345678901234567890, "share": 0.1, "big": 18446744073709551615,
            "list": [0.12345678901234567890123, 1e400, -7], "name": "1234567890123456"}"#;
        let expected = json!({"id": "123456789012345678901234567890", "share": 0.1, "big": u64::MAX,
            "list": ["0.12345678901234567890123", "1e400", -7], "name": "1234567890123456"});
        let read = parse(text).unwrap();
        assert_eq!(read, expected);
        let id = Value::from_json(&read["id"], &Type::Number, DynamicForm::Tagged).unwrap();
        assert_eq!(id.as_number().unwrap().as_str(), "123456789012345678901234567890");
    }

    #[test]
    fn nonsense_and_depth_are_refused() {
        assert!(parse(b"{").is_err());
        assert!(parse(b"{\"a\": 12345678901234567890, }").is_err());
        let deep = format!("{}12345678901234567890{}", "[".repeat(5000), "]".repeat(5000));
        assert!(parse(deep.as_bytes()).is_err());
        assert!(parse(format!("{}1{}", "[".repeat(5000), "]".repeat(5000)).as_bytes()).is_err());
    }
}
