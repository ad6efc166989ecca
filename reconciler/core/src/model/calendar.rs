//! Events that are expected: campaigns, holidays, maintenance. What `shadow_calendar` declares, and
//! the schedule as text that policies use as well.

use super::check::{Problems, parse_duration};
use super::group::GroupSpec;
use cronexpr::Crontab;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most events in a calendar, and most dates in an event: two a day for a year.
const ENTRIES_MAX: usize = 732;

/// Greatest factor: a thousand times the usual load is beyond what any event brings.
pub const FACTOR_MAX: f64 = 1000.0;

/// What `shadow_calendar` declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// Unique within the reconciler.
    pub name: String,
    /// What is expected, by a name of your own.
    pub events: BTreeMap<String, EventSpec>,
    /// Names of the groups that are affected, beside those that name this calendar.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// One expected event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// What kind of event it is.
    #[serde(default)]
    pub kind: EventKind,
    /// When it begins, as five fields of a crontab.
    #[serde(default)]
    pub cron: Option<String>,
    /// When it begins, as dates (the whole day) or dates with a time.
    #[serde(default)]
    pub dates: Vec<String>,
    /// IANA name of the time zone of `cron` and `dates`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How long it lasts; not needed for whole days.
    #[serde(default)]
    pub duration: Option<String>,
    /// Load expected during it, as a multiple of the usual.
    pub factor: f64,
    /// Keys of the signals that follow the load; every signal when empty.
    #[serde(default)]
    pub signals: Vec<String>,
}

/// What kind of event is expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// More load than usual, on purpose.
    #[default]
    Campaign,
    /// A day on which people do something else.
    Holiday,
    /// Work on the service or around it: what is measured meanwhile says nothing about other days.
    Maintenance,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A checked calendar.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The declaration that this was checked from.
    pub spec: CalendarSpec,
    /// Its events by name.
    pub events: BTreeMap<String, Event>,
}

impl Calendar {
    /// Whether it says something of a group: either may name the other.
    pub fn affects(&self, group: &GroupSpec) -> bool {
        group.calendars.contains(&self.spec.name) || self.spec.groups.contains(&group.name)
    }
}

/// A checked event.
#[derive(Debug, Clone)]
pub struct Event {
    /// What kind of event it is.
    pub kind: EventKind,
    /// When it begins.
    pub start: Start,
    /// How long it lasts where `start` does not say so.
    pub duration: SignedDuration,
    /// Load expected during it, as a multiple of the usual.
    pub factor: f64,
    /// Keys of the signals that follow the load; every signal when empty.
    pub signals: Vec<String>,
}

/// When an event begins.
#[derive(Debug, Clone)]
pub enum Start {
    /// Whenever this schedule says so.
    Cron(Box<Crontab>),
    /// At these times, until those.
    Dates(Vec<(Timestamp, Timestamp)>),
}

impl CalendarSpec {
    /// Checks the declaration.
    ///
    /// # Errors
    /// Every problem, with its attribute path.
    pub fn check(self) -> Result<Calendar, Problems> {
        let mut problems = Problems::default();
        problems.name("name", &self.name);
        let number = self.events.len();
        problems.require(
            (1..=ENTRIES_MAX).contains(&number),
            "events",
            format!("{number} events are too few or too many"),
            format!("declare 1 to {ENTRIES_MAX} events"),
        );
        for (i, group) in self.groups.iter().enumerate() {
            problems.name(&format!("groups[{i}]"), group);
        }
        let mut events = BTreeMap::new();
        for (key, event) in &self.events {
            let path = format!("events[{key:?}]");
            problems.key(&path, key);
            events.extend(event.check(&path, &mut problems).map(|event| (key.clone(), event)));
        }
        problems.into_result(Calendar { spec: self, events })
    }
}

impl EventSpec {
    fn check(&self, path: &str, problems: &mut Problems) -> Option<Event> {
        let at = |attribute: &str| format!("{path}.{attribute}");
        problems.in_range(&at("factor"), self.factor, 0.0, FACTOR_MAX);
        for (i, signal) in self.signals.iter().enumerate() {
            problems.key(&at(&format!("signals[{i}]")), signal);
        }
        let (cron, dates, duration) = (at("cron"), at("dates"), at("duration"));
        problems.relate(
            self.cron.is_some() == self.dates.is_empty(),
            &cron,
            &[&dates],
            "it needs either cron or dates",
            "say when it begins in one of the two ways",
        );
        let needed = self.cron.is_some() || self.dates.iter().any(|date| has_time(date));
        problems.relate(
            !needed || self.duration.is_some(),
            &duration,
            &[&cron, &dates],
            "it is not said how long the event lasts",
            "write a duration such as \"2h\"; only whole days need none",
        );
        let length = self.duration.as_ref().map(|text| problems.duration(&duration, text));
        let zone = time_zone(&at("time_zone"), &self.time_zone, problems)?;
        let start = match &self.cron {
            Some(text) => Start::Cron(Box::new(crontab(&cron, text, &self.time_zone, problems)?)),
            None => Start::Dates(self.times(&dates, &zone, length, problems)),
        };
        let (kind, duration, signals) = (self.kind, length.unwrap_or_default(), self.signals.clone());
        Some(Event { kind, start, duration, factor: self.factor, signals })
    }

