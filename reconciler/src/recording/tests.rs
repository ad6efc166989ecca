//! Files of every form, and every way in which one can be wrong.

use super::*;

fn read_text(text: &str) -> Recording {
    read("f", text.as_bytes()).unwrap()
}

/// Seconds since 1,800,000,000 and values, by series.
fn samples(recording: &Recording) -> Vec<(&str, Vec<(i64, f64)>)> {
    let plain =
        |samples: &Vec<Sample>| samples.iter().map(|it| (it.at.as_second() - 1_800_000_000, it.value)).collect();
    recording.series.iter().map(|(name, samples)| (name.as_str(), plain(samples))).collect()
}

#[test]
fn every_form_is_read_alike() {
    let expected = vec![("cpu", vec![(0, 0.5), (60, 0.75)]), ("memory", vec![(0, 1.0), (120, 3.0)])];
    for text in [
        "time,signal,value\n1800000000,cpu,0.5\n1800000000,memory,1\n1800000060,cpu,0.75\n1800000120,memory,3\n",
        "time,cpu,memory\r\n2027-01-15T08:00:00Z,0.5,1\r\n1800000060000,0.75,\r\n\r\n1800000120,NaN,3\r\n",
        "\u{feff}Timestamp, cpu, memory\n1800000000, 0.5, 1\n1800000060, 0.75,\n1800000120,,3",
        "{\"time\":1800000000,\"cpu\":0.5,\"memory\":1}\n{\"time\":1800000060,\"cpu\":0.75}\n\n{\"time\":\"1800000120\",\"memory\":3,\"cpu\":null}\n",
        "\n{\"time\":\"2027-01-15T08:00:00Z\",\"signal\":\"cpu\",\"value\":0.5}\n{\"time\":1800000060,\"signal\":\"cpu\",\"value\":0.75}\n\
         {\"time\":1800000000000,\"signal\":\"memory\",\"value\":1}\n{\"time\":1800000120,\"signal\":\"memory\",\"value\":3}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[\
         {\"metric\":{\"__name__\":\"cpu\",\"job\":\"a\"},\"values\":[[1800000000,\"0.5\"],[1800000060,\"0.75\"],[1800000120,\"NaN\"]]},\
         {\"metric\":{\"signal\":\"memory\",\"__name__\":\"m\"},\"values\":[[1800000000,\"1\"],[1800000120,\"3\"]]}]}}",
        "{\n  \"resultType\": \"matrix\",\n  \"result\": [{\"metric\":{\"__name__\":\"cpu\"},\"values\":[[1800000000,\"0.5\"],[1800000060,\"0.75\"]]},\
         {\"metric\":{\"__name__\":\"memory\"},\"values\":[[1800000000,\"1\"],[1800000120,\"3\"]]}]}",
    ] {
        let recording = read_text(text);
        assert_eq!(recording.problems, [], "{text}");
        assert_eq!(samples(&recording), expected, "{text}");
    }
}

