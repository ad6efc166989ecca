//! JSON lines: `{"time": …, "signal": …, "value": …}`, or `time` and a member for each signal.

use super::collector::Collector;
use super::time::{of_number, parse_time};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::io::BufRead;

/// Whether a line is a document of its own that has a time.
pub(super) fn is_line(line: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(line).is_ok_and(|document| document.contains_key("time"))
}

/// Reads line by line. A line that is no JSON is told and skipped.
pub(super) fn read(input: impl BufRead, into: &mut Collector) -> std::io::Result<()> {
    for (line, bytes) in (1..).zip(input.split(b'\n')) {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(document) => take(&document, line, &text, into),
            Err(error) => {
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or(&what).to_owned();
                into.problem(&format!("line {line}, column {}", error.column()), None, what);
            }
        }
    }
    Ok(())
}

fn take(document: &Map<String, Value>, line: u64, text: &str, into: &mut Collector) {
    let place = |member: &str| {
        let column = text.find(&format!("{member:?}")).map_or(1, |at| text.get(..at).unwrap_or("").chars().count() + 1);
        format!("line {line}, column {column} ({member})")
    };
    let signal = document.get("signal").and_then(Value::as_str);
    let at = match document.get("time").map(time) {
        Some(Ok(at)) => at,
        Some(Err(error)) => return into.problem(&place("time"), signal, error),
        None => return into.problem(&place("time"), signal, "the line has no time"),
    };
    let is_long = document.contains_key("signal") && document.contains_key("value");
    match (is_long, signal, document.get("value")) {
        (true, Some(signal), Some(value)) => number(signal, line, &place("value"), at, value, into),
        (true, _, _) => into.problem(&place("signal"), None, "the signal must be a text"),
        (false, _, _) => {
            for (signal, value) in document.iter().filter(|(name, _)| *name != "time") {
                number(signal, line, &place(signal), at, value, into);
            }
        }
    }
}

fn time(value: &Value) -> Result<Timestamp, String> {
    match value {
        Value::String(text) => parse_time(text),
        Value::Number(number) => number.as_f64().and_then(of_number).ok_or_else(|| format!("{number} is no time")),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(format!("{value} is no time")),
    }
}

/// A value; null is a gap.
fn number(signal: &str, line: u64, place: &str, at: Timestamp, value: &Value, into: &mut Collector) {
    match value {
        Value::Null => into.series(signal),
        Value::Number(number) => into.sample(signal, line, place, at, number.as_f64().unwrap_or(f64::INFINITY)),
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            into.problem(place, Some(signal), format!("{value} is no number"));
        }
    }
}
