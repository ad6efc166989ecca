//! What is foreseen of one signal, kept between evaluations: an evaluation within the same step makes nothing anew.
//! Everything in it is had again from the history, so that a restart changes nothing.

use super::exhaustion::{Exhaustion, Growths};
use super::likelihood::Likelihood;
use super::{SignalForecast, SignalView, Warnings};
use crate::events::{Expected, follow};
use crate::forecast::{Follower, Glance, NotReady};
use crate::history::History;
use crate::model::signal::SignalSpec;
use crate::warning::Fleets;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Steps that the early warning reads in one evaluation where it may read a past: four weeks are read in a few, and
/// each takes some tens of milliseconds.
const STEPS_OF_PAST: usize = 2_016;

/// Steps that it reads otherwise: what is new, and after a pause a little more than that.
const STEPS_OF_PRESENT: usize = 4;

/// What may be read of a history in one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The forecast alone: older steps are still to be added to the history.
    Forecast,
    /// What is new.
    Present,
    /// Much of a past that was not read before, which takes a while.
    Past,
}

/// What is foreseen of one signal.
#[derive(Debug, Clone)]
pub struct Foresight {
    forecast: Result<Glance, NotReady>,
    follower: Follower,
    made: Option<Made>,
    growths: Option<Growths>,
    exhaustion: Option<Exhaustion>,
    has_broken: bool,
    warnings: Option<Warnings>,
    is_warned: bool,
    /// Number of the first step whose looks have taught no fleet yet.
    untaught: Option<i64>,
}

/// What a forecast was made for.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    spec: SignalSpec,
    horizons: Vec<SignedDuration>,
    expected: Arc<Expected>,
    /// First step and number of steps of the history, and how many have a value.
    seen: (i64, usize, usize),
    newest: Option<f64>,
}

impl Default for Foresight {
    fn default() -> Self {
        let nothing = NotReady { reason: "it has no series yet".to_owned(), ready_at: None };
        Self {
            forecast: Err(nothing),
            follower: Follower::default(),
            made: None,
            growths: None,
            exhaustion: None,
            has_broken: false,
            warnings: None,
            is_warned: false,
            untaught: None,
        }
    }
}

impl Foresight {
    /// Brings it up to date with the history, as far as that may be read, and with what is expected.
    pub fn look(
        &mut self,
        (name, spec): (&str, &SignalSpec),
        history: &History,
        horizons: &[SignedDuration],
        expected: &Arc<Expected>,
        reading: Reading,
        now: Timestamp,
    ) {
        match reading {
            Reading::Forecast => {}
            Reading::Present => self.follow(spec, history, horizons, STEPS_OF_PRESENT),
            Reading::Past => self.follow(spec, history, horizons, STEPS_OF_PAST),
        }
        let seen = (history.steps().0, history.len(), history.present());
        let made = Made {
            spec: spec.clone(),
            horizons: horizons.to_vec(),
            expected: Arc::clone(expected),
            seen,
            newest: history.newest_value(),
        };
        let is_same = self.made.as_ref() == Some(&made);
        // Of the same step everything that is asked has the same answer, whenever in it that is.
        let as_of = begun(now, history.step());
        if is_same && self.forecast.as_ref().is_ok_and(|forecast| forecast.made_at == as_of) {
            return;
        }
        self.forecast = follow(&mut self.follower, expected, (name, spec), history, horizons, as_of);
        if !is_same {
            self.growths = Growths::up_to_date(self.growths.take(), spec.direction, history);
            self.exhaustion = self.growths.as_ref().and_then(|growths| growths.exhaustion(spec, history));
            // Counted, and not looked for: that is several steps at once for the processor. No gap is past a limit.
            self.has_broken = history.steps().1.iter().filter(|value| spec.breaks(f64::from(**value))).count() > 0;
        }
        self.made = Some(made);
    }

    fn follow(&mut self, spec: &SignalSpec, history: &History, horizons: &[SignedDuration], most: usize) {
        let known = self.warnings.take().filter(|warnings| warnings.are_of(spec, history, horizons));
        let anew = || Some(Warnings::of(spec, history, horizons)?.teaching_from(self.untaught));
        self.warnings = known.or_else(anew);
        self.is_warned = self.warnings.as_mut().is_some_and(|warnings| {
            warnings.follow(history, most);
            warnings.is_ready(history)
        });
    }

    /// Teaches the fleets what was learned from the newest look, and lets them answer from the next one on. Each step
    /// teaches once, however often it is read.
    pub fn meet(&mut self, fleets: &mut Fleets, now: Timestamp) {
        let next = self.warnings.as_mut().and_then(|warnings| warnings.meet(fleets, now));
        self.untaught = self.untaught.max(next);
    }

