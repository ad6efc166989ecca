//! Why a part of a score is what it is, as a sentence for people.

use super::SignalView;
use super::exhaustion::Exhaustion;
use crate::events::EventEffect;
use crate::forecast::{Glance, Reached, Worst, significant};
use crate::history::History;
use crate::model::signal::{Direction, SignalSpec};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// By what a probability is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// The limit is broken.
    Broken,
    /// What preceded incidents here and elsewhere.
    Warning,
    /// The forecast of values.
    Forecast,
    /// A growth that leads to the limit.
    Exhaustion,
}

/// Reasons told at most of an early warning.
const REASONS_MAX: usize = 2;

/// What there is to tell of one signal and horizon.
pub(super) struct Told<'a> {
    pub(super) view: &'a SignalView<'a>,
    pub(super) forecast: &'a Glance,
    pub(super) worst: &'a Worst,
    pub(super) basis: Basis,
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

impl Told<'_> {
    /// As in `memory: 0.91 within 30s, because it is at 62 % of its limit of 900M bytes, grows by 3.1M
    /// bytes each second and reaches the limit in about 24s (damped trend)`.
    pub(super) fn sentence(&self, probability: f64) -> String {
        let (name, spec) = (self.view.forecast.name, self.view.forecast.spec);
        let because = match self.basis {
            Basis::Broken => format!("it is past its limit: {}", self.whereabouts()),
            Basis::Warning => self.warned(),
            Basis::Exhaustion => self.exhausted(),
            Basis::Forecast => {
                let outlook = outlook(spec, self.forecast, self.worst);
                format!("it is {}, {outlook} ({})", self.whereabouts(), self.made())
            }
        };
        format!("{name}: {probability:.2} within {:#}, because {because}", self.worst.horizon)
    }

    /// By which model, and with which expected events.
    fn made(&self) -> String {
        let events = self.forecast.events_within(self.worst.horizon).map(EventEffect::told);
        let told: Vec<String> = std::iter::once(self.forecast.model.to_string()).chain(events).collect();
        told.join("; ")
    }

    fn whereabouts(&self) -> String {
        whereabouts(self.view.forecast.spec, self.view.live.unwrap_or(self.forecast.newest.value))
    }

    /// As in `yesterday's peak at 18:00 UTC reached 91 % of its limit and today runs 12 % above (early warning)`.
    fn warned(&self) -> String {
        let Some((foresight, history)) = self.view.foresight else { return self.whereabouts() };
        let known = foresight.warnings().and_then(|warnings| warnings.reasons(self.worst.horizon));
        let yesterday = known.and_then(|_| self.yesterday(history));
        let others = known.unwrap_or_default().iter().filter(|it| !it.text.starts_with("yesterday"));
        let others = others.map(|it| it.text.clone());
        let reasons: Vec<String> = yesterday.into_iter().chain(others).take(REASONS_MAX).collect();
        if reasons.is_empty() {
            let outlook = outlook(self.view.forecast.spec, self.forecast, self.worst);
            return format!("it is {}, {outlook} (early warning)", self.whereabouts());
        }
        format!("{} (early warning)", reasons.join(", and "))
    }

    /// The extreme of the same window a day ago, if it was past the limit or near it.
    fn yesterday(&self, history: &History) -> Option<String> {
        let spec = self.view.forecast.spec;
        let start = self.now.checked_sub(DAY).ok()?;
        let (at, value) = extreme(spec, history, start, start.checked_add(self.worst.horizon).ok()?)?;
        let share = value / spec.limit;
        let (extreme, is_near) = match spec.direction {
            Direction::Above => ("peak", share >= NEAR),
            Direction::Below => ("low", share <= 1.0 / NEAR),
        };
        let time = at.to_zoned(self.zone.clone()).strftime("%H:%M %Z").to_string();
        let percent = significant((100.0 * share).round());
        let known = spec.limit > 0.0 && value >= 0.0 && is_near;
        let text = format!("yesterday's {extreme} at {time} reached {percent} % of its limit{}", self.today(history));
        known.then_some(text)
    }

    /// How the last hour compares with the same hour of yesterday.
    fn today(&self, history: &History) -> String {
        let hour = |end: Timestamp| mean(history, end.checked_sub(HOUR).ok()?, end);
        let (Some(today), Some(then)) = (hour(self.now), self.now.checked_sub(DAY).ok().and_then(hour)) else {
            return String::new();
        };
        let percent = (100.0 * (today / then - 1.0)).round();
        if then <= 0.0 || today < 0.0 || percent.abs() < 1.0 {
            return String::new();
        }
        let side = if percent < 0.0 { "below" } else { "above" };
        format!(" and today runs {} % {side}", significant(percent.abs()))
    }

    fn exhausted(&self) -> String {
        let spec = self.view.forecast.spec;
        let Some(growth) = self.view.foresight.and_then(|(foresight, _)| foresight.exhaustion()) else {
            return self.whereabouts();
        };
        let Exhaustion { reached_in, per_second, lasting, .. } = growth;
        let (per_hour, verb) = (per_second * HOUR.as_secs_f64(), if *per_second < 0.0 { "fallen" } else { "grown" });
        format!(
            "it is {}, has {verb} by {} an hour for {lasting:#} and is used up in about {:#} at that rate",
            self.whereabouts(),
            quantity(spec, per_hour.abs()),
            rounded(*reached_in)
        )
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Share of the limit from which a peak of yesterday is worth telling.
const NEAR: f64 = 0.7;

/// To minutes, and above a day to hours: nobody needs the seconds of a guess.
fn rounded(time: SignedDuration) -> SignedDuration {
    let minutes = time.as_mins().max(1);
    SignedDuration::from_mins(if time > DAY { minutes / 60 * 60 } else { minutes })
}

/// When the signal was worst from `start` on and before `end`, and how bad that was.
fn extreme(spec: &SignalSpec, history: &History, start: Timestamp, end: Timestamp) -> Option<(Timestamp, f64)> {
    let present = history.between(start, end).filter_map(|(at, value)| Some((at, value?)));
    present.reduce(|worst, other| {
        let is_worse = match spec.direction {
            Direction::Above => other.1 > worst.1,
            Direction::Below => other.1 < worst.1,
        };
        if is_worse { other } else { worst }
    })
}

fn mean(history: &History, start: Timestamp, end: Timestamp) -> Option<f64> {
    let within = history.between(start, end).filter_map(|(_, value)| value);
    let (sum, count) = within.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn whereabouts(spec: &SignalSpec, value: f64) -> String {
    let limit = quantity(spec, spec.limit);
    match spec.direction {
        Direction::Above if spec.limit > 0.0 && value >= 0.0 => {
            format!("at {} % of its limit of {limit}", significant((100.0 * value / spec.limit).round()))
        }
        Direction::Above => format!("at {}, with a limit of {limit}", quantity(spec, value)),
        Direction::Below => format!("at {}, with a lower limit of {limit}", quantity(spec, value)),
    }
}

fn outlook(spec: &SignalSpec, forecast: &Glance, worst: &Worst) -> String {
    if let Some((reached_in, reached)) = reached(forecast, worst.horizon) {
        let rate = rate(spec, forecast, reached);
        return format!("{rate} and reaches the limit in about {reached_in:#}");
    }
    let extreme = spec.direction.pick("highest", "lowest");
    let [_, low, .., high, _] = *worst.value.quantiles();
    format!("and its {extreme} value by then is probably from {} to {}", significant(low), quantity(spec, high))
}

/// When the median forecast breaks the limit, if it does within the horizon: the time from then to now, and the step.
pub(super) fn reached(forecast: &Glance, horizon: SignedDuration) -> Option<(SignedDuration, Reached)> {
    let reached = forecast.reached?;
    let ahead = forecast.step.saturating_mul(i32::try_from(reached.steps).ok()?);
    let unseen = forecast.made_at.duration_since(forecast.newest.at);
    let reached_in = ahead.saturating_sub(unseen).max(SignedDuration::ZERO);
    let whole_seconds = SignedDuration::from_secs(reached_in.as_secs());
    (reached_in <= horizon).then_some((whole_seconds, reached))
}

/// How fast the median forecast moves until a step, in a unit of time that suits the steps.
fn rate(spec: &SignalSpec, forecast: &Glance, reached: Reached) -> String {
    let moved = reached.median - forecast.newest.value;
    let per_second = moved / (reached.steps as f64 * forecast.step.as_secs_f64());
    let (per_unit, unit) = match forecast.step.as_secs() {
        ..60 => (per_second, "second"),
        60..3600 => (per_second * 60.0, "minute"),
        _ => (per_second * 3600.0, "hour"),
    };
    let verb = if per_unit < 0.0 { "falls" } else { "grows" };
    format!("{verb} by {} each {unit}", quantity(spec, per_unit.abs()))
}

fn quantity(spec: &SignalSpec, value: f64) -> String {
    format!("{} {}", significant(value), spec.unit.replace('_', " "))
}
