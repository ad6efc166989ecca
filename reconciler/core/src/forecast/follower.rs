//! Forecasts of one signal, sample after sample: what was learned of it is kept and asked again from the
//! newest value, and learned anew once an hour.
//!
//! What is kept follows from the history alone: it is learned at steps that are whole hours since the
//! epoch, from as much as the window holds until the next one. So a restart changes nothing. A sample
//! that comes late for a step that was learned from counts from the next hour on, or from a restart.

use super::blend::prior::Prior;
use super::blend::{Blend, Hour, Look};
use super::{Asked, Glance, NotReady, STALE_STEPS, Worst, days, forecast};
use crate::history::History;
use crate::model::signal::{Direction, SignalSpec};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Hours of a day in which is learned: weights learned an hour ago lose nothing that can be measured, and
/// learning at every sample of five minutes costs twelve times as much.
const LEARNED_A_DAY: usize = 24;

/// Follows one signal. Holds some kilobytes, and nothing of the history.
#[derive(Clone, Default)]
pub struct Follower {
    kept: Option<Arc<Kept>>,
}

struct Kept {
    question: Question,
    /// `None` where there was too little to learn from.
    learned: Option<Learned>,
}

struct Learned {
    /// Number of the first step that was learned from, counted from the epoch.
    first: i64,
    blend: Blend,
    hour: Hour,
}

/// When and for what was learned.
#[derive(PartialEq)]
struct Question {
    step: SignedDuration,
    /// Number of the last step that was learned from, counted from the epoch.
    learned_at: i64,
    horizons: Vec<SignedDuration>,
    /// On which side of windows the limit is.
    side: Direction,
}

impl fmt::Debug for Follower {
    /// Without the hundreds of numbers that were learned.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Follower").finish_non_exhaustive()
    }
}

impl Follower {
    /// As [`forecast`], at a glance for the signal with that limit, from what was learned within the last hour where the
    /// history has days; where it has none, everything is learned at each call.
    ///
    /// # Errors
    /// As [`forecast`].
    pub fn glance(
        &mut self,
        history: &History,
        horizons: &[SignedDuration],
        now: Timestamp,
        spec: &SignalSpec,
    ) -> Result<Glance, NotReady> {
        let asked = Asked::new(history, horizons, now)?;
        let followed =
            days(history).zip(Prior::shipped()).and_then(|(day, prior)| self.follow(&asked, day, prior, spec));
        followed.map_or_else(|| Ok(forecast(history, horizons, now)?.glance(spec)), Ok)
    }

    fn follow(&mut self, asked: &Asked<'_>, day: usize, prior: &Prior, spec: &SignalSpec) -> Option<Glance> {
        let every = (day / LEARNED_A_DAY).max(1);
        let question = Question::new(asked, every, spec.direction)?;
        if self.kept.as_ref().is_none_or(|kept| kept.question != question) {
            let learned = question.learn(asked.history, day, every, prior);
            self.kept = Some(Arc::new(Kept { question, learned }));
        }
        let learned = self.kept.as_ref()?.learned.as_ref()?;
        let (first, values) = asked.history.steps();
        let measured = values.get(usize::try_from(learned.first - first).ok()?..)?;
        at_a_glance(asked, &learned.blend, &Look::new(&learned.blend, &learned.hour, measured), spec)
    }
}

#[cfg(test)]
impl Follower {
    /// Bytes that it holds on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let learned = self.kept.as_ref().and_then(|kept| kept.learned.as_ref());
        let learned = learned.map_or(0, |learned| learned.blend.bytes() + learned.hour.bytes());
        self.kept.as_ref().map_or(0, |kept| size_of::<Kept>() + size_of_val(&*kept.question.horizons) + learned)
    }
}

impl Question {
    fn new(asked: &Asked<'_>, every: usize, side: Direction) -> Option<Self> {
        let (first, values) = asked.history.steps();
        let (newest, every) = (first + i64::try_from(values.len()).ok()? - 1, i64::try_from(every).ok()?);
        // The newest step is still being measured.
        let learned_at = (newest - 1).div_euclid(every) * every;
        Some(Self { step: asked.history.step(), learned_at, horizons: asked.horizons.to_vec(), side })
    }

    fn learn(&self, history: &History, day: usize, every: usize, prior: &Prior) -> Option<Learned> {
        let (first, values) = history.steps();
        // What leaves the window before the next hour is left out: a restart would not have it.
        let kept_until_then = i64::try_from(history.capacity().checked_sub(every)?).ok()?;
        let from = usize::try_from((self.learned_at - kept_until_then + 1 - first).max(0)).ok()?;
        let end = usize::try_from(self.learned_at + 1 - first).ok()?;
        let lesson = values.get(from..end).map(widened).filter(|lesson| is_enough(lesson, day))?;
        let windows: Vec<usize> = self.horizons.iter().map(|horizon| steps_in(*horizon, self.step)).collect();
        let (mut blend, laid_out) = Blend::fit(&lesson, day, windows.iter().copied().max()?, &windows, prior);
        blend.keep(self.side);
        let latest = every + usize::try_from(STALE_STEPS).ok()?;
        let hour = Hour::new(&laid_out, &windows, latest);
        Some(Learned { first: first + i64::try_from(from).ok()?, blend, hour })
    }
}

fn at_a_glance(asked: &Asked<'_>, blend: &Blend, look: &Look<'_>, spec: &SignalSpec) -> Option<Glance> {
    // What could not be checked is no forecast.
    blend.accuracy()?;
    let worst = |(horizon, lead): (&SignedDuration, &usize)| {
        Some(Worst { horizon: *horizon, value: look.extreme(*lead, spec.direction)?, last: look.last(*lead)? })
    };
    Some(Glance {
        model: blend.model(),
        made_at: asked.now,
        newest: asked.newest,
        step: asked.history.step(),
        worst: asked.horizons.iter().zip(&asked.leads).map(worst).collect::<Option<Vec<Worst>>>()?,
        reached: look.reached(asked.furthest(), spec),
        events: Vec::new(),
    })
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// As for a forecast: more than two days, one day's worth of samples in them.
fn is_enough(values: &[f64], day: usize) -> bool {
    values.len() > super::PERIODS_MIN * day && values.iter().filter(|value| !value.is_nan()).count() >= day
}

fn steps_in(horizon: SignedDuration, step: SignedDuration) -> usize {
    usize::try_from((horizon.as_millis() / step.as_millis().max(1)).max(1)).unwrap_or(usize::MAX)
}
