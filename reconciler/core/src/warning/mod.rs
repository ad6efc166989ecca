//! Early warning: how likely one signal is to reach its limit within a horizon, by a model that was
//! trained on what preceded incidents, and by what preceded them in the signal's own past.
//!
//! Fed sample by sample; each is answered before the next is seen.

pub mod boosting;
pub mod features;
pub mod incidents;
mod own;
pub mod training;
mod watch;

pub use watch::Watch;

use boosting::Boosted;
use own::{Numbers, Own, numbers, probability};
use std::collections::VecDeque;
use std::sync::LazyLock;

/// The model that is shipped.
static SHIPPED: LazyLock<Option<Boosted>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../priors/warning.json")).ok());

/// Probability from which a warning is an alarm: on the signals that it was tried on, about half of
/// the incidents were announced at one false alarm per signal and day.
pub const ALARM: f32 = 0.12;

/// Greatest and least probability stated: no history shows that something is certain.
const CERTAIN: f32 = 0.999;

/// Early warning for one signal and one horizon.
#[derive(Debug, Clone)]
pub struct Warning {
    watch: Watch,
    own: Own,
    day: usize,
    horizon: usize,
    steps: usize,
    /// Steps in which an incident began, of the last `horizon`.
    began: VecDeque<bool>,
    /// Looks of the last `horizon` steps, of which the outcome is not known yet.
    pending: VecDeque<Option<Numbers>>,
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
    /// For a signal that breaks `limit` from below, with `day` steps a day and `horizon` steps to look
    /// ahead.
    pub fn new(limit: f64, day: usize, horizon: usize) -> Self {
        let (began, pending) = (VecDeque::new(), VecDeque::new());
        Self { watch: Watch::new(limit, day, horizon), own: Own::default(), day, horizon, steps: 0, began, pending }
    }

    /// Takes the sample of the next step, `None` if there is none.
    pub fn push(&mut self, value: Option<f64>) -> Outlook {
        let was_broken = self.watch.broken();
        let seen = self.watch.push(value);
        self.learn(self.watch.broken() && !was_broken);
        let look = seen.zip(SHIPPED.as_ref()).map(|(features, model)| numbers(model.log_odds(&features), &features));
        self.pending.push_back(look);
        match look {
            Some(look) => Outlook::Probability(probability(self.own.log_odds(&look)).clamp(1.0 - CERTAIN, CERTAIN)),
            None if self.watch.broken() => Outlook::Broken,
            None => Outlook::Unknown,
        }
    }

    /// Learns from the look whose horizon has just passed.
    fn learn(&mut self, begins: bool) {
        self.began.push_back(begins);
        if self.began.len() > self.horizon {
            self.began.pop_front();
        }
        if self.pending.len() >= self.horizon
            && let Some(Some(look)) = self.pending.pop_front()
        {
            self.own.learn(&look, self.began.contains(&true));
        }
        self.steps += 1;
        if self.steps.is_multiple_of(self.day) {
            self.own.refit();
        }
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
        let mut warning = Warning::new(10.0, DAY, horizon);
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
        let mut warning = Warning::new(10.0, DAY, 12);
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
