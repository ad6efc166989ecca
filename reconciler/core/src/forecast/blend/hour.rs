//! What a past says of the steps to come, laid out when a blend is learned, so that a new value costs little for the
//! hour in which it serves: the days before are the same for each look, and only the newest hours are not.
//!
//! Never lays out the past anew. Where a step's yesterday has come since the blend was learned, the day before that
//! stands for it.

use super::features::{Origin, Target, same_minute};
use super::past::{Ends, Past, Spans, Still};
use super::recent::Recent;
use super::regression::dot;
use super::spread::{Causes, Restlessness, Then, half_days};
use super::squash::Squash;
use super::windows::{extremes, stride};
use super::{Blend, LaidOut};
use crate::forecast::distribution::Distribution;
use crate::forecast::quantiles::median;
use crate::forecast::{Reached, Step};
use crate::history::narrow;
use crate::model::signal::{Direction, SignalSpec};

/// The hour after a blend was learned.
pub struct Hour {
    /// Steps that were learned from.
    learned: usize,
    spans: Spans,
    still: Still,
    ends: Ends,
    /// Those that windows are looked at, in the order of time.
    steps: Vec<Ahead>,
}

/// What the past says of one step: as precise as the history keeps its values.
struct Ahead {
    /// Number of the step, counted from the last one that was learned from.
    number: u32,
    /// As in [`Target`].
    target: [f32; 6],
    /// As in [`Then`].
    then: [f32; 2],
}

impl Hour {
    /// Of a series that was learned from, for windows of so many steps that are asked for at steps up to `most` later.
    pub(in crate::forecast) fn new(LaidOut { past, .. }: &LaidOut, windows: &[usize], most: usize) -> Self {
        let furthest = windows.iter().max().map_or(0, |length| length + most);
        let is_seen = |number: &usize| {
            windows.iter().any(|length| number.is_multiple_of(stride(*length)) && *number <= length + most)
        };
        let mut steps: Vec<Ahead> = (1..=furthest).filter(is_seen).map(|number| Ahead::new(past, number)).collect();
        steps.shrink_to_fit();
        Self { learned: past.len(), spans: past.spans, still: past.still, ends: past.ends(), steps }
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(in crate::forecast) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Ahead>()
    }
}

impl Ahead {
    fn new(past: &Past, number: usize) -> Self {
        let origin = past.len().saturating_sub(1);
        let Target { usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks } =
            Target::new(past, origin, number);
        let Then { strange, restless, .. } = Then::new(past, origin, number);
        Self {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            target: [usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks].map(narrow),
            then: [strange, restless].map(narrow),
        }
    }

    fn number(&self) -> usize {
        self.number as usize
    }

    fn target(&self) -> Target {
        let [usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks] = self.target.map(f64::from);
        Target { usual, exactly, around_yesterday, at_yesterday, last_week, both_weeks }
    }

    fn then(&self, day: usize) -> Then {
        let [strange, restless] = self.then.map(f64::from);
        Then { half_days: half_days(self.number(), day), strange, restless }
    }
}

/// A look at a series within the hour.
pub struct Look<'a> {
    blend: &'a Blend,
    hour: &'a Hour,
    squash: Squash,
    restlessness: Restlessness,
    /// Steps since the last one that was learned from.
    since: usize,
    /// What is expected of each step to come, squashed.
    points: Vec<(&'a Ahead, f64)>,
}

