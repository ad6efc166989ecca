//! What the blend weighs: some twenty simple forecasts, written as corrections of one another, so
//! that each has a meaning of its own and a weight of zero says "not this one".
//!
//! Never uses a value after the origin.

use super::past::Past;
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

/// Reaches, in smoothing lengths (a quarter of an hour), over which one and two weeks ago are averaged.
const WEEK_REACH: usize = 1;
const TWO_WEEKS_REACH: usize = 2;

/// Hours of which the same minute makes the pattern within the hour.
const HOURS: usize = 6;

impl Origin {
    pub(super) fn new(past: &Past, step: usize) -> Self {
        let spans = past.spans;
        let week = past.mean_of_last(step, spans.week).unwrap_or_else(|| past.held(step));
        let day = past.mean_of_last(step, spans.day).unwrap_or(week);
        let six = past.mean_of_last(step, spans.six_hours).unwrap_or(day);
        let hour = past.mean_of_last(step, spans.hour).unwrap_or(six);
        let quarter = past.mean_of_last(step, spans.quarter_hour).unwrap_or(hour);
        let usual = |length| past.usual_of_last(step, length);
        let (usual_quarter, usual_hour) = (usual(spans.quarter_hour), usual(spans.hour));
        let (usual_six, usual_day) = (usual(spans.six_hours), usual(spans.day));
        let ago = |steps: usize| step.checked_sub(steps).and_then(|step| past.mean_of_last(step, spans.hour));
        let (from_quarter, from_hour) = (quarter - usual_quarter, hour - usual_hour);
        let (from_six, from_day) = (six - usual_six, day - usual_day);
        Self {
            step,
            last: past.held(step) - quarter,
            deviations: [from_quarter - from_hour, from_hour - from_six, from_six - from_day, from_day],
            week: week - usual_day,
            six_hours: six,
            usual_quarter,
            usual_hour,
            usual_six,
            usual_day,
            hour_yesterday: ago(spans.day).unwrap_or(hour) - usual_hour,
            hour_last_week: ago(spans.week).unwrap_or(hour) - usual_hour,
            levels: past.levels(step),
        }
    }

    /// The usual value `lead` steps ahead, and the corrections of it.
    pub(super) fn ahead(&self, past: &Past, lead: usize) -> (f64, Features) {
        let (spans, origin) = (past.spans, self.step);
        let target = origin + lead;
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
        let within_hour = self.within_hour(past, target, lead);
        let [quarter, hour, six, day] = self.deviations;
        let [level, slow_level] = self.levels;
        let corrections = [
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
            within_hour,
            level - usual,
            slow_level - usual,
        ];
        (usual, corrections)
    }

    /// What is expected `lead` steps ahead if the corrections weigh so much.
    pub(super) fn point(&self, past: &Past, lead: usize, weights: &Features) -> f64 {
        let (usual, features) = self.ahead(past, lead);
        usual + dot(weights, &features)
    }

    /// How the same minute of the last hours stood out from them.
    fn within_hour(&self, past: &Past, target: usize, lead: usize) -> f64 {
        let hour = past.spans.hour;
        let newest = target.checked_sub(whole(lead, hour));
        let same = (0..HOURS).filter_map(|back| past.get(newest?.checked_sub(back * hour)?));
        let (sum, count) = same.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        if 2.0 * count > HOURS as f64 { sum / count - self.six_hours } else { 0.0 }
    }
}

/// `lead` rounded up to whole periods; mostly it is one, and a division is slow.
pub(super) fn whole(lead: usize, period: usize) -> usize {
    if (1..=period).contains(&lead) { period } else { lead.div_ceil(period) * period }
}
