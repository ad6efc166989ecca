//! Forecasts of one signal, sample after sample: what was learned of it is kept and asked again from the
//! newest value, and learned anew once an hour.
//!
//! What is kept follows from the history alone: it is learned at steps that are whole hours since the
//! epoch, from as much as the window holds until the next one. So a restart changes nothing. A sample
//! that comes late for a step that was learned from counts from the next hour on, or from a restart.

use super::blend::Blend;
use super::blend::prior::Prior;
use super::{Asked, Forecast, NotReady, days, forecast, from_blend};
use crate::history::History;
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
    /// `None` where too little of the past could be checked.
    blend: Option<Blend>,
}

/// When and for what was learned.
#[derive(PartialEq)]
struct Question {
    step: SignedDuration,
    /// Number of the last step that was learned from, counted from the epoch.
    learned_at: i64,
    horizons: Vec<SignedDuration>,
}

impl fmt::Debug for Follower {
    /// Without the hundreds of numbers that were learned.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Follower").finish_non_exhaustive()
    }
}

impl Follower {
    /// As [`forecast`], from what was learned within the last hour where the history has days; where it
    /// has none, everything is learned at each call.
    ///
    /// # Errors
    /// As [`forecast`].
    pub fn forecast(
        &mut self,
        history: &History,
        horizons: &[SignedDuration],
        now: Timestamp,
    ) -> Result<Forecast, NotReady> {
        let asked = Asked::new(history, horizons, now)?;
        let followed = days(history).zip(Prior::shipped()).and_then(|(day, prior)| self.follow(&asked, day, prior));
        followed.map_or_else(|| forecast(history, horizons, now), Ok)
    }

    fn follow(&mut self, asked: &Asked<'_>, day: usize, prior: &Prior) -> Option<Forecast> {
        let (first, values) = asked.history.steps();
        let every = i64::try_from((day / LEARNED_A_DAY).max(1)).ok()?;
        let newest = first + i64::try_from(values.len()).ok()? - 1;
        // The newest step is still being measured.
        let learned_at = (newest - 1).div_euclid(every) * every;
        let (step, horizons) = (asked.history.step(), asked.horizons.to_vec());
        let question = Question { step, learned_at, horizons };
        if self.kept.as_ref().is_none_or(|kept| kept.question != question) {
            // What leaves the window before the next hour is left out: a restart would not have it.
            let kept_until_then = i64::try_from(asked.history.capacity()).ok()? - every;
            let from = usize::try_from((learned_at - kept_until_then + 1 - first).max(0)).ok()?;
            let end = usize::try_from(learned_at + 1 - first).ok()?;
            let lesson = values.get(from..end).map(widened).filter(|lesson| is_enough(lesson, day));
            let windows: Vec<usize> = asked.horizons.iter().map(|horizon| steps_in(*horizon, step)).collect();
            let furthest = windows.iter().copied().max()?;
            let blend = lesson.map(|lesson| Blend::fit(&lesson, day, furthest, &windows, prior));
            self.kept = Some(Arc::new(Kept { question, blend }));
        }
        let blend = self.kept.as_ref()?.blend.as_ref()?;
        let recent = values.get(values.len().saturating_sub(blend.looked_at())..).map(widened)?;
        from_blend(asked, blend, &blend.view(&recent))
    }
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