impl<'a> Look<'a> {
    /// By a blend that was learned from the first steps of `measured` (one value per step, NaN for a gap).
    pub(in crate::forecast) fn new(blend: &'a Blend, hour: &'a Hour, measured: &[f32]) -> Self {
        let recent = Recent::new(measured, hour.learned, blend.squash, hour.spans);
        let mut squash = blend.squash;
        squash.see(recent.new_values());
        let newest = measured.len().saturating_sub(1);
        let origin = Origin::of(newest, &recent.means(&hour.ends));
        let restlessness = recent.restlessness(&hour.ends, hour.still);
        let minutes = hour.spans.hour;
        // Those of the hour to come by number; every later hour has the same.
        let same_minutes: Vec<Option<f64>> =
            (1..=minutes).map(|lead| same_minute(|step| recent.get(step), newest + lead, lead, minutes)).collect();
        let since = recent.new_values().len();
        let point = |step: &'a Ahead| {
            let lead = step.number().checked_sub(since).filter(|lead| *lead > 0)?;
            let (target, weights) = (step.target(), blend.weights(lead));
            let same_minute = same_minutes.get((lead - 1) % minutes).copied().flatten();
            Some((step, target.usual + dot(&weights, &origin.corrections(&target, same_minute))))
        };
        let points = hour.steps.iter().filter_map(point).collect();
        Self { blend, hour, squash, restlessness, since, points }
    }

    /// Distribution of the extreme of the next `length` steps on one side; `None` when no such window was seen, or that
    /// side was forgotten.
    pub(in crate::forecast) fn extreme(&self, length: usize, side: Direction) -> Option<Distribution> {
        let (low, high) = extremes(self.within(length).map(|(_, point)| *point));
        self.blend.extreme(&self.squash, self.blend.nearest(length)?, side, side.pick(high, low))
    }

    /// The last of the next `length` steps that is looked at.
    pub(in crate::forecast) fn last(&self, length: usize) -> Option<Step> {
        let (step, point) = self.within(length).last()?;
        let number = step.number() - self.since;
        let quantiles = self.blend.quantiles(&self.squash, number, *point, &self.causes(step, *point));
        Some(Step { number, quantiles })
    }

    /// The first of the next `length` steps that is looked at and of which the median breaks the signal's limit.
    pub(in crate::forecast) fn reached(&self, length: usize, spec: &SignalSpec) -> Option<Reached> {
        let (limit, bias) = (self.squash.squashed(spec.limit), self.blend.bias_max());
        let may_break = |(_, point): &&(&Ahead, f64)| match spec.direction {
            Direction::Above => point + bias >= limit,
            Direction::Below => point - bias <= limit,
        };
        let median = |(step, point): &(&Ahead, f64)| {
            let steps = step.number() - self.since;
            let middle = median(&self.blend.around(steps, *point, &self.causes(step, *point)).0);
            Reached { steps, median: self.squash.in_units(middle, middle) }
        };
        let to_come = self.points.iter().take_while(|(step, _)| step.number() <= self.since + length);
        to_come.filter(may_break).map(median).find(|it| spec.breaks(it.median))
    }

    fn causes(&self, step: &Ahead, point: f64) -> Causes {
        self.restlessness.causes(step.then(self.hour.spans.day), self.squash.above_floor(point), self.hour.still)
    }

    /// Where a window of so many steps is looked at.
    fn within(&self, length: usize) -> impl Iterator<Item = &(&'a Ahead, f64)> {
        let stride = self.blend.nearest(length).map_or(1, |missed| stride(missed.length));
        let end = self.since + length;
        self.points.iter().filter(move |(step, _)| step.number().is_multiple_of(stride) && step.number() <= end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::prior::Prior;
    use super::super::recent::tests::measured;
    use super::*;

    const DAY: usize = 288;
    const WINDOWS: [usize; 3] = [12, 72, 288];

    /// To what a number kept in single precision may differ, for values of a hundred.
    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-3
    }

    #[test]
    fn at_learning_it_says_what_a_view_of_all_says() {
        let measured = measured(16 * DAY - 20);
        let values: Vec<f64> = measured.iter().copied().map(f64::from).collect();
        let (blend, laid_out) = Blend::fit(&values, DAY, DAY, &WINDOWS, Prior::shipped().unwrap());
        let hour = Hour::new(&laid_out, &WINDOWS, 15);
        let view = blend.view(laid_out);
        let look = Look::new(&blend, &hour, &measured);
        let steps = view.steps(DAY);
        for length in WINDOWS {
            let [highest, lowest] =
                [Direction::Above, Direction::Below].map(|side| look.extreme(length, side).unwrap());
            let (highest_of_all, lowest_of_all) = view.window(length).unwrap();
            let last = look.last(length).unwrap();
            assert_eq!(last.number, length);
            let pairs = [
                (highest.quantiles(), highest_of_all.quantiles()),
                (lowest.quantiles(), lowest_of_all.quantiles()),
                (&last.quantiles, &steps[length - 1]),
            ];
            for (one, other) in pairs {
                assert!(one.iter().zip(other).all(|(one, other)| close(*one, *other)), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn where_the_median_reaches_a_limit_is_found_as_among_all_steps() {
        let measured = measured(15 * DAY + 100);
        let values: Vec<f64> = measured.iter().copied().map(f64::from).collect();
        let (blend, laid_out) = Blend::fit(&values, DAY, DAY, &WINDOWS, Prior::shipped().unwrap());
        let hour = Hour::new(&laid_out, &WINDOWS, 15);
        let medians: Vec<f64> = blend.view(laid_out).steps(DAY).iter().map(median).collect();
        let look = Look::new(&blend, &hour, &measured);
        for direction in [Direction::Above, Direction::Below] {
            for limit in (20..90).map(f64::from) {
                let spec = serde_json::json!({"query": "x{i=\"$instance\"}", "limit": limit, "unit": "count"});
                let spec = SignalSpec { direction, ..serde_json::from_value(spec).unwrap() };
                let reached = look.reached(DAY, &spec).map(|it| (it.steps, it.median));
                let is_seen = |index: &usize| hour.steps.iter().any(|step| step.number() == index + 1);
                let first = (0..DAY).filter(is_seen).find(|index| spec.breaks(medians[*index]));
                assert_eq!(reached.map(|(steps, _)| steps), first.map(|index| index + 1), "{limit} {direction:?}");
                assert!(reached.is_none_or(|(steps, median)| close(median, medians[steps - 1])));
            }
        }
    }
}
