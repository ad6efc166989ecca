//! Early warning: how likely one signal is to reach its limit within a horizon, by a model that was
//! trained on what preceded incidents, and by one that a [`Fleet`] trains on the signals it follows.
//!
//! Fed sample by sample; each is answered before the next is seen. Nothing but samples decides an answer,
//! those of the signal and, with a fleet, of the other signals before. So what was lost is had again by
//! pushing the histories once more: four weeks of five-minute steps take an eighth of a second a signal.

mod analogues;
pub mod boosting;
pub(crate) mod calibration;
mod challenge;
mod correction;
pub mod features;
mod fleet;
mod fleets;
pub mod incidents;
mod past;
mod reasons;
mod rhythm;
pub mod training;
mod undeclared;
mod view;
mod watch;
mod windows;
mod within;

pub use calibration::{Bin, Calibration};
pub use challenge::{Challenge, Study, Verdict};
pub(crate) use features::Common;
pub use fleet::Fleet;
pub use fleets::{Fleets, Kind, Standing};
pub(crate) use past::Past;
pub use reasons::Reason;
pub(crate) use watch::Watch;
pub(crate) use within::Within;

use crate::model::signal::Direction;
use boosting::Boosted;
use std::sync::LazyLock;
use watch::{VALUES_MAX, kept};

/// The model that is shipped.
static SHIPPED: LazyLock<Option<Boosted>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../priors/warning.json")).ok());

/// Probability from which a warning is an alarm: on the signals that it was tried on, half of the
/// incidents were announced an hour ahead at somewhat more than a false alarm per signal in two days. For
/// six hours it announces more, at fewer than one a day.
pub const ALARM: f32 = 0.22;

/// Values that are dropped at once when there are too many, so that dropping costs little per step.
const VALUES_DROPPED: usize = 288;

/// Early warning for one signal and one horizon.
#[derive(Debug, Clone)]
pub struct Warning {
    /// The newest steps, NaN for gaps.
    values: Vec<f32>,
    watch: Watch,
    within: Within,
}

/// What is known after a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outlook {
    /// The limit is broken.
    Broken,
    /// The probability that it will be within the horizon; never 0 or 1.
    Probability(f32),
    /// Nothing was measured.
    Unknown,
}

impl Warning {
    /// For a signal that breaks `limit` on the side of `direction`, with `day` steps a day (24 at least)
    /// and `horizon` steps to look ahead (from 1 to `day`).
    pub fn new(limit: f64, direction: Direction, day: usize, horizon: usize) -> Self {
        let watch = Watch::new(limit, direction, day);
        Self { values: Vec::new(), watch, within: Within::new(Kind { day, horizon }) }
    }

    /// Takes the sample of the next step, `None` if there is none; the steps of a longer gap are pushed
    /// one by one.
    pub fn push(&mut self, value: Option<f64>) -> Outlook {
        if self.values.len() >= VALUES_MAX + VALUES_DROPPED {
            self.values.drain(..VALUES_DROPPED);
        }
        self.values.push(kept(value));
        self.watch.push(&self.values);
        let past = self.watch.past(&self.values);
        self.within.push(&past, &past.common()).0
    }

    /// How the stated probabilities compare with what came.
    pub fn calibration(&self) -> &Calibration {
        self.within.calibration()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: usize = 288;

    /// Two weeks at rest, with a peak past the limit of 10 at the same hour each day.
    fn peaks(days: usize) -> impl Iterator<Item = f64> {
        let level =
            |step: usize| if (140..152).contains(&(step % DAY)) { 12.0 } else { 1.0 + (step % 7) as f64 / 10.0 };
        (0..days * DAY).map(level)
    }

    fn outlooks(values: impl Iterator<Item = f64>, horizon: usize) -> Vec<Outlook> {
        let mut warning = Warning::new(10.0, Direction::Above, DAY, horizon);
        values.map(|value| warning.push(Some(value))).collect()
    }

    fn probability_at(outlooks: &[Outlook], step: usize) -> f32 {
        match outlooks[step] {
            Outlook::Probability(probability) => probability,
            other @ (Outlook::Broken | Outlook::Unknown) => panic!("step {step}: {other:?}"),
        }
    }

    #[test]
    fn a_peak_that_comes_every_day_is_foreseen_and_the_night_is_calm() {
        let outlooks = outlooks(peaks(14), 12);
        let before = probability_at(&outlooks, 13 * DAY + 134);
        let night = probability_at(&outlooks, 13 * DAY + 20);
        assert!(before > 0.3 && night < 0.02, "{before} before the peak, {night} at night");
        assert_eq!(outlooks[13 * DAY + 145], Outlook::Broken);
    }

    #[test]
    fn gaps_are_unknown_and_nothing_is_certain() {
        let mut warning = Warning::new(10.0, Direction::Above, DAY, 12);
        for value in peaks(3) {
            if let Outlook::Probability(probability) = warning.push(Some(value)) {
                assert!(probability > 0.0 && probability < 1.0);
            }
        }
        for _ in 0..3 {
            warning.push(None);
        }
        assert_eq!(warning.push(None), Outlook::Unknown);
    }

    #[test]
    fn a_signal_below_its_limit_is_the_mirror_image() {
        let mut above = Warning::new(10.0, Direction::Above, DAY, 12);
        let mut below = Warning::new(-10.0, Direction::Below, DAY, 12);
        for value in peaks(9) {
            assert_eq!(above.push(Some(value)), below.push(Some(-value)));
        }
    }

    #[test]
    fn a_daily_peak_is_foreseen_better_than_by_its_rate() {
        let mut warning = Warning::new(10.0, Direction::Above, DAY, 12);
        peaks(14).take(13 * DAY + 135).for_each(|value| {
            warning.push(Some(value));
        });
        assert!(warning.calibration().skill().is_some_and(|skill| skill > 0.3), "{:?}", warning.calibration());
    }

    #[test]
    fn the_same_samples_give_the_same_bits() {
        let bits = || -> Vec<u32> {
            outlooks(peaks(9), 72)
                .iter()
                .map(|it| if let Outlook::Probability(probability) = it { probability.to_bits() } else { 0 })
                .collect()
        };
        assert_eq!(bits(), bits());
    }

    #[test]
    fn the_shipped_model_says_what_it_was_trained_on() {
        assert!(SHIPPED.as_ref().unwrap().trained_on.contains("make train-prior"));
    }
}
