//! The JSON that Prometheus answers, and one series made of it. Pure.

use super::MetricsError;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A time and a finite number.
pub(super) type Sample = (Timestamp, f64);

/// How many label sets an error shows.
const EXAMPLES_MAX: usize = 3;

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(super) enum Answer {
    Success {
        data: Data,
        #[serde(default)]
        warnings: Vec<String>,
    },
    Error {
        #[serde(rename = "errorType")]
        kind: String,
        #[serde(rename = "error")]
        text: String,
    },
}

/// What a query returned, by its type.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Matrix(Vec<Found>),
    Vector(Vec<Found>),
    Scalar(Point),
    String(serde::de::IgnoredAny),
}

type Labels = BTreeMap<String, String>;

/// Seconds since 1970, and the number as text.
type Point = (f64, String);

/// One series: several points in a matrix, one in a vector, or histograms.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    metric: Labels,
    #[serde(default)]
    values: Vec<Point>,
    value: Option<Point>,
    histogram: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    histograms: Vec<serde::de::IgnoredAny>,
}

/// The one series of all answers to a query.
#[derive(Debug, Default)]
pub(super) struct Series {
    labels: Option<Labels>,
    points: usize,
    samples: Vec<Sample>,
}

impl Series {
    /// Adds an answer of a later time.
    pub(super) fn append(&mut self, data: Data, query: &str) -> Result<(), MetricsError> {
        let wrong_kind = |kind, remedy| Err(MetricsError::WrongKind { query: query.to_owned(), kind, remedy });
        let found = match data {
            Data::Matrix(found) | Data::Vector(found) => found,
            Data::Scalar(point) => {
                self.push([point]);
                return Ok(());
            }
            Data::String(_) => return wrong_kind("a text", "write an expression over a metric"),
        };
        if found.iter().any(|series| series.histogram.is_some() || !series.histograms.is_empty()) {
            return wrong_kind("a native histogram", "take a number of it, as in histogram_quantile(0.99, …)");
        }
        self.unite(&found, query)?;
        for series in found {
            self.push(series.value);
            self.push(series.values);
        }
        Ok(())
    }

    /// Whether the server returned nothing, not even something that is no number.
    pub(super) fn is_empty(&self) -> bool {
        self.points == 0
    }

    /// Oldest first.
    pub(super) fn into_samples(self) -> Vec<Sample> {
        self.samples
    }

    /// Refuses a second series, also one that took the place of the first in a later answer.
    fn unite(&mut self, found: &[Found], query: &str) -> Result<(), MetricsError> {
        let mut distinct: Vec<&Labels> = self.labels.iter().chain(found.iter().map(|series| &series.metric)).collect();
        distinct.sort();
        distinct.dedup();
        if distinct.len() > 1 {
            let examples: Vec<String> = distinct.iter().take(EXAMPLES_MAX).map(|labels| show(labels)).collect();
            return Err(MetricsError::SeveralSeries {
                query: query.to_owned(),
                count: distinct.len(),
                examples: examples.join(", "),
            });
        }
        self.labels = distinct.first().map(|labels| (*labels).clone());
        Ok(())
    }

    fn push(&mut self, points: impl IntoIterator<Item = Point>) {
        for (time, number) in points {
            self.points += 1;
            self.samples.extend(sample(time, &number));
        }
    }
}

/// `NaN` and infinities are how Prometheus says that there is no number: gaps.
fn sample(time: f64, number: &str) -> Option<Sample> {
    let value = number.parse().ok().filter(|value: &f64| value.is_finite())?;
    let time = Timestamp::from_duration(SignedDuration::try_from_secs_f64(time).ok()?).ok()?;
    // Times have milliseconds; what a binary fraction adds to them is noise.
    Some((time.round(Unit::Millisecond).ok()?, value))
}

fn show(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples of answers given as their `data`, or the error's text.
    fn read(answers: &[&str]) -> Result<Vec<(i64, f64)>, String> {
        let mut series = Series::default();
        for data in answers {
            let text = format!(r#"{{"status":"success","data":{data}}}"#);
            let Ok(Answer::Success { data, .. }) = serde_json::from_str(&text) else { return Err(text) };
            series.append(data, "q").map_err(|error| error.to_string())?;
        }
        Ok(series.into_samples().into_iter().map(|(time, value)| (time.as_millisecond(), value)).collect())
    }

    #[test]
    fn answers_of_every_kind() {
        let check = |data: &str, expect: &[(i64, f64)]| assert_eq!(read(&[data]).unwrap(), expect, "{data}");
        check(
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1.1,"2"],[2.123,"3.5"]]}]}"#,
            &[(1100, 2.0), (2123, 3.5)],
        );
        check(
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"],[3,"-Inf"],[4,"0"]]}]}"#,
            &[(4000, 0.0)],
        );
        check(
            r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1700000000.123,"1e3"]}]}"#,
            &[(1_700_000_000_123, 1000.0)],
        );
        check(r#"{"resultType":"vector","result":[]}"#, &[]);
        check(r#"{"resultType":"scalar","result":[5,"1"]}"#, &[(5000, 1.0)]);
    }

    #[test]
    fn what_is_not_one_series_of_numbers_is_refused() {
        let refused = |answers: &[&str], part: &str| {
            let error = read(answers).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused(&[r#"{"resultType":"string","result":[1,"text"]}"#], "a text");
        refused(
            &[r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1","sum":"2"}]}]}"#],
            "histogram_quantile",
        );
        let one = |pod: &str| {
            format!(r#"{{"resultType":"matrix","result":[{{"metric":{{"pod":"{pod}"}},"values":[[1,"2"]]}}]}}"#)
        };
        let replaced = "returned 2 series, such as {pod=\"a\"}, {pod=\"b\"}: add a label matcher";
        refused(&[&one("a"), &one("b")], replaced);
        assert_eq!(read(&[&one("a"), &one("a")]).unwrap().len(), 2);
    }

    #[test]
    fn three_examples_of_many_series() {
        let found: Vec<String> =
            ('a'..='e').map(|pod| format!(r#"{{"metric":{{"pod":"{pod}"}},"value":[1,"2"]}}"#)).collect();
        let error = read(&[&format!(r#"{{"resultType":"vector","result":[{}]}}"#, found.join(","))]).unwrap_err();
        assert!(error.contains("returned 5 series") && error.contains("\"c\"") && !error.contains("\"d\""), "{error}");
    }
}
