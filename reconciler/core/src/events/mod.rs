//! Expected events and the clock on the wall, around the forecaster.
//!
//! What events did to a past is taken out of it before it is forecast, and what they will do is put
//! into the forecast: a past occurrence is divided by its lift, a coming one is multiplied by what
//! its event was worth before. So no campaign becomes part of a usual day, and no usual day hides a
//! campaign. Work on the service that is over is left out altogether. Without events, and with a
//! clock that does not change, the forecast is the forecaster's to the bit.
//!
//! Only what follows the load may be multiplied: events of a signal with negative values, or of one
//! that they do not name, are told and not applied.

mod clock;
mod lift;
mod outlook;
mod past;

use crate::calendar::{Occurrence, occurrences};
use crate::forecast::{Follower, Forecast, Glance, NotReady, days};
use crate::history::History;
use crate::model::calendar::{Calendar, Event, EventKind};
use crate::model::signal::SignalSpec;
use crate::model::{Group, Policy};
use clock::Clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lift::{Lift, Seen};
use outlook::{Coming, Outlook};
use past::Past;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What is expected of one group: its events, and the clock that its load follows.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    calendars: Vec<Calendar>,
    zone: Option<TimeZone>,
}

/// What was declared alike is expected alike.
impl PartialEq for Expected {
    fn eq(&self, other: &Self) -> bool {
        let specs = self.calendars.iter().map(|calendar| &calendar.spec);
        self.zone == other.zone && specs.eq(other.calendars.iter().map(|calendar| &calendar.spec))
    }
}

/// What one event did to one forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventEffect {
    /// Name of the calendar.
    pub calendar: String,
    /// Name of the event in it.
    pub event: String,
    /// What kind of event it is.
    pub kind: EventKind,
    /// The factor that was declared.
    pub declared: f64,
    /// The factor that is expected of its next occurrences; absent when it was not applied.
    pub lift: Option<f64>,
    /// How far occurrences are from that factor, as a deviation.
    pub spread: f64,
    /// Past occurrences that it was learned from.
    pub seen: usize,
    /// Start of the occurrence that goes on, or of the next one within the longest horizon.
    #[schema(value_type = Option<String>)]
    pub start: Option<Timestamp>,
    /// The first moment after it.
    #[schema(value_type = Option<String>)]
    pub end: Option<Timestamp>,
    /// Why it was not applied, if so.
    pub left_out: Option<String>,
}

impl EventEffect {
    /// Whether it bears on the time until `until`.
    pub(crate) fn bears_on(&self, until: Timestamp) -> bool {
        self.lift.is_some() && self.start.is_some_and(|start| start < until)
    }

    /// As in `event sale of calendar shop multiplies it by 2.4, learned from 3 occurrences`.
    pub(crate) fn told(&self) -> String {
        lift::told(self)
    }
}

impl Expected {
    /// What the calendars that affect a group say of it: those that the group names, and those that
    /// name the group. The clock is that of the policy, or else the only one of these calendars
    /// besides UTC.
    pub fn of(group: &Group, policy: &Policy, calendars: &[Calendar]) -> Self {
        let affects = |calendar: &&Calendar| calendar.affects(&group.spec);
        Self::by(policy, calendars.iter().filter(affects).cloned().collect())
    }

    /// What some calendars say, whomever they affect. The clock is as in [`Expected::of`].
    pub fn by(policy: &Policy, calendars: Vec<Calendar>) -> Self {
        let zone = policy.time_zone.clone().or_else(|| only_zone(&calendars));
        Self { calendars, zone }
    }

    /// The time zone by whose clock days are compared, if one was declared.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// The event that takes place at a time, if one does, as in `sale of calendar shop`: what is unusual then is no anomaly.
    pub fn event_at(&self, at: Timestamp) -> Option<String> {
        let soon = at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.calendars.iter().find_map(|calendar| {
            let event = occurrences(calendar, at, soon).into_iter().next()?;
            Some(format!("{} of calendar {}", event.event, calendar.spec.name))
        })
    }

