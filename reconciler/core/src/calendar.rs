//! When expected events take place: campaigns, holidays, maintenance. Pure: a window in, the
//! occurrences in it out. Clocks that are put forward or back are those of the event's time zone.

use crate::model::calendar::{Calendar, Event, Start, Window};
use cronexpr::MakeTimestamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Occurrences told at most: those of an hourly event over a year.
pub const OCCURRENCES_MAX: usize = 9_000;

/// The year 9999 is the last that times can have, and a schedule is searched over four years.
const LATEST: Timestamp = Timestamp::constant(252_000_000_000, 0);

/// One time at which an event takes place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Occurrence {
    /// Name of the event in its calendar.
    pub event: String,
    /// Its first moment.
    #[schema(value_type = String)]
    pub start: Timestamp,
    /// The first moment after it.
    #[schema(value_type = String)]
    pub end: Timestamp,
    /// Load expected during it, as a multiple of the usual.
    pub factor: f64,
}

/// What takes place in any part of the time from `from` until before `to`, in the order of the
/// starts; the first [`OCCURRENCES_MAX`] of each event.
pub fn occurrences(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Vec<Occurrence> {
    let mut all: Vec<Occurrence> = Vec::new();
    for (name, event) in &calendar.events {
        let occurrence = |(start, end)| Occurrence { event: name.clone(), start, end, factor: event.factor };
        all.extend(times(event, from, to).into_iter().map(occurrence));
    }
    all.sort_by(|one, other| (one.start, &one.event).cmp(&(other.start, &other.event)));
    all
}

/// The factor expected at one time: the product of those of all events that take place then.
pub fn factor_at(calendar: &Calendar, at: Timestamp) -> f64 {
    let soon = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
    occurrences(calendar, at, soon).iter().map(|occurrence| occurrence.factor).product()
}

/// Whether a window is open at a time.
pub fn is_open(window: &Window, at: Timestamp) -> bool {
    let before = at.checked_sub(window.duration).unwrap_or(at).min(LATEST);
    let first = window.crontab.find_next(MakeTimestamp(before));
    first.is_ok_and(|start| start.timestamp() <= at)
}

fn times(event: &Event, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let overlaps = |(start, end): &(Timestamp, Timestamp)| *start < to && *end > from;
    match &event.start {
        Start::Dates(dates) => dates.iter().copied().filter(overlaps).take(OCCURRENCES_MAX).collect(),
        Start::Cron(crontab) => {
            // One that began earlier may still go on. The schedule is asked for what comes after a time.
            let before = from.checked_sub(event.duration).unwrap_or(from);
            let to = to.min(LATEST);
            let before = Some(MakeTimestamp(before)).filter(|before| before.0 < to);
            let starts = before.and_then(|before| crontab.iter_after(before).ok()).into_iter().flatten();
            let starts = starts.map_while(|start| start.ok().map(|start| start.timestamp()));
            let ended = |start: Timestamp| (start, start.checked_add(event.duration).unwrap_or(Timestamp::MAX));
            starts.take_while(|start| *start < to).map(ended).filter(overlaps).take(OCCURRENCES_MAX).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problems;
    use crate::model::calendar::CalendarSpec;
    use crate::model::calendar::WindowSpec;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn starts(event: &serde_json::Value, from: &str, to: &str) -> Vec<(String, i64)> {
        let document = serde_json::json!({"name": "c", "events": {"e": event}});
        let calendar = serde_json::from_value::<CalendarSpec>(document).unwrap().check().unwrap();
        let told = |it: &Occurrence| (it.start.to_string(), it.end.duration_since(it.start).as_hours());
        occurrences(&calendar, at(from), at(to)).iter().map(told).collect()
    }

    fn told(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(start, hours)| ((*start).to_owned(), *hours)).collect()
    }

    #[test]
    fn a_schedule_keeps_to_the_clock_on_the_wall() {
        let event = serde_json::json!(
            {"cron": "0 9 * * SAT,SUN", "time_zone": "Europe/Berlin", "duration": "2h", "factor": 2.0});
        let weekend = starts(&event, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z");
        assert_eq!(weekend, told(&[("2026-03-28T08:00:00Z", 2), ("2026-03-29T07:00:00Z", 2)]));
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_or_repeats_comes_once() {
        let event = |cron: &str| serde_json::json!({"cron": cron, "time_zone": "Europe/Berlin", "duration": "1h", "factor": 2.0});
        let forward = starts(&event("30 2 * * *"), "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert!(forward.len() <= 2 && forward.contains(&("2026-03-30T00:30:00Z".to_owned(), 1)), "{forward:?}");
        let back = starts(&event("30 3 * * *"), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!(back, told(&[("2026-10-25T02:30:00Z", 1)]));
    }

    #[test]
    fn a_day_is_as_long_as_it_is() {
        let event = serde_json::json!(
            {"dates": ["2026-03-29", "2026-10-25", "2026-12-24T18:00"], "time_zone": "Europe/Berlin",
             "duration": "6h", "factor": 0.2});
        let found = starts(&event, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        let expected = [("2026-03-28T23:00:00Z", 23), ("2026-10-24T22:00:00Z", 25), ("2026-12-24T17:00:00Z", 6)];
        assert_eq!(found, told(&expected));
    }

    #[test]
    fn a_window_is_open_from_its_first_moment_until_before_its_end() {
        let spec = WindowSpec { cron: "0 3 * * SUN".into(), duration: "2h".into(), time_zone: "Europe/Berlin".into() };
        let window = spec.check("window", &mut Problems::default()).unwrap();
        let open = |time: &str| is_open(&window, at(time));
        assert!(open("2026-11-22T02:00:00Z") && open("2026-11-22T03:59:59Z"));
        assert!(!open("2026-11-22T01:59:59Z") && !open("2026-11-22T04:00:00Z"));
    }

    #[test]
    fn what_goes_on_counts_and_what_is_over_does_not() {
        let event = serde_json::json!({"cron": "0 0 * * *", "duration": "12h", "factor": 3.0});
        assert_eq!(starts(&event, "2026-05-01T06:00:00Z", "2026-05-01T07:00:00Z").len(), 1);
        assert!(starts(&event, "2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z").is_empty());
        assert!(starts(&event, "9999-12-01T00:00:00Z", "9999-12-02T00:00:00Z").is_empty(), "no end of time");
    }

    #[test]
    fn factors_of_events_at_the_same_time_multiply() {
        let document = serde_json::json!({"name": "c", "events": {
            "sale": {"dates": ["2026-11-27"], "factor": 3.0},
            "evening": {"cron": "0 18 * * *", "duration": "4h", "factor": 2.0}}});
        let calendar = serde_json::from_value::<CalendarSpec>(document).unwrap().check().unwrap();
        let factor = |text: &str| format!("{:.1}", factor_at(&calendar, at(text)));
        let seen = ["2026-11-26T12:00:00Z", "2026-11-26T19:00:00Z", "2026-11-27T12:00:00Z", "2026-11-27T18:00:00Z"];
        assert_eq!(seen.map(factor), ["1.0", "2.0", "3.0", "6.0"]);
    }
}
