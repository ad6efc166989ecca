//! The answer of a Prometheus range query, as its HTTP API gives it, or the `data` of one.

use super::collector::Collector;
use super::time::of_number;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The envelope.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Whole { data: Data },
    Data(Data),
    Refused { error: String },
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, Value)>,
}

/// Reads an answer. A series is named by its label `signal`, else by its metric's name, else by its
/// labels.
pub(super) fn read(text: &str, into: &mut Collector) {
    // Parsed as any JSON first: only then is it known where it breaks off.
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or(&what);
            let expected = "JSON lines with a time, or the answer of a Prometheus range query, is expected";
            return into.problem(&place, None, format!("{what}: {expected}"));
        }
    };
    match serde_json::from_value(document) {
        Ok(Answer::Whole { data } | Answer::Data(data)) if data.kind == "matrix" => take(&data.result, into),
        Ok(Answer::Whole { data } | Answer::Data(data)) => {
            let text =
                format!("it is a {:?}: save the answer of /api/v1/query_range, which is a \"matrix\"", data.kind);
            into.problem("line 1, column 1 (resultType)", None, text);
        }
        Ok(Answer::Refused { error }) => {
            into.problem("line 1, column 1 (error)", None, format!("it is a refusal of Prometheus: {error}"));
        }
        Err(_other) => {
            let expected =
                "a document with data.resultType \"matrix\" and data.result is expected, or JSON lines with a time";
            into.problem("line 1, column 1", None, expected);
        }
    }
}

fn take(all: &[Series], into: &mut Collector) {
    let names: Vec<String> = all.iter().map(|series| short_name(&series.metric)).collect();
    for (number, (series, name)) in (1..).zip(all.iter().zip(&names)) {
        let is_unique = names.iter().filter(|other| *other == name).count() == 1;
        let name = if is_unique { name.clone() } else { labels(&series.metric) };
        into.series(&name);
        for (nth, (time, value)) in (1..).zip(&series.values) {
            let place = format!("series {number}, point {nth}");
            let parsed = value.as_str().and_then(|text| text.parse::<f64>().ok()).or_else(|| value.as_f64());
            match (of_number(*time), parsed) {
                (Some(at), Some(value)) => into.sample(&name, nth, &place, at, value),
                (None, _) => into.problem(&place, Some(&name), format!("{time} is no time")),
                (_, None) => into.problem(&place, Some(&name), format!("{value} is no number")),
            }
        }
    }
}

fn short_name(metric: &BTreeMap<String, String>) -> String {
    metric.get("signal").or_else(|| metric.get("__name__")).cloned().unwrap_or_else(|| labels(metric))
}

fn labels(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let pairs = metric.iter().filter(|(label, _)| *label != "__name__");
    let pairs: Vec<String> = pairs.map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{name}{{{}}}", pairs.join(","))
}
