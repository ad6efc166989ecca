//! A forecast at a glance: what a score takes of it. Holds one side of windows and single steps, and never the
//! quantiles of every one.

use super::{Distribution, Forecast, ModelName, Step, median};
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
    pub worst: Vec<Worst>,
    /// Where the median breaks the signal's limit first, if it does.
    pub reached: Option<Reached>,
    /// Expected events that were taken into account; see [`crate::events`].
    pub events: Vec<EventEffect>,
}

/// The extreme on the side of a signal's limit of the time from now to a horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Worst {
    /// Length, from the time at which the forecast was made.
    pub horizon: SignedDuration,
    /// The highest value in it of a signal whose limit is above, the lowest of one whose limit is below.
    pub value: Distribution,
    /// The last step in it that was looked at.
    pub last: Step,
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
        let worst = self.windows.iter().map(|window| {
            let value = spec.direction.pick(&window.maximum, &window.minimum).clone();
            Worst { horizon: window.horizon, value, last: window.last }
        });
        let Self { model, made_at, newest, step, .. } = *self;
        Glance { model, made_at, newest, step, worst: worst.collect(), reached, events: self.events.clone() }
    }
}

impl Glance {
    /// Bytes that it holds on the heap, but for what was told of events.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.worst.capacity() * size_of::<Worst>() + self.worst.iter().map(|it| it.value.bytes()).sum::<usize>()
    }

    /// The worst until a horizon, if that was asked for.
    pub fn worst(&self, horizon: SignedDuration) -> Option<&Worst> {
        self.worst.iter().find(|worst| worst.horizon == horizon)
    }

    /// Expected events that change what comes within a horizon.
    pub fn events_within(&self, horizon: SignedDuration) -> impl Iterator<Item = &EventEffect> {
        let until = self.made_at.checked_add(horizon).unwrap_or(self.made_at);
        self.events.iter().filter(move |event| event.bears_on(until))
    }
}
