//! Weeks of a load that follows the clock on the wall, with and without events.

use super::*;
use crate::forecast::{forecast as plain, median};
use crate::history::Sample;
use crate::model::calendar::CalendarSpec;
use crate::model::{GroupSpec, PolicySpec};
use serde_json::{Value, json};

const STEP: SignedDuration = SignedDuration::from_mins(15);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEKS: i64 = 4;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// 20 at night, 100 from 8 until 20 by the clock of Berlin, and a little noise.
fn usual(at: Timestamp) -> f64 {
    let hour = at.to_zoned(zone()).hour();
    let noise = f64::from(u8::try_from(at.as_second() / 900 * 7919 % 13).unwrap()) / 13.0;
    if (8..20).contains(&hour) { 100.0 + 4.0 * noise } else { 20.0 + noise }
}

fn history(now: Timestamp, value: impl Fn(Timestamp) -> f64) -> History {
    let length = SignedDuration::from_hours(24 * 7 * WEEKS);
    let mut history = History::new(STEP, length);
    let mut at = now.checked_sub(length).unwrap();
    while at <= now {
        history.push(Sample { at, value: value(at) }, now);
        at = at.checked_add(STEP).unwrap();
    }
    history
}

fn calendar(events: &Value) -> Calendar {
    let document = json!({"name": "shop", "events": events});
    serde_json::from_value::<CalendarSpec>(document).unwrap().check().unwrap()
}

fn expected(events: &Value) -> Expected {
    Expected { calendars: vec![calendar(events)], zone: None }
}

fn of(expected: &Expected, history: &History, now: Timestamp) -> Forecast {
    forecast(expected, "load", history, &[DAY], now).unwrap()
}

/// The median that is forecast for a time.
fn foreseen(forecast: &Forecast, text: &str) -> f64 {
    let steps = (at(text).duration_since(forecast.newest.at).as_millis() / STEP.as_millis()) - 1;
    median(&forecast.steps[usize::try_from(steps).unwrap()])
}

fn near(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() < 0.15 * wanted
}

#[test]
fn without_events_not_a_bit_changes() {
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, usual);
    let same = |expected: &Expected| {
        let forecast = of(expected, &history, now);
        assert_eq!(
            serde_json::to_string(&forecast).unwrap(),
            serde_json::to_string(&plain(&history, &[DAY], now).unwrap()).unwrap()
        );
        assert!(matches!(expected.prepare("load", &history, &[DAY], now).history, Cow::Borrowed(_)));
    };
    same(&Expected::default());
    same(&Expected { zone: Some(zone()), ..Expected::default() });
    same(&expected(&json!({"sale": {"dates": ["2026-11-27"], "factor": 3.0}})));
}

#[test]
fn an_event_that_was_never_seen_does_what_was_declared() {
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, usual);
    let sale = json!({"sale": {"dates": ["2026-06-05T12:00"], "duration": "2h", "factor": 3.0}});
    let (with, without) = (of(&expected(&sale), &history, now), plain(&history, &[DAY], now).unwrap());
    assert!(near(foreseen(&with, "2026-06-05T12:30:00Z"), 300.0), "{}", foreseen(&with, "2026-06-05T12:30:00Z"));
    assert!(near(foreseen(&with, "2026-06-05T15:30:00Z"), 100.0));
    let width = |forecast: &Forecast| {
        let highest = forecast.windows[0].maximum.quantiles();
        highest[9] - highest[1]
    };
    assert!(near(with.windows[0].maximum.quantile(0.5), 306.0), "{:?}", with.windows[0].maximum.quantiles());
    assert!(width(&with) > 3.0 * width(&without), "a declared factor is a guess");
    assert_eq!(with.windows[0].minimum, without.windows[0].minimum, "nights stay as they are");
    let effect = &with.events[0];
    assert_eq!((effect.lift, effect.seen, effect.start), (Some(3.0), 0, Some(at("2026-06-05T12:00:00Z"))));
    assert_eq!(effect.told(), "event sale of calendar shop multiplies it by 3, as declared");
}

#[test]
fn an_event_that_comes_every_week_is_learned() {
    // Saturdays from noon to two in Berlin.
    let factor = |at: Timestamp| {
        let local = at.to_zoned(zone());
        let rush = local.weekday() == jiff::civil::Weekday::Saturday && (12..14).contains(&local.hour());
        if rush { 2.5 } else { 1.0 }
    };
    let now = at("2026-06-06T06:00:00Z");
    let history = history(now, |at| usual(at) * factor(at));
    let rush = json!({"rush": {"cron": "0 12 * * SAT", "time_zone": "Europe/Berlin", "duration": "2h", "factor": 1.5}});
    let forecast = of(&expected(&rush), &history, now);
    let effect = &forecast.events[0];
    assert_eq!(effect.seen, 4);
    assert!((effect.lift.unwrap() - 2.3).abs() < 0.05, "four times 2.5 and once the declared 1.5: {effect:?}");
    assert!(near(foreseen(&forecast, "2026-06-06T10:30:00Z"), 234.0));
    assert!(near(foreseen(&forecast, "2026-06-06T12:30:00Z"), 102.0), "after it the day is as usual");
    assert!(near(forecast.windows[0].maximum.quantile(0.5), 240.0));
}

#[test]
fn while_it_goes_on_an_event_is_known_by_what_it_does() {
    let start = at("2026-06-05T09:00:00Z");
    let now = at("2026-06-05T12:00:00Z");
    let history = history(now, |at| usual(at) * if at >= start { 4.0 } else { 1.0 });
    let sale = json!({"sale": {"dates": ["2026-06-05T09:00"], "duration": "5h", "factor": 2.0}});
    let forecast = of(&expected(&sale), &history, now);
    let (during, after) = (foreseen(&forecast, "2026-06-05T13:00:00Z"), foreseen(&forecast, "2026-06-05T15:00:00Z"));
    assert!(during > 330.0 && after < 130.0, "{during} {after}");
}

