//! What the blend weighs: some twenty simple forecasts, written as corrections of one another, so
//! that each has a meaning of its own and a weight of zero says "not this one".
//!
//! Never uses a value after the origin.

use super::past::{LENGTHS, Past};
use super::regression::dot;

/// Corrections that are weighed.
pub(super) const COUNT: usize = 20;

/// Corrections, in the order of the weights.
pub(super) type Features = [f64; COUNT];

/// Weights that make one of the simple forecasts of the corrections: what was seen a day before.
pub(super) const A_DAY_BEFORE: Features = weights(&[1, 2]);
/// The newest value.
pub(super) const NEWEST: Features = weights(&[5, 6, 7, 8, 9, 11, 12]);
/// The exponentially smoothed level, of shorter and of longer memory.
pub(super) const LEVELS: [Features; 2] = [weights(&[18]), weights(&[19])];

const fn weights(whole: &[usize]) -> Features {
    let mut weights = [0.0; COUNT];
    let mut index = 0;
    while index < whole.len() {
        weights[whole[index]] = 1.0;
        index += 1;
    }
    weights
}

/// What is seen of a series up to one step, as far as it is the same for every step ahead.
#[derive(Debug)]
pub(super) struct Means {
    /// The newest value.
    pub(super) held: f64,
    /// Over the newest of each of [`Spans::lengths`]; `None` where there is no value.
    pub(super) values: [Option<f64>; LENGTHS],
    /// The usual day over the newest of each of them but a week.
    pub(super) usual: [f64; LENGTHS - 1],
    /// Over the same hour yesterday, and a week ago.
    pub(super) hours_ago: [Option<f64>; 2],
    /// Exponentially smoothed.
    pub(super) levels: [f64; 2],
}

impl Means {
    pub(super) fn of(past: &Past, step: usize) -> Self {
        let [quarter, hour, six, day, week] = past.spans.lengths();
        let ago = |steps: usize| step.checked_sub(steps).and_then(|step| past.mean_of_last(step, hour));
        Self {
            held: past.held(step),
            values: [quarter, hour, six, day, week].map(|length| past.mean_of_last(step, length)),
            usual: [quarter, hour, six, day].map(|length| past.usual_of_last(step, length)),
            hours_ago: [ago(day), ago(week)],
            levels: past.levels(step),
        }
    }
}

/// What is the same for every step ahead of one origin.
pub(super) struct Origin {
    pub(super) step: usize,
    /// The newest value minus the mean of the last quarter of an hour.
    last: f64,
    /// How much further from the usual day the series is over a shorter window than over the next
    /// longer one: quarter of an hour, hour, six hours; and over a day.
    deviations: [f64; 4],
    /// Mean of a week minus the usual day's.
    week: f64,
    /// Mean of the last six hours, which patterns within the hour are relative to.
    six_hours: f64,
    /// The usual day over the same windows.
    usual_quarter: f64,
    usual_hour: f64,
    usual_six: f64,
    usual_day: f64,
    /// Mean over the same hour yesterday and a week ago.
    hour_yesterday: f64,
    hour_last_week: f64,
    /// Exponentially smoothed.
    levels: [f64; 2],
}

/// What the past says of one step to come, as far as it is the same from every origin of the hour before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// The usual day around it, and at it.
    pub(super) usual: f64,
    pub(super) exactly: f64,
    /// A day before: around it, and at it.
    pub(super) around_yesterday: f64,
    pub(super) at_yesterday: f64,
    /// A week before, and the mean of that and two weeks before.
    pub(super) last_week: f64,
    pub(super) both_weeks: f64,
}

/// Reaches, in smoothing lengths (a quarter of an hour), over which one and two weeks ago are averaged.
const WEEK_REACH: usize = 1;
const TWO_WEEKS_REACH: usize = 2;

/// Hours of which the same minute makes the pattern within the hour.
const HOURS: usize = 6;

