//! Lessons of limits that were never declared. A signal breaks its limit too rarely to teach much; but levels are
//! relative to the limit, so what came before it reached some other high level teaches the same. Never answers
//! anything, and never counts for how good the answers are.

use super::boosting::Case;
use super::fleet::Lesson;
use super::past::Past;
use super::view::Ahead;
use super::within::{BaseRate, looks_of};

/// Shares of the past that lie below the limits. One that is harder than these has hardly an incident to teach.
const SHARES: [f32; 5] = [0.95, 0.98, 0.99, 0.995, 0.998];

/// How often a day one of them is looked at, by turns: each look is met once by each of them, and the work, that of
/// some three looks at a time, does not come at once.
const TURNS_A_DAY: usize = 6;

/// Of the looks before incidents that an hour has, one in so many is a lesson, and of the calm ones: neighbours tell
/// much the same. With five limits there are as many lessons as of the declared one.
const BROKE_KEPT: usize = 8;
const CALM_KEPT: usize = 96;

/// What a look counts beside one at the declared limit: five limits together count as much as that.
const COUNTS: f32 = 0.2;

/// Counts the looks that could have been lessons.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Undeclared {
    broke: usize,
    calm: usize,
}

impl Undeclared {
    /// The lessons that are due with the newest step of a past.
    pub(super) fn lessons(&mut self, past: &Past<'_>, horizon: usize) -> Vec<Lesson> {
        let (steps, day) = (past.watch.steps(), past.watch.day);
        let every = day / TURNS_A_DAY;
        if !steps.is_multiple_of(every) || steps < 2 * day {
            return Vec::new();
        }
        let Some(limit) = limit(past.levels(), steps / every % SHARES.len()) else { return Vec::new() };
        self.of_limit(&past.against(limit), horizon, every * SHARES.len())
    }

    /// Lessons of those `looks` whose outcome was known last.
    fn of_limit(&mut self, past: &Past<'_>, horizon: usize, looks: usize) -> Vec<Lesson> {
        let (length, day) = (past.levels().len(), past.watch.day);
        let end = length.saturating_sub(horizon);
        let greatest = past.ahead(horizon);
        let mut lessons = Vec::new();
        for step in end.saturating_sub(looks).max(day)..end {
            let Some((broke, weight)) = outcome(past, step, horizon).and_then(|broke| self.choose(broke, horizon, day))
            else {
                continue;
            };
            let ahead = Ahead { horizon, greatest: &greatest, base_rate: base_rate(past, step, horizon).share() };
            let features = past.look_back(length - 1 - step, &ahead);
            let lesson = |features| Lesson { case: Case { features, broke, weight }, answered: None };
            lessons.extend(features.map(lesson));
        }
        lessons
    }

    /// Whether this one is a lesson, and what it counts then.
    fn choose(&mut self, broke: bool, horizon: usize, day: usize) -> Option<(bool, f32)> {
        let (counter, every) = match broke {
            true => (&mut self.broke, BROKE_KEPT * looks_of(horizon, day)),
            false => (&mut self.calm, CALM_KEPT),
        };
        *counter = (*counter + 1) % every;
        (*counter == 0).then_some((broke, COUNTS * every as f32))
    }
}

/// The level of one of the shares; `None` where that is not above the usual one and that of the share before.
fn limit(levels: &[f32], share: usize) -> Option<f32> {
    let mut known: Vec<f32> = levels.iter().copied().filter(|level| !level.is_nan()).collect();
    let mut at = |share: f32| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let index = (share * known.len() as f32) as usize;
        (index < known.len()).then(|| *known.select_nth_unstable_by(index, f32::total_cmp).1)
    };
    let easier = share.checked_sub(1).and_then(|easier| at(*SHARES.get(easier)?)).unwrap_or(0.0);
    at(*SHARES.get(share)?).filter(|level| *level > easier.max(0.0))
}

/// Whether the limit broke within the horizon from a step on; `None` where it was broken then or nothing was measured.
fn outcome(past: &Past<'_>, step: usize, horizon: usize) -> Option<bool> {
    let next = past.onsets.partition_point(|onset| *onset <= step);
    let last = next.checked_sub(1).and_then(|last| past.incidents.get(last));
    let is_calm = last.is_none_or(|incident| !incident.contains(&step)) && !past.levels().get(step)?.is_nan();
    is_calm.then(|| past.onsets.get(next).is_some_and(|onset| onset - step <= horizon))
}

/// What was known at a step of how often the limit broke.
fn base_rate(past: &Past<'_>, step: usize, horizon: usize) -> BaseRate {
    // Windows that began before are over.
    let end = (step + 1).saturating_sub(horizon);
    let (mut all, mut broken, mut calm_from) = (0, 0, 0);
    for incident in past.incidents.iter().take_while(|incident| incident.start <= step) {
        let calm_to = incident.start.min(end);
        all += calm_to.saturating_sub(calm_from);
        broken += calm_to.saturating_sub(calm_from.max(incident.start.saturating_sub(horizon)));
        calm_from = incident.end;
    }
    BaseRate::of(all + end.saturating_sub(calm_from), broken)
}

