//! What fuzzers throw bytes at: whatever the commands `forecast`, `score`, `anomalies` and `backtest` read. Each function
//! panics where a command would, and where an answer is not what every answer must be. For the targets in `fuzz/`, and,
//! a bounded number of times, for the tests below. Never reads a file.

use crate::backtesting::{group_of, policy_of};
use crate::forecasting::{anomaly_lines, forecast_lines, score_lines};
use crate::recording;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Debug;

/// Lines of one input: ten days of hours, in which the common model of the scores is trained several times.
const LINES_MAX: usize = 256;

/// Greatest horizon that is followed; one that is refused is let through. A forecast's time grows with it.
const HORIZON_MAX: u64 = 48;

/// Shortest step of ticks that is followed: a day of seconds has 86,400 places for each series.
const STEP_MIN: u64 = 300;

/// Answers tasks of `forecast --jsonl`: quantiles are numbers and do not cross.
pub fn forecasts(data: &[u8]) {
    let input = bounded(data);
    let answers = answers(&input, |input, output| forecast_lines(input, output));
    assert_eq!(answers.len(), input.lines().filter(|line| !line.trim().is_empty()).count().max(1), "a line each");
    for answer in answers {
        let Some(levels) = answer.get("q").and_then(Value::as_object) else { continue };
        let mut below: Vec<f64> = Vec::new();
        for values in levels.values().filter_map(Value::as_array) {
            let values: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
            assert!(values.iter().all(|value| value.is_finite()), "{answer}");
            assert!(below.iter().zip(&values).all(|(lower, upper)| lower <= upper), "quantiles cross: {answer}");
            below = values;
        }
    }
}

/// Answers ticks of `score --jsonl`: probabilities are from 0 to 1.
pub fn scores(data: &[u8]) {
    for answer in answers(&bounded(data), |input, output| score_lines(input, output)) {
        assert!(told(&answer).all(|value| (0.0..=1.0).contains(&value)), "{answer}");
    }
}

/// Answers ticks of `anomalies --jsonl`: severities are numbers from 0 on.
pub fn anomalies(data: &[u8]) {
    for answer in answers(&bounded(data), |input, output| anomaly_lines(input, output)) {
        assert!(told(&answer).all(|value| (0.0..f64::INFINITY).contains(&value)), "{answer}");
    }
}

/// Reads recorded telemetry: samples are finite and in the order of time, and there is an answer to every file.
pub fn recordings(data: &[u8]) {
    // What is no text at all may be refused as a whole.
    let Ok(recording) = recording::read("f", data) else { return };
    assert!(!recording.series.is_empty() || !recording.problems.is_empty(), "nothing is said of it");
    for (name, samples) in &recording.series {
        assert!(samples.iter().all(|sample| sample.value.is_finite()), "{name:?}");
        assert!(samples.is_sorted_by(|one, next| one.at < next.at), "{name:?}");
        assert!(recording.problems.iter().all(|problem| problem.signal.as_ref() != Some(name)), "{name:?} is there");
    }
    assert!(recording.problems.iter().all(|problem| !problem.place.is_empty() && !problem.text.is_empty()));
}

/// Reads a policy and a group: an error names the file, and what is read is the same when it is written as JSON.
pub fn documents(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same_again(text, |text| policy_of("f", text).map(|policy| policy.spec));
    same_again(text, |text| group_of("f", text).map(|group| group.spec));
}

fn same_again<T: Serialize + PartialEq + Debug>(text: &str, read: impl Fn(&str) -> anyhow::Result<T>) {
    match read(text) {
        Ok(spec) => {
            let written = serde_json::to_string(&spec).unwrap_or_default();
            let again = read(&written);
            assert!(again.as_ref().is_ok_and(|again| *again == spec), "{spec:?} is read again as {again:?}");
        }
        Err(error) => assert!(error.to_string().starts_with('f'), "no file is named: {error}"),
    }
}

/// The answers, each of which is JSON; what is counted as a problem is told as one.
fn answers(input: &str, answer: impl FnOnce(&[u8], &mut Vec<u8>) -> std::io::Result<usize>) -> Vec<Value> {
    let mut output = Vec::new();
    let Ok(problems) = answer(input.as_bytes(), &mut output) else { panic!("memory takes everything") };
    let read = |line: &[u8]| match serde_json::from_slice::<Value>(line) {
        Ok(answer) => answer,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(line)),
    };
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let answers: Vec<Value> = lines.map(read).collect();
    assert_eq!(answers.iter().filter(|answer| answer.get("error").is_some()).count(), problems);
    answers
}

