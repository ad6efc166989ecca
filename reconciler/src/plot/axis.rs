//! Axes: how far they reach, and where their ticks are.

use super::units::{Scale, scale_for};
use super::{FanChart, Limit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Share of the height that the data keep at least when a limit is drawn in: a limit further away is
/// told at the edge instead.
const DATA_SHARE_MIN: f64 = 0.25;

/// Air above and below the data, as a share of their extent.
const AIR: f64 = 0.06;

/// Least value as a share of the greatest from which an axis may begin above zero.
const ZERO_SHARE: f64 = 0.3;

/// A position on an axis with its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick<T> {
    pub(super) at: T,
    pub(super) label: String,
}

/// The axis of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) ticks: Vec<Tick<f64>>,
    /// Unit of the labels.
    pub(super) suffix: &'static str,
}

impl Values {
    /// An axis that shows `values`, and the limit unless it would flatten them.
    pub(super) fn new(values: impl Iterator<Item = f64>, limit: Option<Limit>, unit: &str, ticks_max: usize) -> Self {
        let (mut min, mut max) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
        if min > max {
            (min, max) = limit.map_or((0.0, 1.0), |limit| (limit.value, limit.value));
        }
        if let Some(Limit { value, .. }) = limit {
            let (low, high) = (min.min(value), max.max(value));
            if max - min >= DATA_SHARE_MIN * (high - low) {
                (min, max) = (low, high);
            }
        }
        let air = if max > min { AIR * (max - min) } else { (max.abs() * AIR).max(f64::MIN_POSITIVE.sqrt()) };
        let from_zero = min >= 0.0 && min <= ZERO_SHARE * max;
        let min = if from_zero { 0.0 } else { min - air };
        let max = max + air;
        let scale = scale_for(unit, min.abs().max(max.abs()));
        Self { min, max, ticks: value_ticks(min, max, scale, ticks_max), suffix: scale.suffix }
    }

    /// 0 at the bottom, 1 at the top.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.min) / (self.max - self.min)
    }

    pub(super) fn shows(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }
}

/// Round numbers in the unit of the labels, at most `most` of them.
fn value_ticks(min: f64, max: f64, scale: Scale, most: usize) -> Vec<Tick<f64>> {
    let (low, high) = (min / scale.divisor, max / scale.divisor);
    let rough = (high - low) / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|it| it * power).find(|step| *step >= rough).unwrap_or(rough);
    // A quarter needs one digit more than its power of ten.
    let quarter = f64::from(u8::from((step / power - 2.5).abs() < 0.01));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and some 300")]
    let decimals = (quarter - step.log10().floor()).max(0.0) as usize;
    let first = (low / step).ceil();
    let numbers = (0..=most).map(|nth| (first + nth as f64) * step).take_while(|number| *number <= high);
    // Plus zero: a negative zero would be shown with its sign.
    numbers.map(|number| Tick { at: number * scale.divisor, label: format!("{:.decimals$}", number + 0.0) }).collect()
}

/// The axis of times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Times {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) ticks: Vec<Tick<Timestamp>>,
}

/// Distances of ticks in minutes: what people divide days by.
const STEPS_MINUTES: [i64; 14] = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2 * 1_440, 7 * 1_440, 28 * 1_440];

impl Times {
    pub(super) fn new(first: Timestamp, last: Timestamp, zone: &TimeZone, ticks_max: usize) -> Self {
        Self { first, last, ticks: time_ticks(first, last, zone, ticks_max.max(1)).unwrap_or_default() }
    }

    /// 0 at the left, 1 at the right.
    pub(super) fn share(&self, at: Timestamp) -> f64 {
        at.duration_since(self.first).as_secs_f64() / self.last.duration_since(self.first).as_secs_f64()
    }
}