impl Target {
    /// `lead` steps after `origin`.
    pub(super) fn new(past: &Past, origin: usize, lead: usize) -> Self {
        let (spans, target) = (past.spans, origin + lead);
        let same_step = target + spans.day - whole(lead, spans.day);
        let usual = past.usual_around(same_step, origin + spans.day);
        let exactly = past.usual(same_step);
        let yesterday = same_step.checked_sub(spans.day);
        let around_yesterday =
            yesterday.and_then(|step| past.mean_around(step, spans.smooth, origin)).unwrap_or(exactly);
        let at_yesterday = yesterday.and_then(|step| past.get(step)).unwrap_or(around_yesterday);
        let week_ago = target.checked_sub(whole(lead, spans.week));
        let two_weeks_ago = week_ago.and_then(|step| step.checked_sub(spans.week));
        let weekly =
            |step: Option<usize>, reach| step.and_then(|step| past.mean_around(step, reach * spans.smooth, origin));
        let last_week = weekly(week_ago, WEEK_REACH).unwrap_or(usual);
        let both_weeks = weekly(week_ago, TWO_WEEKS_REACH).unwrap_or(usual);
        let both_weeks = f64::midpoint(both_weeks, weekly(two_weeks_ago, TWO_WEEKS_REACH).unwrap_or(both_weeks));
        Self { usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks }
    }
}

impl Origin {
    pub(super) fn new(past: &Past, step: usize) -> Self {
        Self::of(step, &Means::of(past, step))
    }

    /// Where a mean is unknown, that of the next longer window stands for it.
    pub(super) fn of(step: usize, means: &Means) -> Self {
        let [quarter, hour, six, day, week] = means.values;
        let week = week.unwrap_or(means.held);
        let day = day.unwrap_or(week);
        let six = six.unwrap_or(day);
        let hour = hour.unwrap_or(six);
        let quarter = quarter.unwrap_or(hour);
        let [usual_quarter, usual_hour, usual_six, usual_day] = means.usual;
        let [hour_yesterday, hour_last_week] = means.hours_ago.map(|mean| mean.unwrap_or(hour) - usual_hour);
        let (from_quarter, from_hour) = (quarter - usual_quarter, hour - usual_hour);
        let (from_six, from_day) = (six - usual_six, day - usual_day);
        Self {
            step,
            last: means.held - quarter,
            deviations: [from_quarter - from_hour, from_hour - from_six, from_six - from_day, from_day],
            week: week - usual_day,
            six_hours: six,
            usual_quarter,
            usual_hour,
            usual_six,
            usual_day,
            hour_yesterday,
            hour_last_week,
            levels: means.levels,
        }
    }

    /// The usual value `lead` steps ahead, and the corrections of it.
    pub(super) fn ahead(&self, past: &Past, lead: usize) -> (f64, Features) {
        let same_minute = same_minute(|step| past.get(step), self.step + lead, lead, past.spans.hour);
        let target = Target::new(past, self.step, lead);
        (target.usual, self.corrections(&target, same_minute))
    }

    /// The corrections of the usual value of a step to come; `same_minute` as [`same_minute`] has it.
    pub(super) fn corrections(&self, target: &Target, same_minute: Option<f64>) -> Features {
        let Target { usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks } = *target;
        let [quarter, hour, six, day] = self.deviations;
        let [level, slow_level] = self.levels;
        [
            exactly - usual,
            at_yesterday - around_yesterday,
            around_yesterday - usual,
            last_week - usual,
            both_weeks - last_week,
            self.last,
            quarter,
            hour,
            six,
            day,
            self.week,
            self.usual_quarter - self.usual_hour,
            self.usual_hour - usual,
            self.usual_six - usual,
            self.usual_day - usual,
            self.hour_yesterday,
            self.hour_last_week,
            same_minute.map_or(0.0, |mean| mean - self.six_hours),
            level - usual,
            slow_level - usual,
        ]
    }

    /// What is expected `lead` steps ahead if the corrections weigh so much.
    pub(super) fn point(&self, past: &Past, lead: usize, weights: &Features) -> f64 {
        let (usual, features) = self.ahead(past, lead);
        usual + dot(weights, &features)
    }
}

/// Mean of the same minute as `target` in the last hours before it, `lead` steps ago; `None` where most of these steps
/// have no value.
pub(super) fn same_minute(at: impl Fn(usize) -> Option<f64>, target: usize, lead: usize, hour: usize) -> Option<f64> {
    let newest = target.checked_sub(whole(lead, hour));
    let same = (0..HOURS).filter_map(|back| at(newest?.checked_sub(back * hour)?));
    let (sum, count) = same.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (2.0 * count > HOURS as f64).then(|| sum / count)
}

/// `lead` rounded up to whole periods; mostly it is one, and a division is slow.
pub(super) fn whole(lead: usize, period: usize) -> usize {
    if (1..=period).contains(&lead) { period } else { lead.div_ceil(period) * period }
}