/// What an answer says of each series; what is no number is NaN.
fn told(answer: &Value) -> impl Iterator<Item = f64> {
    let values = answer.get("p").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
    values.map(|value| value.as_f64().unwrap_or(f64::NAN))
}

/// The part of a line that says how much work it is.
#[derive(Deserialize)]
struct Work {
    #[serde(default)]
    horizon: u64,
    #[serde(default)]
    step: u64,
    v: Option<serde::de::IgnoredAny>,
    y: Option<serde::de::IgnoredAny>,
}

/// The first lines, without those that are too much work for one run of many.
fn bounded(data: &[u8]) -> String {
    let is_much = |line: &&str| {
        serde_json::from_str::<Work>(line).is_ok_and(|work| {
            let is_series = work.v.is_none() && work.y.is_none();
            (HORIZON_MAX + 1..=10_080).contains(&work.horizon) || (is_series && (1..STEP_MIN).contains(&work.step))
        })
    };
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').take(LINES_MAX).filter(|line| !is_much(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// Inputs without a flaw, with which a fuzzer begins as well.
    const SEEDS: [&str; 12] = [
        include_str!("../fuzz/seeds/forecasts/series.jsonl"),
        include_str!("../fuzz/seeds/forecasts/awkward.jsonl"),
        include_str!("../fuzz/seeds/scores/hours.jsonl"),
        include_str!("../fuzz/seeds/anomalies/hours.jsonl"),
        include_str!("../fuzz/seeds/recordings/long.csv"),
        include_str!("../fuzz/seeds/recordings/wide.csv"),
        include_str!("../fuzz/seeds/recordings/lines.jsonl"),
        include_str!("../fuzz/seeds/recordings/matrix.json"),
        include_str!("../fuzz/seeds/documents/policy.tf"),
        include_str!("../fuzz/seeds/documents/policy.json"),
        include_str!("../fuzz/seeds/documents/group.tf"),
        include_str!("../fuzz/seeds/documents/group.json"),
    ];

    fn all(data: &[u8]) {
        forecasts(data);
        scores(data);
        anomalies(data);
        recordings(data);
        documents(data);
    }

    /// One damage: bytes of a place are replaced by others.
    fn damage() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
        let words = ["null", "NaN", "-1e308", "9223372036854775807", "\"a\":1,", "\n", "{", "[[", "\\u0000", "${"];
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..4),
            prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        ];
        (any::<Index>(), 0_usize..12, piece)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn whatever_is_damaged_is_answered(seed in 0..SEEDS.len(), damages in prop::collection::vec(damage(), 0..6)) {
            let mut bytes = SEEDS[seed].as_bytes().to_vec();
            for (place, length, piece) in damages {
                let begin = place.index(bytes.len() + 1);
                let end = (begin + length).min(bytes.len());
                bytes.splice(begin..end, piece);
            }
            all(&bytes);
        }

        #[test]
        fn any_bytes_are_answered(data in prop::collection::vec(any::<u8>(), 0..64)) {
            all(&data);
        }
    }

    #[test]
    fn the_seeds_are_what_they_should_be() {
        let [policy, policy_json, group, group_json] = [8, 9, 10, 11].map(|seed: usize| SEEDS[seed]);
        for text in [policy, policy_json] {
            assert_eq!(policy_of("f", text).map(|_| ()).map_err(|error| error.to_string()), Ok(()));
        }
        for text in [group, group_json] {
            assert_eq!(group_of("f", text).map(|_| ()).map_err(|error| error.to_string()), Ok(()));
        }
        for text in &SEEDS[4..8] {
            assert_eq!(recording::read("f", text.as_bytes()).unwrap().problems, [], "{text}");
        }
        let forecast = answers(&bounded(SEEDS[0].as_bytes()), |input, output| forecast_lines(input, output));
        assert!(forecast[0]["q"].is_object(), "{forecast:?}");
        let scored = answers(&bounded(SEEDS[2].as_bytes()), |input, output| score_lines(input, output));
        assert_eq!(scored.iter().filter(|answer| told(answer).next().is_some()).count(), 60);
    }
}