#[test]
fn series_of_one_name_are_told_apart_by_their_labels() {
    let series = |pod: &str| format!(r#"{{"metric":{{"__name__":"cpu","pod":"{pod}"}},"values":[[1800000000,"1"]]}}"#);
    let text = format!(r#"{{"data":{{"resultType":"matrix","result":[{},{}]}}}}"#, series("a"), series("b"));
    let names: Vec<String> = read_text(&text).series.into_keys().collect();
    assert_eq!(names, [r#"cpu{pod="a"}"#, r#"cpu{pod="b"}"#]);
}

/// The problems as they are told, and the series that are left.
fn told(text: &str) -> (Vec<String>, Vec<String>) {
    let recording = read_text(text);
    (recording.problems.iter().map(ToString::to_string).collect(), recording.series.into_keys().collect())
}

/// One problem that begins as expected, and the series that are left.
fn check(text: &str, expected: &str, left: &[&str]) {
    let (problems, series) = told(text);
    assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    assert!(problems[0].starts_with(expected), "{text}: {problems:?} does not begin with {expected:?}");
    assert_eq!(series, left, "{text}");
}

#[test]
fn what_is_wrong_with_the_form_is_told_with_its_place() {
    check("", "f, line 1, column 1: the file is empty", &[]);
    check("  \n\n", "f, line 1, column 1: the file is empty", &[]);
    check("time,signal,value\n", "f, line 2, column 1: there is no sample", &[]);
    check("when,cpu\n1,2\n", "f, line 1, column 1: the first column is \"when\"", &[]);
    check("time;cpu\n1;2\n", "f, line 1, column 1: the first column is \"time;cpu\"", &[]);
    check("time\n1\n", "f, line 1, column 2: there is no column of values", &[]);
    check("time,cpu,\n1,2,3\n", "f, line 1, column 3: the column has no name", &[]);
    check("time,cpu,cpu\n1,2,3\n", "f, line 1, column 2: the column \"cpu\" is there twice", &[]);
}

#[test]
fn what_is_wrong_in_a_row_is_told_with_its_place_and_the_others_are_read() {
    check(
        "time,a,b\n1,2,3\n2,two,4\n3,5,6\n",
        "f, line 3, column 2 (a): signal \"a\" is left out: \"two\" is no number",
        &["b"],
    );
    check(
        "time,signal,value\n1,a,1\n1,b,1\n2,a,x\n2,b,2\n3,a,y\n",
        "f, line 4, column 3 (value): signal \"a\" is left out: \"x\"",
        &["b"],
    );
    check(
        "time,signal,value\n1,a,1\nnoon,a,2\n2,b,2\n",
        "f, line 3, column 1 (time): signal \"a\" is left out: \"noon\" is no time",
        &["b"],
    );
    check("time,a,b\n1,1,1\n\"noon\",2,2\n3,3,3\n", "f, line 3, column 1 (time): \"noon\" is no time", &["a", "b"]);
    check("time,signal,value\n1,a,1\n2,a\n3,a,3\n", "f, line 3, column 2: the row has 2 columns", &["a"]);
    check(
        "time,signal,value\n2,a,1\n1,b,1\n1,a,2\n2,b,2\n",
        "f, line 4, column 3 (value): signal \"a\" is left out: the time 1970-01-01T00:00:01Z is before",
        &["b"],
    );
    check(
        "time,signal,value\n2,a,1\n1,b,1\n2,a,2\n2,b,2\n",
        "f, line 4, column 3 (value): signal \"a\" is left out: the time 1970-01-01T00:00:02Z is repeated from line 2",
        &["b"],
    );
    check(
        "time,a,b\n1,inf,1\n2,1,2\n",
        "f, line 2, column 2 (a): signal \"a\" is left out: inf is no measurement",
        &["b"],
    );
    check("time,a,b\n1,1e200,1\n2,1,2\n", "f, line 2, column 2 (a): signal \"a\" is left out: 1000", &["b"]);
    check("time,a,b\n1,,1\n2,,2\n", "f, line 1, column 1: signal \"a\" is left out: it has no sample", &["b"]);
}

#[test]
fn what_is_wrong_in_json_is_told_with_its_place_and_the_others_are_read() {
    check(
        "{\"time\":1,\"a\":1,\"b\":1}\n{\"time\":2,\"a\":\"two\",\"b\":2}\n",
        "f, line 2, column 11 (a): signal \"a\" is left out: \"two\" is no number",
        &["b"],
    );
    check(
        "{\"time\":1,\"a\":1}\n{\"time\":2,\"a\":\n{\"time\":3,\"a\":2}\n",
        "f, line 2, column 14: EOF while parsing",
        &["a"],
    );
    check("{\"time\":1,\"a\":1}\n{\"a\":2}\n", "f, line 2, column 1 (time): the line has no time", &["a"]);
    check(
        "{\"time\":1,\"signal\":\"a\",\"value\":1}\n{\"time\":[],\"signal\":\"a\",\"value\":1}\n{\"time\":1,\"signal\":\"b\",\"value\":1}",
        "f, line 2, column 2 (time): signal \"a\" is left out: [] is no time",
        &["b"],
    );
    check(
        "{\"time\":1,\"signal\":7,\"value\":1}\n{\"time\":2,\"signal\":\"b\",\"value\":1}",
        "f, line 1, column 11 (signal): the signal must be a text",
        &["b"],
    );
    check("{\"status\":\"success\",\n \"data\": oops}", "f, line 2, column 10: expected value", &[]);
    check(
        "{\"status\":\"error\",\"error\":\"too many points\"}",
        "f, line 1, column 1 (error): it is a refusal of Prometheus: too many points",
        &[],
    );
    check(
        "{\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
        "f, line 1, column 1 (resultType): it is a \"vector\"",
        &[],
    );
    check("{\"data\":1}", "f, line 1, column 1: a document with data.resultType", &[]);
    check(
        "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"a\"},\"values\":[[1,\"x\"]]},{\"metric\":{\"__name__\":\"b\"},\"values\":[[1,\"1\"]]}]}}",
        "f, series 1, point 1: signal \"a\" is left out: \"x\" is no number",
        &["b"],
    );
}

#[test]
fn mixed_steps_are_told_and_gaps_are_not() {
    let text = |times: &[i64]| times.iter().fold("time,a\n".to_owned(), |text, time| format!("{text}{time},1\n"));
    let minutes = |count: i64| (0..count).map(|nth| 60 * nth);
    let coarser: Vec<i64> = minutes(20).chain((0..20).map(|nth| 1_440 + 300 * nth)).collect();
    let (problems, series) = told(&text(&coarser));
    assert!(problems[0].starts_with("f, line 21, column 1 (time): signal \"a\" is left out: the steps are mixed: samples are 1m apart up to here and 5m apart"), "{problems:?}");
    assert_eq!(series, Vec::<String>::new());
    let with_gaps: Vec<i64> = minutes(400).filter(|time| (time / 60) % 5 != 0 && (time / 60) % 7 != 0).collect();
    assert_eq!(told(&text(&with_gaps)).0, Vec::<String>::new());
    let jittering: Vec<i64> = minutes(100).map(|time| time + time * 7 % 11).collect();
    assert_eq!(told(&text(&jittering)).0, Vec::<String>::new());
}

#[test]
fn bounds_are_told() {
    let head: Vec<String> = (0..70).map(|nth| format!("s{nth}")).collect();
    let row = vec!["1"; 70].join(",");
    let (problems, series) = told(&format!("time,{}\n1,{row}\n2,{row}\n", head.join(",")));
    assert_eq!((problems.len(), series.len()), (1, 64), "{problems:?}");
    assert!(problems[0].contains("there are more than 64 series"));
}

/// Every byte of a file replaced by others that mean something to a reader, and the file cut there.
#[test]
fn no_damage_to_a_file_breaks_the_reader() {
    for text in [
        "time,signal,value\n1800000000,cpu,0.5\n\"1800000060\",\"a,b\",1\n",
        "time,cpu,memory\n2027-01-15T08:00:00Z,0.5,1\n1800000060000,0.75,\n",
        "{\"time\":1800000000,\"cpu\":0.5}\n{\"time\":\"1800000060\",\"signal\":\"m\",\"value\":null}\n",
        "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"cpu\"},\"values\":[[1800000000,\"1\"]]}]}}",
    ] {
        for position in 0..text.len() {
            drop(read("f", &text.as_bytes()[..position]).map(|recording| recording.problems));
            for byte in *b"\"{[,\n\\\x00\xff9e-" {
                let mut damaged = text.as_bytes().to_vec();
                damaged[position] = byte;
                // A file that is no text may be refused as a whole.
                let Ok(recording) = read("f", damaged.as_slice()) else { continue };
                let values = recording.series.values().flatten();
                assert!(values.clone().all(|sample| sample.value.is_finite()), "{position} {byte}");
                assert!(recording.problems.iter().all(|problem| !problem.place.is_empty()));
            }
        }
    }
}