    /// Forgets everything but what it has taught, until the signal is looked at again.
    pub fn rest(&mut self) {
        *self = Self { untaught: self.untaught, ..Self::default() };
    }

    /// Whether a past is left to be read.
    pub fn is_behind(&self, history: &History) -> bool {
        let left = self.warnings.as_ref().map_or(history.len(), |warnings| warnings.left(history));
        Warnings::home(history).is_some() && left > STEPS_OF_PRESENT
    }

    /// The forecast at a glance, or why there is none.
    pub fn forecast(&self) -> Result<&Glance, &NotReady> {
        self.forecast.as_ref()
    }

    /// The early warnings, where they are at home and have read the whole past.
    pub fn warnings(&self) -> Option<&Warnings> {
        self.warnings.as_ref().filter(|_| self.is_warned)
    }

    /// All of it, for the score of a group.
    pub fn view<'a>(
        &'a self,
        name: &'a str,
        spec: &'a SignalSpec,
        history: &'a History,
        live: Option<f64>,
    ) -> SignalView<'a> {
        let forecast = SignalForecast { name, spec, forecast: self.forecast() };
        SignalView { forecast, foresight: Some((self, history)), live }
    }

    /// Whether the limit was broken in the history.
    pub(super) fn has_broken(&self) -> bool {
        self.has_broken
    }

    /// A growth that leads to the limit.
    pub(super) fn exhaustion(&self) -> Option<&Exhaustion> {
        self.exhaustion.as_ref()
    }

    /// What the early warning says of a horizon. Windows of this signal count as evidence once they have shown that it
    /// is better here than the share of windows in which the limit broke.
    pub(super) fn warned(&self, horizon: SignedDuration) -> Option<Likelihood> {
        let warnings = self.warnings()?;
        let probability = warnings.probability(horizon)?;
        Some(Likelihood::of_warning(probability, warnings.windows(horizon)))
    }
}