#[cfg(test)]
mod tests {
    use super::super::watch::Watch;
    use super::*;
    use crate::model::signal::Direction;

    const DAY: usize = 96;
    const HORIZON: usize = 4;

    /// A job of every five hours and some jitter, far below the declared limit of 1,000.
    fn values(steps: usize) -> Vec<f32> {
        let value =
            |step: usize| if step % 20 < 2 { 40.0 + (step / 20 % 9) as f32 } else { (step * 7 % 11) as f32 / 9.0 };
        (0..steps).map(value).collect()
    }

    fn watch(values: &[f32]) -> Watch {
        let mut watch = Watch::new(1_000.0, Direction::Above, DAY);
        (1..=values.len()).for_each(|end| watch.push(&values[..end]));
        watch
    }

    /// All lessons of so many steps, step by step.
    fn lessons(steps: usize, with: impl Fn(&mut Vec<f32>)) -> Vec<Lesson> {
        let mut values = values(steps);
        with(&mut values);
        let mut watch = Watch::new(1_000.0, Direction::Above, DAY);
        let mut undeclared = Undeclared::default();
        let step = |end: usize| {
            watch.push(&values[..end]);
            undeclared.lessons(&watch.past(&values[..end]), HORIZON)
        };
        (1..=steps).flat_map(step).collect()
    }

    #[test]
    fn a_signal_that_never_breaks_its_limit_teaches_what_precedes_its_peaks() {
        let lessons = lessons(14 * DAY, |_| ());
        let broke = lessons.iter().filter(|lesson| lesson.case.broke).count();
        assert!(broke > 20 && lessons.len() - broke > 20 && lessons.len() < 400, "{broke} of {}", lessons.len());
        assert!(lessons.iter().all(|lesson| lesson.answered.is_none() && lesson.case.features[0].is_finite()));
        // They stand for as many looks as there were: five limits and twelve days, each a fifth.
        let looks: f32 = lessons.iter().map(|lesson| lesson.case.weight).sum();
        assert!((0.5..1.0).contains(&(looks / (12 * DAY) as f32)), "{looks}");
    }

    #[test]
    fn a_signal_at_rest_teaches_nothing() {
        assert!(lessons(6 * DAY, |values| values.fill(3.0)).is_empty());
        assert!(lessons(6 * DAY, |values| values.fill(f32::NAN)).is_empty());
    }

    #[test]
    fn limits_become_harder_and_stay_above_the_usual_level() {
        let levels: Vec<f32> = (0..1_000).map(|step| (step * 7 % 1_000) as f32 / 1_000.0 - 0.5).collect();
        let found: Vec<f32> = (0..SHARES.len()).filter_map(|share| limit(&levels, share)).collect();
        assert!(found.len() == SHARES.len() && found.is_sorted() && found[0] > 0.4, "{found:?}");
        let half_high = [vec![0.0; 90], vec![1.0; 10]].concat();
        assert_eq!((0..SHARES.len()).filter_map(|share| limit(&half_high, share)).count(), 1, "one limit once");
    }

    #[test]
    fn outcomes_and_base_rates_are_those_of_following_that_limit() {
        let (values, level) = (values(6 * DAY), 20.0_f32);
        let (declared, mut other) = (watch(&values), Watch::new(f64::from(level), Direction::Above, DAY));
        // The level of that value, seen from the declared limit.
        let at = declared.level(&[level; 3]);
        let (past, mut rate) = (declared.past(&values).against(at), BaseRate::default());
        let mut compared = 0;
        for step in 0..values.len() {
            other.push(&values[..=step]);
            rate.count(&other, HORIZON);
            if step >= HORIZON {
                let then = step - HORIZON;
                let broke = other.was_calm(HORIZON).then(|| other.broke_within(HORIZON));
                assert_eq!(outcome(&past, then, HORIZON), broke, "step {then}");
                compared += usize::from(broke == Some(true));
            }
            let share = base_rate(&past, step, HORIZON).share();
            assert!((share - rate.share()).abs() < 1e-6, "step {step}: {share} and {}", rate.share());
        }
        assert!(compared > 40, "{compared}");
    }

    #[test]
    fn what_is_seen_is_what_is_seen_against_that_limit_if_it_were_declared() {
        let values = values(6 * DAY);
        let (declared, mut other) = (watch(&values), Watch::new(20.0, Direction::Above, DAY));
        (1..=values.len()).for_each(|end| other.push(&values[..end]));
        let at = declared.level(&[20.0; 3]);
        let (as_declared, against) = (other.past(&values), declared.past(&values).against(at));
        let look = |past: &Past<'_>| {
            let greatest = past.ahead(HORIZON);
            past.look_back(30, &Ahead { horizon: HORIZON, greatest: &greatest, base_rate: 0.1 }).unwrap()
        };
        for (index, (is, wanted)) in look(&against).into_iter().zip(look(&as_declared)).enumerate() {
            assert!((is - wanted).abs() < 1e-3 * (1.0 + wanted.abs()), "number {index}: {is}, not {wanted}");
        }
    }
}