#[test]
fn what_is_always_there_is_part_of_the_usual_day() {
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, usual);
    let daily = json!({"rush": {"cron": "0 12 * * *", "duration": "2h", "factor": 3.0}});
    let forecast = of(&expected(&daily), &history, now);
    assert!(near(foreseen(&forecast, "2026-06-05T12:30:00Z"), 102.0));
    assert_eq!(forecast.events[0].lift, None);
    assert!(forecast.events[0].left_out.as_ref().unwrap().contains("part of the usual day"));
}

#[test]
fn work_that_is_over_is_no_part_of_any_day() {
    let work = (at("2026-06-04T09:00:00Z"), at("2026-06-04T15:00:00Z"));
    let during = |at: Timestamp| at >= work.0 && at < work.1;
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, |at| if during(at) { 900.0 } else { usual(at) });
    let event = json!({"upgrade": {
        "dates": ["2026-06-04T09:00"], "duration": "6h", "factor": 1.0, "kind": "maintenance"}});
    let expected = expected(&event);
    let prepared = expected.prepare("load", &history, &[DAY], now);
    assert_eq!(prepared.history().present(), history.present() - 24);
    assert!(near(of(&expected, &history, now).windows[0].maximum.quantile(0.8), 104.0));
    assert_eq!(expected.event_at(work.0).as_deref(), Some("upgrade of calendar shop"));
    assert_eq!(expected.event_at(work.1), None);
}

#[test]
fn events_of_others_are_left_alone() {
    let group = |name: &str, calendars: Value| {
        let document = json!({
            "name": name, "policy": "p", "primary": {"instance_id": "i", "address": "h", "port": 1}, "calendars": calendars,
            "signals": {}, "instance": {"source": "/m"}, "traffic": {"source": "/m"}});
        let spec: GroupSpec = serde_json::from_value(document).unwrap();
        Group { name: crate::model::GroupName::new(name).unwrap(), spec, generation: 1 }
    };
    let document = json!({"name": "shop", "groups": ["named"],
        "events": {"sale": {"dates": ["2026-06-05"], "factor": 3.0, "time_zone": "Europe/Berlin", "signals": ["cpu"]}}});
    let calendars = [serde_json::from_value::<CalendarSpec>(document).unwrap().check().unwrap()];
    let policy = PolicySpec::named("p").check().unwrap();
    let expected = |name, names| Expected::of(&group(name, names), &policy, &calendars);
    assert_eq!(expected("named", json!([])).calendars.len(), 1);
    assert_eq!(expected("naming", json!(["shop"])).zone(), Some(&zone()), "the only zone there is");
    let other = expected("other", json!(["another"]));
    assert!(other.calendars.is_empty() && other.zone().is_none());
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, usual);
    let forecast = of(&expected("named", json!([])), &history, now);
    assert!(near(foreseen(&forecast, "2026-06-05T12:30:00Z"), 102.0), "the event names another signal");
    assert_eq!(forecast.events[0].left_out.as_deref(), Some("it is not about this signal"));
}

#[test]
fn what_can_be_negative_is_not_multiplied() {
    let now = at("2026-06-05T06:00:00Z");
    let history = history(now, |at| usual(at) - 50.0);
    let sale = json!({"sale": {"dates": ["2026-06-05"], "factor": 3.0}});
    let forecast = of(&expected(&sale), &history, now);
    assert!(near(foreseen(&forecast, "2026-06-05T12:30:00Z"), 52.0));
    assert!(forecast.events[0].left_out.as_ref().unwrap().contains("negative"));
}

/// Forecasts around a change of the clock: how far the median is off at worst, with and without the
/// zone, over the hours in which the day begins and ends.
fn worst(now: &str) -> (f64, f64) {
    let now = at(now);
    let history = history(now, usual);
    let local = Expected { zone: Some(zone()), ..Expected::default() };
    let off = |forecast: Forecast| {
        let mut step = forecast.newest.at;
        let error = |quantiles: &crate::forecast::Quantiles| {
            step = step.checked_add(STEP).unwrap();
            (median(quantiles) - usual(step)).abs()
        };
        assert_eq!(forecast.steps.len(), 96, "a day is a day");
        assert_eq!(forecast.windows[0].horizon, DAY);
        let mut errors: Vec<f64> = forecast.steps.iter().map(error).collect();
        errors.sort_unstable_by(f64::total_cmp);
        // Those of an hour, at the edges of the day.
        errors[errors.len() - 5]
    };
    (off(of(&local, &history, now)), off(plain(&history, &[DAY], now).unwrap()))
}

#[test]
fn the_day_follows_the_clock_when_it_is_put_forward_or_back() {
    // The clock is put forward on 29 March 2026, and back on 25 October, at 01:00 UTC.
    for before in ["2026-03-28T18:00:00Z", "2026-10-24T18:00:00Z"] {
        let (local, utc) = worst(before);
        assert!(local < 15.0 && utc > 40.0, "the evening before {before}: {local} {utc}");
    }
    for after in ["2026-03-29T18:00:00Z", "2026-10-25T18:00:00Z"] {
        let (local, _) = worst(after);
        assert!(local < 15.0, "the evening after {after}: {local}");
    }
    for at_once in ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"] {
        let (local, _) = worst(at_once);
        assert!(local < 15.0, "at {at_once}: {local}");
    }
}
