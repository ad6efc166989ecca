//! What is foreseen of one signal, kept between evaluations: an evaluation within the same step makes nothing anew.
//! Everything in it is had again from the history, so that a restart changes nothing.

use super::exhaustion::{Exhaustion, exhaustion};
use super::likelihood::Likelihood;
use super::{SignalForecast, SignalView, Warnings};
use crate::events::{Expected, forecast};
use crate::forecast::{Forecast, NotReady};
use crate::history::History;
use crate::model::group::SignalSpec;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Steps that the early warning reads of a past in one evaluation: four weeks are read in a few, and each stays below
/// some tens of milliseconds.
const STEPS_AT_ONCE: usize = 2_016;

/// What is foreseen of one signal.
#[derive(Debug, Clone)]
pub struct Foresight {
    forecast: Result<Forecast, NotReady>,
    made: Option<Made>,
    exhaustion: Option<Exhaustion>,
    has_broken: bool,
    warnings: Option<Warnings>,
    is_warned: bool,
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
            made: None,
            exhaustion: None,
            has_broken: false,
            warnings: None,
            is_warned: false,
        }
    }
}

impl Foresight {
    /// Brings it up to date with the history and with what is expected. `is_whole` says that nothing older will be added
    /// to it, before which no early warning reads it.
    pub fn look(
        &mut self,
        (name, spec): (&str, &SignalSpec),
        history: &History,
        horizons: &[SignedDuration],
        expected: &Arc<Expected>,
        is_whole: bool,
        now: Timestamp,
    ) {
        if is_whole {
            self.follow(spec, history, horizons);
        }
        let seen = (history.steps().0, history.len(), history.present());
        let (spec_of, expected_then) = (spec.clone(), Arc::clone(expected));
        let newest = history.newest_value();
        let made = Made { spec: spec_of, horizons: horizons.to_vec(), expected: expected_then, seen, newest };
        let still_holds =
            |forecast: &Forecast| now.duration_since(forecast.made_at) < history.step() && now >= forecast.made_at;
        if self.made.as_ref() == Some(&made) && self.forecast.as_ref().is_ok_and(still_holds) {
            return;
        }
        self.forecast = forecast(expected, name, history, horizons, now);
        if self.made.as_ref() != Some(&made) {
            self.exhaustion = exhaustion(spec, history);
            self.has_broken = history.steps().1.iter().any(|value| !value.is_nan() && spec.breaks(f64::from(*value)));
        }
        self.made = Some(made);
    }

    fn follow(&mut self, spec: &SignalSpec, history: &History, horizons: &[SignedDuration]) {
        let known = self.warnings.take().filter(|warnings| warnings.are_of(spec, history, horizons));
        self.warnings = known.or_else(|| Warnings::of(spec, history, horizons));
        self.is_warned = self.warnings.as_mut().is_some_and(|warnings| {
            warnings.follow(history, STEPS_AT_ONCE);
            warnings.is_ready(history)
        });
    }

    /// The forecast, or why there is none.
    pub fn forecast(&self) -> Result<&Forecast, &NotReady> {
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
        let record = warnings.calibration(horizon).filter(|record| record.skill().is_some_and(|skill| skill > 0.0));
        let windows =
            record.zip(warnings.ahead(horizon)).map_or(0.0, |(record, ahead)| record.looks() as f64 / ahead as f64);
        Some(Likelihood::of_warning(probability, windows))
    }
}
