//! By how much events lift a signal above a usual day: what was declared, corrected by what came.

use super::EventEffect;
use super::past::Past;
use crate::forecast::middle;

/// An occurrence as it lies in the steps of a history, and how far it was seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// First step of it.
    pub(super) first: usize,
    /// First step after it.
    pub(super) end: usize,
    /// Steps in it that have a value.
    pub(super) present: usize,
    /// Median of what was seen over what is usual at that time of day, and in how many steps.
    pub(super) ratio: Option<(f64, usize)>,
}

/// What is known of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lift {
    /// Multiple of the usual that is expected.
    pub(super) factor: f64,
    /// How far an occurrence is from it, as a deviation.
    pub(super) spread: f64,
    /// Occurrences that it was learned from.
    pub(super) seen: usize,
}

/// How many occurrences the declared factor is worth: as much as one that was seen.
const DECLARED_OCCURRENCES: f64 = 1.0;

/// How far a declared factor is off, as a share of its distance from 1: of an event that is said to
/// triple the load, two in three lie between 2.4 and 3.6 times.
const DECLARED_DOUBT: f64 = 0.3;

/// Steps of an occurrence whose own ratio counts as much as what is known of the event.
const STEPS_TRUSTED: f64 = 3.0;

/// Days compared with at most where no same weekday is known: a week, so that none counts twice.
const DAYS_MAX: usize = 7;

/// Weeks compared with at most, and the fewest that make a weekday of its own.
const WEEKS_MAX: usize = 4;
const WEEKS_MIN: usize = 2;

/// Days in either direction in which days to compare with are looked for: those of a history.
const REACH_DAYS: usize = 28;

impl Seen {
    /// Looks at an occurrence in the steps from `first` until before `end`.
    pub(super) fn new(past: &Past, first: usize, end: usize) -> Self {
        let steps = || (first..end.min(past.len())).filter(|index| past.value(*index).is_some());
        let mut ratios: Vec<f64> = steps().filter_map(|index| ratio(past, index)).collect();
        let ratio = middle(&mut ratios).map(|ratio| (ratio, ratios.len()));
        Self { first, end, present: steps().count(), ratio }
    }

    /// The lift of this occurrence: its own as far as it was seen, else what is known of the event.
    pub(super) fn own(&self, lift: &Lift) -> f64 {
        let Some((ratio, steps)) = self.ratio else { return lift.factor };
        let trust = steps as f64 / (steps as f64 + STEPS_TRUSTED);
        trust * ratio + (1.0 - trust) * lift.factor
    }
}

impl Lift {
    /// Learns from occurrences what `declared` says in advance. `None` where there were some and no
    /// usual day without them to compare with: then they are part of the usual day.
    pub(super) fn learn(declared: f64, occurrences: &[Seen]) -> Option<Self> {
        let mut ratios: Vec<f64> = occurrences.iter().filter_map(|seen| Some(seen.ratio?.0)).collect();
        if ratios.is_empty() && occurrences.iter().any(|seen| seen.present > 0) {
            return None;
        }
        let count = ratios.len() as f64;
        let total = count + DECLARED_OCCURRENCES;
        let came = middle(&mut ratios).unwrap_or(declared);
        let factor = (count * came + DECLARED_OCCURRENCES * declared) / total;
        let doubt = DECLARED_DOUBT * (declared - 1.0);
        let missed: f64 = ratios.iter().map(|ratio| (ratio - factor).powi(2)).sum();
        let spread = ((missed + DECLARED_OCCURRENCES * doubt * doubt) / total).sqrt();
        Some(Self { factor, spread, seen: ratios.len() })
    }
}

/// As people read it.
pub(super) fn told(effect: &EventEffect) -> String {
    let lift = crate::forecast::significant(effect.lift.unwrap_or(effect.declared));
    let from = match effect.seen {
        0 => "as declared".to_owned(),
        1 => "learned from one occurrence".to_owned(),
        seen => format!("learned from {seen} occurrences"),
    };
    format!("event {} of calendar {} multiplies it by {lift}, {from}", effect.event, effect.calendar)
}

/// What was seen in a step that one event alone covers, over what is usual at that time of day.
fn ratio(past: &Past, index: usize) -> Option<f64> {
    let value = past.value(index).filter(|_| past.events_at(index) == 1)?;
    let usual = usual(past, index).filter(|usual| *usual > 0.0)?;
    Some(value / usual)
}

/// What is usual at the time of day of a step: on the same weekday where enough of them were seen
/// without an event, else on the nearest days.
pub(super) fn usual(past: &Past, index: usize) -> Option<f64> {
    let day = past.day()?;
    let at = |days: usize| {
        let steps = days * day;
        [index.checked_sub(steps), index.checked_add(steps)].into_iter().flatten().filter_map(|it| past.calm(it))
    };
    let mut weeks: Vec<f64> = (1..=WEEKS_MAX).flat_map(|weeks| at(7 * weeks)).collect();
    if weeks.len() >= WEEKS_MIN {
        return middle(&mut weeks);
    }
    let mut days: Vec<f64> = (1..=REACH_DAYS).flat_map(at).take(DAYS_MAX).collect();
    middle(&mut days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ratio: f64, steps: usize) -> Seen {
        Seen { first: 0, end: steps, present: steps, ratio: Some((ratio, steps)) }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn what_was_declared_counts_until_something_came() {
        let never = Lift::learn(3.0, &[]).unwrap();
        assert!(close(never.factor, 3.0) && close(never.spread, 0.6) && never.seen == 0);
        let once = Lift::learn(3.0, &[seen(2.0, 12)]).unwrap();
        assert!(close(once.factor, 2.5) && once.seen == 1);
        let often = Lift::learn(3.0, &[2.0, 2.1, 1.9, 2.0, 9.0].map(|ratio| seen(ratio, 12))).unwrap();
        assert!((often.factor - 2.17).abs() < 0.01, "the median, so that one odd occurrence does not decide");
        let alike = Lift::learn(3.0, &[2.0, 2.1, 1.9, 2.0, 2.0].map(|ratio| seen(ratio, 12))).unwrap();
        assert!(alike.spread < often.spread && alike.spread < never.spread);
    }

    #[test]
    fn an_event_without_a_day_to_compare_with_is_part_of_the_day() {
        let incomparable = Seen { ratio: None, ..seen(1.0, 12) };
        assert_eq!(Lift::learn(3.0, &[incomparable]), None);
        let unseen = Seen { present: 0, ratio: None, ..seen(1.0, 12) };
        assert!(Lift::learn(3.0, &[unseen]).is_some());
    }

    #[test]
    fn an_occurrence_is_known_by_itself_the_better_the_longer_it_lasts() {
        let lift = Lift { factor: 2.0, spread: 0.1, seen: 4 };
        assert!(close(seen(4.0, 3).own(&lift), 3.0));
        assert!(seen(4.0, 60).own(&lift) > 3.9);
        assert!(close(Seen { ratio: None, ..seen(4.0, 3) }.own(&lift), 2.0));
    }
}
