//! The filters `forecast --jsonl`, `score --jsonl` and `anomalies --jsonl`: what they answer, and what they say of input
//! that cannot be understood.

use serde_json::{Value, json};
use shadow_reconciler::forecasting::{anomaly_lines, forecast_lines, score_lines};

/// The answers to lines, and how many had a problem.
fn forecast(lines: &str) -> (Vec<Value>, usize) {
    let mut output = Vec::new();
    let problems = forecast_lines(lines.as_bytes(), &mut output).expect("a vector takes everything");
    (parsed(&output), problems)
}

fn score(lines: &str) -> (Vec<Value>, usize) {
    let mut output = Vec::new();
    let problems = score_lines(lines.as_bytes(), &mut output).expect("a vector takes everything");
    (parsed(&output), problems)
}

fn anomalies(lines: &str) -> (Vec<Value>, usize) {
    let mut output = Vec::new();
    let problems = anomaly_lines(lines.as_bytes(), &mut output).expect("a vector takes everything");
    (parsed(&output), problems)
}

fn parsed(output: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(output).lines().map(|line| serde_json::from_str(line).expect("answers are JSON")).collect()
}

/// Four days of half-hours.
fn task(id: &str) -> String {
    let y: Vec<f64> = (0..192).map(|step| f64::from(step % 48) + f64::from(step % 5)).collect();
    json!({"id": id, "step": 1800, "start": 1_700_000_000, "horizon": 48, "y": y}).to_string()
}

#[test]
fn a_task_is_answered_with_every_level_and_step() {
    let (answers, problems) = forecast(&task("a"));
    assert_eq!(problems, 0);
    let levels = answers[0]["q"].as_object().unwrap();
    let expected = ["0.025", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "0.975"];
    assert!(expected.iter().all(|level| levels[*level].as_array().is_some_and(|values| values.len() == 48)));
    assert_eq!(answers[0]["id"], "a");
}

#[test]
fn values_missing_at_the_end_are_forecast_from_the_last_one() {
    let mut with_end = serde_json::from_str::<Value>(&task("a")).unwrap();
    with_end["y"].as_array_mut().unwrap().extend([Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]);
    let (answers, problems) = forecast(&with_end.to_string());
    assert_eq!((problems, answers[0]["q"]["0.5"].as_array().unwrap().len()), (0, 48));
}

#[test]
fn a_bad_line_names_line_and_column_and_the_others_are_answered() {
    let bad = r#"{"id": "b", "step": 300, "start": 0, "horizon": 12, "y": [1, "two"]}"#;
    let (answers, problems) = forecast(&[&task("a"), bad, "{", &task("c")].join("\n"));
    assert_eq!((problems, answers.len()), (2, 4));
    assert!(answers[0]["q"].is_object() && answers[3]["q"].is_object());
    assert_eq!((&answers[1]["line"], &answers[1]["column"]), (&json!(2), &json!(66)));
    assert!(answers[1]["error"].as_str().unwrap().contains("invalid type: string \"two\""), "{}", answers[1]);
    assert_eq!((&answers[2]["line"], &answers[2]["column"]), (&json!(3), &json!(1)));
}