    fn times(
        &self,
        path: &str,
        zone: &TimeZone,
        length: Option<SignedDuration>,
        problems: &mut Problems,
    ) -> Vec<(Timestamp, Timestamp)> {
        problems.require(
            self.dates.len() <= ENTRIES_MAX,
            path,
            format!("{} dates are too many", self.dates.len()),
            format!("list at most {ENTRIES_MAX}, or use cron"),
        );
        let mut times: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (i, text) in self.dates.iter().enumerate() {
            match time(text, zone, length) {
                Some(time) => times.push(time),
                None => problems.add(
                    &format!("{path}[{i}]"),
                    format!("{text:?} is no date"),
                    "write a date such as \"2026-11-27\", or one with a time such as \"2026-11-27T18:00\"",
                ),
            }
        }
        times.sort_unstable();
        times
    }
}

fn has_time(date: &str) -> bool {
    date.contains(['T', ' '])
}

/// From when until when: the whole day, or `length` from that time on.
fn time(text: &str, zone: &TimeZone, length: Option<SignedDuration>) -> Option<(Timestamp, Timestamp)> {
    if has_time(text) {
        let start = text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
        return Some((start, start.checked_add(length.unwrap_or_default()).ok()?));
    }
    let date: Date = text.parse().ok()?;
    let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|midnight| midnight.timestamp());
    Some((midnight(date)?, midnight(date.checked_add(1.day()).ok()?)?))
}

/// Reads the IANA name of a time zone, and notes what is wrong with it.
pub(super) fn time_zone(path: &str, text: &str, problems: &mut Problems) -> Option<TimeZone> {
    let zone = TimeZone::get(text).ok();
    problems.require(
        zone.is_some(),
        path,
        format!("{text:?} is not a time zone"),
        "write an IANA name such as \"Europe/Berlin\" or \"UTC\"",
    );
    zone
}

fn crontab(path: &str, text: &str, time_zone: &str, problems: &mut Problems) -> Option<Crontab> {
    let parsed = cronexpr::parse_crontab(&format!("{text} {time_zone}")).ok();
    let parsed = parsed.filter(|_| text.split_whitespace().count() == CRON_FIELDS);
    problems.require(
        parsed.is_some(),
        path,
        format!("{text:?} is not a crontab schedule"),
        "write minute, hour, day of month, month and day of week, as in \"0 9 * * MON-FRI\"",
    );
    parsed
}

/// Minute, hour, day of month, month, day of week.
const CRON_FIELDS: usize = 5;

/// A time that comes again and again, such as one in which a failback is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// When it begins, as five fields of a crontab.
    pub cron: String,
    /// How long it lasts.
    pub duration: String,
    /// IANA name of the time zone of `cron`.
    #[serde(default = "utc")]
    pub time_zone: String,
}

/// A checked window.
#[derive(Debug, Clone)]
pub struct Window {
    /// The declaration that this was checked from.
    pub spec: WindowSpec,
    /// When it begins.
    pub crontab: Box<Crontab>,
    /// How long it lasts.
    pub duration: SignedDuration,
}

/// The rest follows from the declaration.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl WindowSpec {
    /// Reads it, and notes what is wrong with it.
    pub fn check(&self, path: &str, problems: &mut Problems) -> Option<Window> {
        let duration = parse_duration(&self.duration).map_err(|summary| {
            problems.add(&format!("{path}.duration"), summary, "write a positive duration such as \"2h\"");
        });
        time_zone(&format!("{path}.time_zone"), &self.time_zone, problems)?;
        let crontab = crontab(&format!("{path}.cron"), &self.cron, &self.time_zone, problems)?;
        Some(Window { spec: self.clone(), crontab: Box::new(crontab), duration: duration.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn paths(event: &Value) -> Vec<String> {
        let document = json!({"name": "c", "events": {"e": event}});
        let spec: CalendarSpec = serde_json::from_value(document).unwrap();
        let problems = spec.check().err().unwrap_or_default();
        problems.0.into_iter().map(|problem| problem.path.replace(r#"events["e"]."#, "")).collect()
    }

    #[test]
    fn every_problem_is_at_its_attribute() {
        let none: [&str; 0] = [];
        assert_eq!(paths(&json!({"dates": ["2026-12-24"], "factor": 0.5})), none);
        assert_eq!(paths(&json!({"cron": "0 9 * * MON", "duration": "2h", "factor": 2})), none);
        assert_eq!(paths(&json!({"factor": 2})), ["cron"]);
        assert_eq!(
            paths(&json!({"cron": "0 9 * * MON", "dates": ["2026-12-24"], "duration": "2h", "factor": 2})),
            ["cron"]
        );
        assert_eq!(paths(&json!({"cron": "0 9 * * MON", "factor": 2})), ["duration"]);
        assert_eq!(paths(&json!({"cron": "0 25 * * *", "duration": "2h", "factor": 2})), ["cron"]);
        assert_eq!(paths(&json!({"cron": "0 9 * * * UTC", "duration": "2h", "factor": 2})), ["cron"]);
        assert_eq!(paths(&json!({"dates": ["2026-12-24", "2026-02-30"], "factor": -1})), ["factor", "dates[1]"]);
        assert_eq!(paths(&json!({"dates": ["2026-12-24"], "time_zone": "Berlin", "factor": 2})), ["time_zone"]);
    }
}