    /// Takes what was expected out of a history, and notes what is to be put into its forecast over
    /// `horizons`.
    pub fn prepare<'a>(
        &self,
        signal: &str,
        history: &'a History,
        horizons: &[SignedDuration],
        now: Timestamp,
    ) -> Prepared<'a> {
        let unchanged = || Prepared { history: Cow::Borrowed(history), horizons: horizons.to_vec(), outlook: None };
        let Some(span) = Span::new(history, horizons, now) else { return unchanged() };
        let clock = self.clock(history, &span);
        let events = self.events_in(&span);
        let ticks_on = !clock.changes(span.first, span.last);
        if events.is_empty() && ticks_on {
            return unchanged();
        }
        let Some(mut past) = Past::new(history, &clock) else { return unchanged() };
        let known = learn(&mut past, &clock, signal, &events, &span);
        let taken_out = known.iter().any(|known| known.is_applied() && known.seen.iter().any(|seen| seen.present > 0));
        let before = if taken_out || !ticks_on {
            take_out(&mut past, &known);
            Cow::Owned(past.into_history(history, now))
        } else {
            Cow::Borrowed(history)
        };
        let outlook = Outlook::new(&clock, &span, horizons, &known);
        Prepared { history: before, horizons: outlook.by_the_clock(horizons), outlook: Some(outlook) }
    }

    /// The clock by which days are compared, where there are days.
    fn clock(&self, history: &History, span: &Span) -> Clock {
        let zone = self.zone.as_ref().filter(|_| days(history).is_some());
        zone.map_or_else(Clock::steady, |zone| Clock::new(zone, span.newest, history.step()))
    }

    /// Events with their occurrences in the time that a history and its forecast cover.
    fn events_in(&self, span: &Span) -> Vec<Expecting<'_>> {
        let mut all = Vec::new();
        for calendar in &self.calendars {
            let found = occurrences(calendar, span.first, span.last);
            for (name, event) in &calendar.events {
                let occurrences: Vec<Occurrence> = found.iter().filter(|it| it.event == *name).cloned().collect();
                all.push(Expecting { calendar: &calendar.spec.name, name, event, occurrences });
            }
        }
        all.retain(|it| !it.occurrences.is_empty());
        all
    }
}

/// Forecasts a signal with what is expected of its group. Arguments and errors are those of
/// [`crate::forecast::forecast`].
///
/// # Errors
/// [`NotReady`] says why there is no forecast.
pub fn forecast(
    expected: &Expected,
    signal: &str,
    history: &History,
    horizons: &[SignedDuration],
    now: Timestamp,
) -> Result<Forecast, NotReady> {
    let prepared = expected.prepare(signal, history, horizons, now);
    let forecast = crate::forecast::forecast(prepared.history(), prepared.horizons(), now)?;
    Ok(prepared.finish(forecast))
}

/// As [`forecast`], at a glance and by a follower of the signal. Where something was expected in the past or is to come, all of it is
/// learned anew: what an event does is learned with every step, and with it changes the past that is left.
///
/// # Errors
/// [`NotReady`] says why there is no forecast.
pub fn follow(
    follower: &mut Follower,
    expected: &Expected,
    (name, spec): (&str, &SignalSpec),
    history: &History,
    horizons: &[SignedDuration],
    now: Timestamp,
) -> Result<Glance, NotReady> {
    let prepared = expected.prepare(name, history, horizons, now);
    if prepared.outlook.is_none() {
        return follower.glance(history, horizons, now, spec);
    }
    let forecast = crate::forecast::forecast(prepared.history(), prepared.horizons(), now)?;
    Ok(prepared.finish(forecast).glance(spec))
}

/// A history without what was expected, and what is to be put into its forecast.
#[derive(Debug)]
pub struct Prepared<'a> {
    history: Cow<'a, History>,
    horizons: Vec<SignedDuration>,
    outlook: Option<Outlook>,
}

impl Prepared<'_> {
    /// What is to be forecast.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How far, by the clock: an hour more where it is put forward.
    pub fn horizons(&self) -> &[SignedDuration] {
        &self.horizons
    }

    /// The forecast with what is expected in it, over the horizons that were asked for.
    pub fn finish(&self, forecast: Forecast) -> Forecast {
        match &self.outlook {
            Some(outlook) => outlook.put_into(forecast),
            None => forecast,
        }
    }
}

/// The time that a history and its forecast cover.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: Timestamp,
    newest: Timestamp,
    now: Timestamp,
    last: Timestamp,
}

impl Span {
    fn new(history: &History, horizons: &[SignedDuration], now: Timestamp) -> Option<Self> {
        let (first, _) = history.iter().next()?;
        let last = now.checked_add(*horizons.iter().max()?).ok()?;
        Some(Self { first, newest: history.newest()?, now, last })
    }
}

/// An event with its occurrences in a span.
struct Expecting<'a> {
    calendar: &'a str,
    name: &'a str,
    event: &'a Event,
    occurrences: Vec<Occurrence>,
}

/// What is known of an event and its occurrences.
struct Known<'a> {
    expecting: &'a Expecting<'a>,
    /// Those that began before the newest sample, in the same order.
    seen: Vec<Seen>,
    lift: Option<Lift>,
    left_out: Option<String>,
}