#[test]
fn what_cannot_be_forecast_says_why() {
    let because = |change: Value| {
        let mut task = serde_json::from_str::<Value>(&task("a")).unwrap();
        task.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (answers, problems) = forecast(&task.to_string());
        assert_eq!(problems, 1, "{change}");
        answers[0]["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(because(json!({"y": []})), "y has no value at all");
    assert_eq!(because(json!({"y": [null, null]})), "y has no value at all");
    assert_eq!(because(json!({"y": [1, 2, 3]})), "3 of the 40 samples that a forecast needs are there");
    assert_eq!(because(json!({"y": [1, 1e200]})), "y[1] is 1e200: too large to be a measurement");
    assert_eq!(because(json!({"step": 0})), "step is 0: from 1 to 86400 seconds are possible");
    assert_eq!(because(json!({"horizon": 0})), "horizon is 0: from 1 to 10080 steps can be forecast");
    assert_eq!(because(json!({"start": i64::MAX})), "start is no time that can be told");
}

/// Series as they are on the first days of a service, and those that have nothing to say.
#[test]
fn awkward_series_have_usable_answers() {
    let y = |steps: usize, value: fn(usize) -> Option<f64>| -> Vec<Option<f64>> { (0..steps).map(value).collect() };
    let usual = |step: usize| Some((step % 288) as f64 / 29.0 + (step % 7) as f64);
    let kinds = [
        ("a fifth missing", y(4032, |step| (step % 5 != 2).then_some((step % 288) as f64 + (step % 3) as f64))),
        ("constant", y(4032, |_| Some(42.5))),
        ("all zero", y(4032, |_| Some(0.0))),
        ("one day old", y(288, usual)),
        ("a counter with resets", y(4032, |step| Some((step % 1000) as f64 * 1e6))),
    ];
    for (kind, y) in kinds {
        let task = json!({"id": kind, "step": 300, "start": 1_700_000_000, "horizon": 288, "y": y}).to_string();
        let (answers, problems) = forecast(&task);
        assert_eq!(problems, 0, "{kind}: {answers:?}");
        for quantiles in answers[0]["q"].as_object().unwrap().values() {
            let finite =
                quantiles.as_array().unwrap().iter().filter(|value| value.as_f64().is_some_and(f64::is_finite));
            assert_eq!(finite.count(), 288, "{kind}");
        }
    }
}

/// Lines with bytes changed, left out and doubled at random, the same at each run: every line has an answer
/// that is JSON, and what was not touched is still answered.
#[test]
fn broken_bytes_are_told_and_never_end_a_run() {
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let series = r#"{"type": "series", "id": "a", "step": 300, "limit": 10.0, "horizon": 12}"#;
    let tick = r#"{"type": "tick", "t": 3, "v": {"a": 1.0}}"#;
    let short = r#"{"id": "s", "step": 300, "start": 0, "horizon": 12, "y": [1, null, 3.5e3, -2]}"#;
    for _ in 0..2000 {
        let mut bytes = [short, tick, series, tick][random(4)].as_bytes().to_vec();
        for _ in 0..=random(4) {
            let place = random(bytes.len());
            match random(3) {
                0 => bytes[place] = u8::try_from(random(256)).unwrap(),
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b"0123456789-+.eE{}[],:\"n"[random(23)]),
            }
        }
        bytes.extend(b"\n");
        bytes.extend(short.as_bytes());
        let mut output = Vec::new();
        forecast_lines(&bytes[..], &mut output).expect("a vector takes everything");
        let answers = parsed(&output);
        assert_eq!(answers.last().unwrap()["id"], "s", "{}", String::from_utf8_lossy(&bytes));
        output.clear();
        score_lines(&bytes[..], &mut output).expect("a vector takes everything");
        assert!(parsed(&output).iter().all(|answer| answer["error"].is_string() || answer["t"].is_u64()));
    }
}

#[test]
fn an_empty_input_is_told() {
    for (answers, problems) in [forecast(""), forecast("\n\n"), score("")] {
        assert_eq!(problems, 1);
        assert!(answers[0]["error"].as_str().unwrap().starts_with("the input is empty"));
    }
}

#[test]
fn ticks_are_scored_one_by_one_and_a_broken_limit_is_certain() {
    let series = json!({"type": "series", "id": "a", "step": 300, "start": 0, "limit": 10.0, "horizon": 12});
    let ticks =
        (0..600).map(|t| json!({"type": "tick", "t": t, "v": {"a": if t < 590 { 1.0 } else { 20.0 }}}).to_string());
    let lines: Vec<String> = std::iter::once(series.to_string()).chain(ticks).collect();
    let (answers, problems) = score(&lines.join("\n"));
    assert_eq!((problems, answers.len()), (0, 600));
    assert_eq!(answers[7]["t"], 7);
    assert!(answers[580]["p"]["a"].as_f64().unwrap() < 0.1 && answers[580]["alarm"]["a"] == 0);
    assert_eq!((&answers[595]["p"]["a"], &answers[595]["alarm"]["a"]), (&json!(1.0), &json!(1)));
}

#[test]
fn an_earlier_answer_does_not_depend_on_later_ticks() {
    let series = json!({"type": "series", "id": "a", "step": 300, "limit": 10.0, "horizon": 12}).to_string();
    let tick = |t: usize| json!({"type": "tick", "t": t, "v": {"a": (t % 13) as f64}}).to_string();
    let lines =
        |count: usize| std::iter::once(series.clone()).chain((0..count).map(tick)).collect::<Vec<_>>().join("\n");
    let (few, many) = (score(&lines(400)).0, score(&lines(700)).0);
    assert_eq!(few[..], many[..400]);
}

#[test]
fn an_odd_value_is_an_alarm_in_its_tick_and_a_limit_is_not_needed() {
    for series in [
        r#"{"type": "series", "id": "a", "step": 300, "limit": null, "horizon": 12}"#,
        r#"{"type": "series", "id": "a", "step": 300}"#,
    ] {
        let value = |t: usize| if t == 700 { 160.0 } else { (t * 37 % 17) as f64 };
        let ticks = (0..702).map(|t| json!({"type": "tick", "t": t, "v": {"a": value(t)}}).to_string());
        let lines: Vec<String> = std::iter::once(series.to_owned()).chain(ticks).collect();
        let (answers, problems) = anomalies(&lines.join("\n"));
        assert_eq!((problems, answers.len()), (0, 702));
        assert_eq!(answers[3]["p"], json!({}), "too little is known yet");
        assert_eq!((&answers[699]["alarm"]["a"], &answers[700]["alarm"]["a"]), (&json!(0), &json!(1)));
    }
}

#[test]
fn what_anomalies_cannot_be_found_in_is_told() {
    let (answers, problems) = anomalies(
        &[
            r#"{"type": "series", "id": "a", "step": 7200}"#,
            r#"{"type": "tick", "t": 0, "v": {"a": 1.0}}"#,
            r#"{"type": "series", "id": "b", "step": "x"}"#,
            r#"{"type": "series", "id": "c", "step": 60}"#,
            r#"{"type": "tick", "t": 1, "v": {"c": null}}"#,
        ]
        .join("\n"),
    );
    assert_eq!(problems, 3);
    assert_eq!(answers[0]["error"], "step is 7200: it must divide a day and be an hour at most");
    assert_eq!(answers[1]["error"], "tick 0 has a value of a series that was not described");
    assert!(answers[2]["error"].as_str().unwrap().contains("expected u32"), "{}", answers[2]);
    assert_eq!(answers[3], json!({"t": 1, "p": {}, "alarm": {}}), "the others go on");
}

#[test]
fn ticks_of_unknown_series_and_impossible_steps_are_told() {
    let (answers, problems) = score(
        &[
            r#"{"type": "series", "id": "a", "step": 7, "limit": 1, "horizon": 12}"#,
            r#"{"type": "series", "id": "a", "step": 300, "horizon": 12}"#,
            r#"{"type": "tick", "t": 3, "v": {"b": 1.0}}"#,
        ]
        .join("\n"),
    );
    assert_eq!(problems, 3);
    assert_eq!(answers[0]["error"], "step is 7: it must divide a day and be an hour at most");
    assert!(answers[1]["error"].as_str().unwrap().contains("missing field `limit`"), "{}", answers[1]);
    assert_eq!(answers[2]["error"], "tick 3 has a value of a series that was not described");
}