/// The beginning of the step that a time is in; steps are counted from the Unix epoch.
fn begun(now: Timestamp, step: SignedDuration) -> Timestamp {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(1).max(1);
    Timestamp::from_millisecond(now.as_millisecond().div_euclid(step_ms) * step_ms).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sample;
    use crate::score::{Score, score_group};
    use jiff::tz::TimeZone;

    const HORIZONS: [SignedDuration; 3] =
        [SignedDuration::from_hours(1), SignedDuration::from_hours(6), SignedDuration::from_hours(24)];
    const DAY: i64 = 288;
    const CALM: f64 = 0.01;

    /// What is kept of a forecast over three horizons, from four weeks of five minutes.
    const BYTES_MAX: usize = 10_000;

    fn at(step: i64) -> Timestamp {
        Timestamp::from_second(300 * step).unwrap()
    }

    fn spec(limit: f64) -> SignalSpec {
        serde_json::from_value(serde_json::json!({"query": "x{i=\"$instance\"}", "limit": limit, "unit": "ratio"}))
            .unwrap()
    }

    /// From 20 at night to 90 at 18:00 of each day, and at random a little beside that.
    fn daily(steps: i64) -> History {
        let mut history = History::new(SignedDuration::from_mins(5), SignedDuration::from_hours(28 * 24));
        for step in 0..steps {
            let hour = (step % DAY) as f64 / 12.0;
            let jitter = f64::from(i32::try_from(step * 7919 % 101).unwrap()) / 20.0;
            let value = 20.0 + 70.0 * (-(hour - 18.0).powi(2) / 4.0).exp() + jitter;
            history.push(Sample { at: at(step), value }, at(step));
        }
        history
    }

    fn looked(spec: &SignalSpec, history: &History, now: Timestamp) -> Foresight {
        let mut foresight = Foresight::default();
        (0..5).for_each(|_| foresight.look(("latency", spec), history, &HORIZONS, &Arc::default(), Reading::Past, now));
        foresight
    }

    fn scored(spec: &SignalSpec, history: &History, foresight: &Foresight, live: Option<f64>, now: Timestamp) -> Score {
        score_group(&[foresight.view("latency", spec, history, live)], &HORIZONS, now, &TimeZone::UTC)
    }

    fn probabilities(score: &Score) -> Vec<f64> {
        score.horizons.iter().map(|it| it.probability).collect()
    }

    #[test]
    fn the_early_warning_decides_and_tells_of_yesterday() {
        let (spec, steps) = (spec(90.0), 9 * DAY + 17 * 12 - 6);
        let history = daily(steps);
        let foresight = looked(&spec, &history, at(steps));
        assert!(foresight.warnings().is_some());
        let score = scored(&spec, &history, &foresight, None, at(steps));
        assert!(score.horizons[1].probability > 0.2, "{score:#?}");
        let reason = &score.parts[1].reason;
        assert!(reason.contains("yesterday's peak at 18:") && reason.contains("(early warning)"), "{reason}");
        assert!(reason.contains("UTC reached 10"), "{reason}");
        let night = 9 * DAY + 20 * 12 + 144;
        let history = daily(night);
        let calm = scored(&spec, &history, &looked(&spec, &history, at(night)), None, at(night));
        assert!(calm.horizons[0].probability < 0.05, "{calm:#?}");
    }

    #[test]
    fn scores_are_probabilities_rise_with_the_horizon_and_fall_with_the_limit() {
        let steps = 9 * DAY + 16 * 12;
        let history = daily(steps);
        let mut before = vec![1.0; HORIZONS.len()];
        for limit in [30.0, 95.0, 200.0, 2_000.0] {
            let spec = spec(limit);
            let score = scored(&spec, &history, &looked(&spec, &history, at(steps)), None, at(steps));
            let now = probabilities(&score);
            assert!(now.iter().all(|it| (0.0..=1.0).contains(it)) && now.is_sorted(), "{limit}: {now:?}");
            // What is as good as calm may waver: the trees of the early warning know no order of limits.
            let falls = |(now, before): (&f64, &f64)| *now <= before.max(CALM);
            assert!(now.iter().zip(&before).all(falls), "{limit}: {now:?} after {before:?}");
            assert!(score.horizons.iter().all(|it| it.lower <= it.probability && it.probability <= it.upper));
            before = now;
        }
    }

    #[test]
    fn a_leak_that_the_early_warning_never_saw_is_not_averaged_away() {
        let mut history = daily(6 * DAY);
        for step in 6 * DAY..7 * DAY {
            let value = daily(step % DAY + 1).newest_value().unwrap() + (step - 6 * DAY) as f64 / 2.0;
            history.push(Sample { at: at(step), value }, at(step));
        }
        let spec = spec(history.newest_value().unwrap() + 20.0);
        let now = at(7 * DAY);
        let score = scored(&spec, &history, &looked(&spec, &history, now), None, now);
        let long = score.parts.last().unwrap();
        assert!(long.lower > 0.6 && long.reason.contains("is used up in about 3h"), "{long:#?}");
    }

    #[test]
    fn within_a_step_nothing_is_made_anew_and_a_restart_changes_nothing() {
        let (spec, steps) = (spec(95.0), 5 * DAY);
        let mut kept = looked(&spec, &daily(steps - 7), at(steps - 7));
        for step in steps - 6..=steps {
            kept.look(("latency", &spec), &daily(step), &HORIZONS, &Arc::default(), Reading::Present, at(step));
        }
        let (history, later) = (daily(steps), at(steps) + SignedDuration::from_secs(200));
        let made = kept.forecast().unwrap().made_at;
        kept.look(("latency", &spec), &history, &HORIZONS, &Arc::default(), Reading::Present, later);
        assert_eq!(kept.forecast().unwrap().made_at, made, "the same forecast still holds");
        let restored = History::from_bytes(&history.to_bytes()).unwrap();
        let anew = looked(&spec, &restored, later);
        let of = |foresight: &Foresight| scored(&spec, &history, foresight, Some(40.0), later);
        assert_eq!(of(&kept), of(&anew));
    }

    #[test]
    fn what_is_kept_of_a_forecast_is_small() {
        let (spec, steps) = (spec(95.0), 28 * DAY + 5);
        let mut foresight = Foresight::default();
        foresight.look(("latency", &spec), &daily(steps), &HORIZONS, &Arc::default(), Reading::Forecast, at(steps));
        let bytes = size_of::<Foresight>() + foresight.follower.bytes() + foresight.forecast().unwrap().bytes();
        assert!(bytes <= BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn a_live_value_past_the_limit_is_not_waited_for() {
        let (spec, steps) = (spec(500.0), 3 * DAY);
        let history = daily(steps);
        let score = scored(&spec, &history, &looked(&spec, &history, at(steps)), Some(510.0), at(steps));
        assert!(score.horizons[0].probability > 0.99, "{score:#?}");
        assert!(score.parts[0].reason.contains("at 102 % of its limit"), "{}", score.parts[0].reason);
    }

    #[test]
    fn a_past_that_is_not_whole_is_read_by_no_early_warning() {
        let (spec, history) = (spec(95.0), daily(3 * DAY));
        let mut foresight = Foresight::default();
        foresight.look(("latency", &spec), &history, &HORIZONS, &Arc::default(), Reading::Forecast, at(3 * DAY));
        assert!(foresight.warnings().is_none() && foresight.forecast().is_ok());
    }
}
