//! Charts as golden files: look at the difference, the SVG in a browser, before you accept one.

use super::*;
use jiff::SignedDuration;

const STEP: SignedDuration = SignedDuration::from_mins(5);

fn start() -> Timestamp {
    "2027-01-15T08:00:00Z".parse().unwrap()
}

fn at(step: i32) -> Timestamp {
    start().checked_add(STEP.saturating_mul(step)).unwrap()
}

/// Memory that follows the day and leaks, in bytes.
fn level(step: i32) -> f64 {
    let day = (f64::from(step) / 288.0 * std::f64::consts::TAU).sin();
    420e6 + 60e6 * day + 0.5e6 * f64::from(step) + 6e6 * f64::from(step * 7_919 % 13 - 6) / 6.0
}

fn chart(limit: f64) -> FanChart {
    let missing = |step: &i32| !(100..130).contains(step);
    let fan = |step: i32| {
        let (middle, width) = (level(step), 4e6 * f64::from(step - 287).sqrt());
        FanPoint {
            at: at(step),
            outer: (middle - 2.0 * width, middle + 2.4 * width),
            inner: (middle - 1.3 * width, middle + 1.5 * width),
            median: middle,
        }
    };
    FanChart {
        title: "checkout, memory".to_owned(),
        notes: vec![
            "breaks its limit within 24 h with probability 0.41 (0.22 to 0.63)".to_owned(),
            "blend: lost 0.62 of what the seasonal naive forecast lost over the newest quarter of the past".to_owned(),
        ],
        unit: "bytes".to_owned(),
        past: (0..288).filter(missing).map(|step| (at(step), level(step))).collect(),
        fan: (288..576).map(fan).collect(),
        limit: Limit { value: limit, direction: Direction::Above },
        made_at: at(287).checked_add(SignedDuration::from_secs(70)).unwrap(),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    }
}

#[test]
fn a_fan_in_a_terminal() {
    insta::assert_snapshot!(fan_text(&chart(700e6), 100));
}

#[test]
fn a_fan_in_a_narrow_terminal_with_a_limit_far_away() {
    insta::assert_snapshot!(fan_text(&chart(8e9), 1));
}

#[test]
fn a_fan_as_svg() {
    insta::assert_snapshot!(fan_svg(&chart(700e6)));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [WIDTH_MIN, 61, 80, 132, WIDTH_MAX] {
        let text = fan_text(&chart(700e6), width);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} of {width}:\n{text}");
    }
}

#[test]
fn names_are_text_and_never_markup() {
    let mut chart = chart(700e6);
    chart.title = "<script>\"a\" & 'b'</script>\u{7}".to_owned();
    chart.notes = vec!["]]><x/>".to_owned()];
    let svg = fan_svg(&chart);
    assert!(svg.contains("&lt;script&gt;&quot;a&quot; &amp; 'b'&lt;/script&gt;<") && !svg.contains("<script"), "{svg}");
    assert!(!svg.contains("<x/>") && !svg.contains('\u{7}'));
}

#[test]
fn a_chart_without_anything_says_so() {
    let mut chart = chart(700e6);
    (chart.past, chart.fan) = (Vec::new(), Vec::new());
    assert!(fan_text(&chart, 80).ends_with("there is nothing to draw yet\n"));
    assert!(fan_svg(&chart).contains("there is nothing to draw yet"));
}

#[test]
fn every_number_of_a_picture_is_finite() {
    for (low, high) in [(0.0, 0.0), (-5.0, -5.0), (1e12, 1e12), (1e-12, 2e-12), (-1e100, 1e100)] {
        let mut chart = chart(1.0);
        chart.past.iter_mut().for_each(|(at, value)| *value = if at.as_second() % 600 == 0 { low } else { high });
        chart.fan.iter_mut().for_each(|point| {
            (point.outer, point.inner, point.median) = ((low, high), (low, high), high);
        });
        for text in [fan_svg(&chart), fan_text(&chart, 80)] {
            assert!(!text.contains("NaN") && !text.contains("inf"), "{low} to {high}: {text}");
        }
    }
}

#[test]
fn a_replay_as_svg() {
    let memory = chart(560e6);
    let breaches = vec![(at(279), at(287))];
    let name = "memory".to_owned();
    let panel = Panel { name, unit: memory.unit, samples: memory.past, limit: memory.limit, breaches };
    let latency = Panel {
        name: "latency_p99_of_checkout".to_owned(),
        unit: "seconds".to_owned(),
        samples: (0..288).map(|step| (at(step), 0.12 + f64::from(step % 9) / 100.0)).collect(),
        limit: Limit { value: 2.0, direction: Direction::Above },
        breaches: Vec::new(),
    };
    let scores = (40..288).map(|step| (at(step), f64::from(step - 40) / 260.0, (f64::from(step - 40) / 250.0).powi(4)));
    let timeline = Timeline {
        title: "policy careful over 24 h of telemetry".to_owned(),
        notes: vec!["1 of 1 breaches announced, 4.2 h before; 1 false alarm a week; 6.1 h of shadows".to_owned()],
        panels: vec![panel, latency],
        scores: scores.collect(),
        thresholds: (0.5, 0.8),
        lanes: vec![
            ("policy".to_owned(), vec![(at(171), Mark::Stage), (at(278), Mark::HandOver)]),
            ("static threshold".to_owned(), vec![(at(215), Mark::Stage), (at(230), Mark::HandOver)]),
            ("predict_linear".to_owned(), vec![(at(60), Mark::Stage), (at(75), Mark::Release)]),
        ],
        zone: TimeZone::UTC,
    };
    insta::assert_snapshot!(timeline_svg(&timeline));
}