/// Whole hours and days of the zone, whatever its offset and daylight saving.
fn time_ticks(first: Timestamp, last: Timestamp, zone: &TimeZone, most: usize) -> Option<Vec<Tick<Timestamp>>> {
    let minutes = last.duration_since(first).as_secs_f64() / 60.0;
    let enough = |step: &i64| minutes / *step as f64 <= most as f64;
    let days = super::canvas::whole((minutes / most as f64 / 1_440.0).ceil());
    let step = STEPS_MINUTES.into_iter().find(enough).unwrap_or(days.saturating_mul(1_440));
    let midnight = zone.to_datetime(first).date().to_datetime(jiff::civil::Time::midnight());
    let mut ticks: Vec<Tick<Timestamp>> = Vec::new();
    let mut day = midnight;
    loop {
        // Begun anew each day, so that ticks stay on whole hours also where a day has 23 of them.
        for minute in (0..1_440).step_by(usize::try_from(step.min(1_440)).ok()?) {
            let local = day.checked_add(SignedDuration::from_mins(minute)).ok()?;
            let at = zone.to_ambiguous_timestamp(local).compatible().ok()?;
            if at > last {
                return Some(ticks);
            }
            if at >= first && ticks.last().is_none_or(|before| at > before.at) {
                ticks.push(Tick { at, label: time_label(local, zone.to_datetime(at)) });
            }
        }
        day = day.checked_add(SignedDuration::from_mins(step.max(1_440))).ok()?;
    }
}

/// The hour; at midnight the day.
fn time_label(asked: DateTime, local: DateTime) -> String {
    if asked.time() == jiff::civil::Time::midnight() {
        return local.strftime("%-d %b").to_string();
    }
    local.strftime("%H:%M").to_string()
}

/// The zone by its name.
pub(super) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone.to_offset_info(at).abbreviation().to_owned(),
    }
}

/// Both axes of a fan chart, if there is anything to show.
pub(super) fn of_fan(chart: &FanChart, ticks_max: (usize, usize)) -> Option<(Times, Values)> {
    let (first, last) = chart.span()?;
    let times = Times::new(first, last, &chart.zone, ticks_max.0);
    Some((times, Values::new(chart.values(), Some(chart.limit), &chart.unit, ticks_max.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shadow_core::model::signal::Direction;

    fn labels<T>(ticks: &[Tick<T>]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn values_have_round_ticks_in_their_unit() {
        let check = |values: [f64; 2], unit: &str, suffix: &str, expected: &[&str]| {
            let axis = Values::new(values.into_iter(), None, unit, 5);
            assert_eq!((axis.suffix, labels(&axis.ticks)), (suffix, expected.to_vec()));
        };
        check([0.0, 100.0], "percent", "%", &["0", "25", "50", "75", "100"]);
        check([400e6, 900e6], "bytes", "MiB", &["400", "600", "800"]);
        check([100e6, 900e6], "bytes", "MiB", &["0", "200", "400", "600", "800"]);
        check([0.010, 0.012], "seconds", "ms", &["10.0", "10.5", "11.0", "11.5", "12.0"]);
        check([-1.0, 1.0], "celsius", "°C", &["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        check([7.0, 7.0], "count", "", &["6.6", "6.8", "7.0", "7.2", "7.4"]);
        check([1e12, 2e12], "count", "T", &["1.00", "1.25", "1.50", "1.75", "2.00"]);
    }

    #[test]
    fn a_limit_is_shown_unless_it_would_flatten_the_data() {
        let axis = |limit: f64| {
            let limit = Limit { value: limit, direction: Direction::Above };
            Values::new([10.0, 20.0].into_iter(), Some(limit), "count", 5)
        };
        assert!(axis(30.0).shows(30.0) && axis(5.0).shows(5.0));
        assert!(!axis(1_000.0).shows(1_000.0) && axis(1_000.0).max < 25.0);
    }

    #[test]
    fn times_have_ticks_at_whole_hours_of_the_zone() {
        let check = |first: &str, hours: i64, zone: &str, expected: &[&str]| {
            let zone = TimeZone::get(zone).unwrap();
            let first: Timestamp = first.parse().unwrap();
            let last = first.checked_add(SignedDuration::from_hours(hours)).unwrap();
            assert_eq!(labels(&Times::new(first, last, &zone, 6).ticks), expected);
        };
        check("2027-01-15T08:20:00Z", 6, "UTC", &["09:00", "10:00", "11:00", "12:00", "13:00", "14:00"]);
        check("2027-01-15T08:20:00Z", 48, "Asia/Kolkata", &["16 Jan", "12:00", "17 Jan", "12:00"]);
        check("2027-01-15T08:20:00Z", 24 * 30, "UTC", &["22 Jan", "29 Jan", "5 Feb", "12 Feb"]);
        // Clocks go from 2 to 3 in that night.
        check("2027-03-27T22:30:00Z", 5, "Europe/Berlin", &["28 Mar", "01:00", "03:00", "04:00", "05:00"]);
    }
}
