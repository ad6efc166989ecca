//! Replays by example.

use super::*;
use crate::model::PolicySpec;
use crate::model::calendar::{Calendar, CalendarSpec};

fn setting() -> Setting {
    let (zone, expected) = (TimeZone::UTC, Arc::default());
    Setting { hourly_cost: 2.0, rounds_max: 1_000, from: None, to: None, zone, expected }
}

fn play(recorded: &BTreeMap<String, Recorded>) -> Option<Backtest> {
    Some(replay(&policy(), recorded, &setting(), |_| {})?.found)
}

fn policy() -> Policy {
    let mut spec = PolicySpec::named("p");
    spec.interval = "1m".into();
    spec.step = "1m".into();
    spec.history = "6h".into();
    spec.horizons = vec!["10m".into(), "1h".into()];
    spec.check().unwrap()
}

/// Minutes of a memory of `level(minute)` with a limit of 100.
fn recorded(minutes: i64, level: impl Fn(i64) -> f64) -> BTreeMap<String, Recorded> {
    let spec = serde_json::json!({"query": "m{i=\"$instance\"}", "limit": 100.0, "unit": "count"});
    let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
    let wobble = |minute: i64| f64::from(i32::try_from(minute * 7919 % 13).unwrap()) / 13.0;
    let sample = |minute: i64| Sample { at: at(minute), value: level(minute) + wobble(minute) };
    let recorded =
        Recorded { spec: serde_json::from_value(spec).unwrap(), samples: (0..minutes).map(sample).collect() };
    [("memory".to_owned(), recorded)].into()
}

#[test]
fn a_leak_is_seen_coming() {
    let leak = |minute: i64| if minute < 120 { 40.0 } else { 40.0 + f64::from(i32::try_from(minute - 120).unwrap()) };
    let found = play(&recorded(200, leak)).unwrap();
    assert_eq!(found.breaches.len(), 1, "{:?}", found.breaches);
    assert_eq!((found.policy.warned, found.policy.missed), (1, 0), "{:?}", found.policy);
    let lead = |outcome: &Outcome| outcome.lead_times_seconds[0].unwrap_or(0.0);
    assert!(lead(&found.policy) > lead(&found.static_threshold), "{found:#?}");
    assert!(found.policy.shadow_hours > 0.0);
    assert!((found.policy.shadow_cost - 2.0 * found.policy.shadow_hours).abs() < 1e-9);
    assert_eq!((found.no_policy.warned, found.no_policy.missed), (0, 1));
    assert!(found.no_policy.actions.is_empty());
    let kinds: Vec<ActionKind> = found.policy.actions.iter().map(|action| action.kind).collect();
    assert!(kinds.starts_with(&[ActionKind::Stage, ActionKind::HandOver]), "{kinds:?}");
}

#[test]
fn quiet_days_call_for_nothing() {
    let found = play(&recorded(300, |_| 40.0)).unwrap();
    for outcome in [&found.policy, &found.static_threshold, &found.predict_linear] {
        assert!(outcome.actions.is_empty() && outcome.false_alarms == 0, "{outcome:?}");
    }
    assert_eq!((found.evaluations, found.every_seconds.to_bits()), (260, 60.0_f64.to_bits()));
}

#[test]
fn a_line_is_fooled_by_a_hill_and_that_counts_as_false() {
    let hill = |minute: i64| 40.0 + 40.0 * (f64::from(i32::try_from(minute).unwrap()) / 40.0).sin();
    let found = play(&recorded(340, hill)).unwrap();
    assert!(found.breaches.is_empty());
    assert!(found.predict_linear.false_alarms > 0, "{:?}", found.predict_linear);
    assert!(found.predict_linear.false_alarms_per_week > 1.0);
}

#[test]
fn a_recording_that_is_too_short_has_no_answer() {
    assert_eq!(play(&recorded(20, |_| 1.0)), None);
    assert_eq!(play(&BTreeMap::new()), None);
}

#[test]
fn the_scores_of_a_replay_lead_to_the_same_outcome() {
    let recorded = recorded(200, |minute| if minute < 120 { 40.0 } else { 40.0 + (minute - 120) as f64 });
    let mut told = Vec::new();
    let Replay { found, looks } = replay(&policy(), &recorded, &setting(), |progress| told.push(progress)).unwrap();
    assert_eq!(outcome(&policy(), setting().hourly_cost, &looks, &found.breaches).as_ref(), Some(&found.policy));
    assert_eq!(told.len(), looks.len());
    assert_eq!(told.last(), Some(&Progress { done: looks.len(), total: looks.len() }));
}

#[test]
fn days_are_played_from_the_first_look_on() {
    let mut spec = PolicySpec::named("p");
    (spec.step, spec.interval, spec.horizons) = ("30m".into(), "30m".into(), vec!["1h".into(), "6h".into()]);
    let hill =
        |minute: i64| 40.0 + 20.0 * (f64::from(i32::try_from(minute).unwrap()) * std::f64::consts::TAU / 1_440.0).sin();
    let Replay { found, looks } =
        replay(&spec.check().unwrap(), &recorded(4 * 1_440, hill), &setting(), |_| {}).unwrap();
    assert_eq!((looks.len(), found.evaluations), (152, 152));
    assert!(looks.iter().all(|look| look.score.is_some()), "no sample is missing");
}

#[test]
fn an_event_that_a_calendar_tells_is_seen_coming() {
    let mut spec = PolicySpec::named("p");
    (spec.step, spec.interval, spec.horizons) = ("30m".into(), "30m".into(), vec!["1h".into(), "6h".into()]);
    let sale = 3 * 1_440 + 600..3 * 1_440 + 720;
    let hill = |minute: i64| 40.0 + 20.0 * (minute as f64 * std::f64::consts::TAU / 1_440.0).sin();
    let recorded = recorded(4 * 1_440, |minute| if sale.contains(&minute) { 3.0 * hill(minute) } else { hill(minute) });
    let events = serde_json::json!({"sale": {"dates": ["2027-01-18T18:00"], "duration": "2h", "factor": 3.0}});
    let calendar: CalendarSpec = serde_json::from_value(serde_json::json!({"name": "shop", "events": events})).unwrap();
    let policy = spec.check().unwrap();
    let before = Timestamp::from_second(1_800_000_000 + 60 * (sale.start - 120)).unwrap();
    let scored = |calendars: Vec<Calendar>| {
        let setting = Setting { expected: Arc::new(Expected::by(&policy, calendars)), ..setting() };
        let looks = replay(&policy, &recorded, &setting, |_| {}).unwrap().looks;
        looks.into_iter().rev().find(|look| look.at <= before).and_then(|look| look.score).unwrap()
    };
    let (told, untold) = (scored(vec![calendar.check().unwrap()]), scored(Vec::new()));
    assert!(told.longest > 0.5 && untold.longest < 0.1, "{told:?} {untold:?}");
    assert!(told.reason.contains("event sale of calendar shop"), "{told:?}");
}

#[test]
fn one_trouble_is_handed_over_once() {
    let hill = |minute: i64| if (150..400).contains(&minute) { 120.0 } else { 40.0 };
    let found = play(&recorded(600, hill)).unwrap();
    for outcome in [&found.policy, &found.static_threshold] {
        assert_eq!(outcome.hand_overs, 1, "{:?}", outcome.actions);
    }
    assert!(found.no_policy.shadow_hours.is_sign_positive());
}
