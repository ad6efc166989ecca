//! A forecast at a glance: what a score takes of it. Holds windows and single steps, and never the quantiles of every one.

use super::{Forecast, ModelName, Window, median};
use crate::events::EventEffect;
use crate::history::Sample;
use crate::model::signal::SignalSpec;
use jiff::{SignedDuration, Timestamp};

/// What a score takes of a forecast of one signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// The model that made it.
    pub model: ModelName,
    /// When it was made.
    pub made_at: Timestamp,
    /// The sample that it starts from.
    pub newest: Sample,
    /// Distance of two steps.
    pub step: SignedDuration,
    /// One per horizon asked for, in that order.
    pub windows: Vec<Window>,
    /// Where the median breaks the signal's limit first, if it does.
    pub reached: Option<Reached>,
    /// Expected events that were taken into account; see [`crate::events`].
    pub events: Vec<EventEffect>,
}

/// The first step whose median is past a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Number of the step after the newest sample.
    pub steps: usize,
    /// Its median, in the signal's unit.
    pub median: f64,
}

impl Forecast {
    /// What a score takes of it, for the signal with that limit.
    pub fn glance(&self, spec: &SignalSpec) -> Glance {
        let medians = (1..).zip(self.steps.iter().map(median));
        let reached = medians.map(|(steps, median)| Reached { steps, median }).find(|it| spec.breaks(it.median));
        let Self { model, made_at, newest, step, .. } = *self;
        Glance { model, made_at, newest, step, windows: self.windows.clone(), reached, events: self.events.clone() }
    }
}

impl Glance {
    /// Bytes that it holds on the heap, but for what was told of events.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let samples = |it: &Window| it.maximum.bytes() + it.minimum.bytes();
        self.windows.capacity() * size_of::<Window>() + self.windows.iter().map(samples).sum::<usize>()
    }

    /// The window of a horizon, if it was asked for.
    pub fn window(&self, horizon: SignedDuration) -> Option<&Window> {
        self.windows.iter().find(|window| window.horizon == horizon)
    }

    /// Expected events that change what comes within a horizon.
    pub fn events_within(&self, horizon: SignedDuration) -> impl Iterator<Item = &EventEffect> {
        let until = self.made_at.checked_add(horizon).unwrap_or(self.made_at);
        self.events.iter().filter(move |event| event.bears_on(until))
    }
}