impl Known<'_> {
    fn is_applied(&self) -> bool {
        self.left_out.is_none()
    }

    fn is_maintenance(&self) -> bool {
        self.expecting.event.kind == EventKind::Maintenance
    }

    fn effect(&self, span: &Span) -> EventEffect {
        let Expecting { calendar, name, event, occurrences } = self.expecting;
        let next = occurrences.iter().find(|it| it.end > span.now);
        EventEffect {
            calendar: (*calendar).to_owned(),
            event: (*name).to_owned(),
            kind: event.kind,
            declared: event.factor,
            lift: self.lift.filter(|_| self.is_applied()).map(|lift| lift.factor),
            spread: self.lift.map_or(0.0, |lift| lift.spread),
            seen: self.lift.map_or(0, |lift| lift.seen),
            start: next.map(|it| it.start),
            end: next.map(|it| it.end),
            left_out: self.left_out.clone(),
        }
    }
}

/// The only zone besides UTC that events of the calendars have.
fn only_zone(calendars: &[Calendar]) -> Option<TimeZone> {
    let events = calendars.iter().flat_map(|calendar| calendar.spec.events.values());
    let zones: BTreeSet<&str> = events.map(|event| event.time_zone.as_str()).filter(|zone| *zone != "UTC").collect();
    let only = zones.first().filter(|_| zones.len() == 1)?;
    TimeZone::get(only).ok()
}

/// Learns what each event is worth for a signal.
fn learn<'a>(past: &mut Past, clock: &Clock, signal: &str, events: &'a [Expecting<'a>], span: &Span) -> Vec<Known<'a>> {
    let follows = |event: &Event| event.signals.is_empty() || event.signals.iter().any(|it| it == signal);
    let places = |it: &Expecting<'_>| {
        let begun = it.occurrences.iter().filter(|occurrence| occurrence.start <= span.newest);
        begun.map(|it| (past.index_of(it.start, clock), past.index_of(it.end, clock))).collect()
    };
    let places: Vec<Vec<(usize, usize)>> = events.iter().map(places).collect();
    for (_, places) in events.iter().zip(&places).filter(|(it, _)| follows(it.event)) {
        places.iter().for_each(|(first, end)| past.cover(*first, *end));
    }
    let negative = past.has_negative();
    let known = |(expecting, places): (&'a Expecting<'a>, &Vec<(usize, usize)>)| {
        let seen: Vec<Seen> = places.iter().map(|(first, end)| Seen::new(past, *first, *end)).collect();
        let lift = Lift::learn(expecting.event.factor, &seen);
        let left_out = match lift {
            _ if !follows(expecting.event) => Some("it is not about this signal".to_owned()),
            _ if negative => Some("the signal has negative values, which no load multiplies".to_owned()),
            None => Some("there is no day without it to compare with: it is part of the usual day".to_owned()),
            Some(_) => None,
        };
        Known { expecting, seen, lift, left_out }
    };
    events.iter().zip(&places).map(known).collect()
}

/// Least lift that a value is divided by: what is left of a load at less than a twentieth says nothing
/// of the usual one.
const LIFT_MIN: f64 = 0.05;

/// Takes events out of a past: what is over and was work on the service altogether, unless that were
/// most of it; everything else by its lift.
fn take_out(past: &mut Past, known: &[Known<'_>]) {
    let applied = || known.iter().filter(|known| known.is_applied());
    let work: usize = applied().filter(|it| it.is_maintenance()).flat_map(|it| &it.seen).map(|seen| seen.present).sum();
    let leave_out = 2 * work <= past.len();
    for known in applied() {
        let Some(lift) = &known.lift else { continue };
        for seen in &known.seen {
            let (own, is_over) = (seen.own(lift), seen.end < past.len());
            let is_left_out = known.is_maintenance() && is_over && leave_out;
            past.change(seen.first, seen.end, |past, index, value| match own {
                _ if is_left_out => f64::NAN,
                LIFT_MIN.. => value / own,
                _ => lift::usual(past, index).unwrap_or(f64::NAN),
            });
        }
    }
}

/// The occurrences that are still to come or go on, each with what is expected of it.
fn coming(known: &[Known<'_>], span: &Span) -> Vec<Coming> {
    let mut all = Vec::new();
    for known in known.iter().filter(|known| known.is_applied()) {
        let Some(lift) = known.lift else { continue };
        let seen = known.seen.iter().map(Some).chain(std::iter::repeat(None));
        for (occurrence, seen) in known.expecting.occurrences.iter().zip(seen) {
            let factor = seen.map_or(lift.factor, |seen| seen.own(&lift));
            if occurrence.end > span.newest {
                all.push(Coming { start: occurrence.start, end: occurrence.end, factor, spread: lift.spread });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
