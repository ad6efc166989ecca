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
mod reasons;
mod rhythm;
pub mod training;
mod view;
mod watch;
mod windows;

pub use calibration::{Bin, Calibration};
pub use challenge::{Challenge, Study, Verdict};
pub use fleet::Fleet;
pub use fleets::{Fleets, Kind, Standing};
pub use reasons::Reason;
pub use watch::Watch;

use crate::model::group::Direction;
use boosting::{Boosted, Case, probability};
use features::Features;
use fleet::{Learned, Lesson};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

/// The model that is shipped.
static SHIPPED: LazyLock<Option<Boosted>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../priors/warning.json")).ok());

/// Probability from which a warning is an alarm: on the signals that it was tried on, over half of the
/// incidents were announced an hour ahead at two false alarms per signal in three days. For six hours
/// it announces more, at one a day.
pub const ALARM: f32 = 0.15;

/// Greatest and least probability stated: no history shows that something is certain.
const CERTAIN: f32 = 0.999;

/// Looks over which the usual one is averaged: a week of five-minute steps.
const USUAL_OVER: f32 = 2016.0;

/// Of so many calm looks one is a lesson: incidents are that much rarer, and tell more.
const CALM_KEPT: usize = 24;

/// Lessons that wait for a fleet at most. It takes them after each push, or after a week of the past was read:
/// with 14 incidents in that, looks an hour ahead of them and calm ones between them are so many.
const LESSONS_MAX: usize = 256;

/// Early warning for one signal and one horizon.
#[derive(Debug, Clone)]
pub struct Warning {
    watch: Watch,
    /// -1 for a signal that breaks its limit from above.
    sign: f64,
    day: usize,
    horizon: usize,
    steps: usize,
    /// Steps in which an incident began, of the last `horizon`.
    began: VecDeque<bool>,
    /// Looks of the last `horizon` steps, of which the outcome is not known yet.
    pending: VecDeque<Option<Stated>>,
    calibration: Calibration,
    /// The newest look, if there is one.
    newest: Option<Features>,
    /// Slow mean of the looks.
    usual: Features,
    /// Calm looks that could have been lessons.
    calm: usize,
    /// Outcomes that a [`Fleet`] has yet to take.
    lessons: Vec<Lesson>,
    /// What a fleet has learned.
    learned: Option<Arc<Learned>>,
}

/// What was seen and said in one step.
#[derive(Debug, Clone)]
struct Stated {
    /// Before correction.
    odds: f32,
    probability: f32,
    base_rate: f32,
    /// Kept where the look may become a lesson.
    features: Option<Box<Features>>,
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
        let sign = match direction {
            Direction::Above => 1.0,
            Direction::Below => -1.0,
        };
        Self {
            watch: Watch::new(sign * limit, day, horizon),
            sign,
            day,
            horizon,
            steps: 0,
            began: VecDeque::new(),
            pending: VecDeque::new(),
            calibration: Calibration::default(),
            newest: None,
            usual: [0.0; features::COUNT],
            calm: 0,
            lessons: Vec::new(),
            learned: None,
        }
    }

    /// Takes the sample of the next step, `None` if there is none; the steps of a longer gap are pushed
    /// one by one.
    pub fn push(&mut self, value: Option<f64>) -> Outlook {
        let was_broken = self.watch.broken();
        let calm = self.watch.push(value.map(|value| self.sign * value));
        self.learn(self.watch.broken() && !was_broken);
        self.newest = calm.then(|| self.watch.look());
        let stated = self.newest.as_ref().and_then(|features| self.state(features));
        let probability = stated.as_ref().map(|stated| stated.probability);
        self.pending.push_back(stated);
        match probability {
            Some(probability) => Outlook::Probability(probability),
            None if self.watch.broken() => Outlook::Broken,
            None => Outlook::Unknown,
        }
    }

    fn state(&self, features: &Features) -> Option<Stated> {
        let shipped = SHIPPED.as_ref()?.log_odds(features);
        let learned = self.learned.as_ref();
        let odds = learned.map_or(shipped, |learned| learned.log_odds(shipped, features));
        let corrected = learned.map_or(odds, |learned| learned.corrected(odds));
        let probability = probability(corrected).clamp(1.0 - CERTAIN, CERTAIN);
        let lesson = self.steps.is_multiple_of(self.looks_per_hour());
        let features = lesson.then(|| Box::new(*features));
        Some(Stated { odds, probability, base_rate: self.watch.base_rate(), features })
    }

    /// Of so many looks one may become a lesson: a longer horizon has as many more looks before each
    /// incident, which tell much the same.
    fn looks_per_hour(&self) -> usize {
        (self.horizon * 24 / self.day).max(1)
    }

    /// What raises the newest probability over that of a usual look at this signal, greatest first; none
    /// while the limit is broken or nothing is measured.
    pub fn reasons(&self) -> Vec<Reason> {
        let (Some(look), Some(model)) = (self.newest.as_ref(), SHIPPED.as_ref()) else { return Vec::new() };
        reasons::reasons(model, look, &self.usual, &self.watch.facts(self.sign))
    }

    /// How the stated probabilities compare with what came.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Learns from the look whose horizon has just passed.
    fn learn(&mut self, begins: bool) {
        self.began.push_back(begins);
        if self.began.len() > self.horizon {
            self.began.pop_front();
        }
        if self.pending.len() >= self.horizon
            && let Some(Some(stated)) = self.pending.pop_front()
        {
            let broke = self.began.contains(&true);
            self.calibration.learn(stated.probability, stated.base_rate, broke);
            self.teach(&stated, broke);
        }
        if let Some(look) = &self.newest {
            let share = 1.0 / USUAL_OVER.min(self.steps.max(1) as f32);
            self.usual.iter_mut().zip(look).for_each(|(usual, new)| *usual += share * (new - *usual));
        }
        self.steps += 1;
    }

    /// Forgets the lessons that nobody took.
    pub(crate) fn forget_lessons(&mut self) {
        self.lessons = Vec::new();
    }

    fn teach(&mut self, stated: &Stated, broke: bool) {
        let Some(features) = stated.features.as_deref().filter(|_| self.lessons.len() < LESSONS_MAX) else { return };
        let looks = self.looks_per_hour();
        let calm_every = (CALM_KEPT / looks).max(1);
        self.calm += usize::from(!broke);
        if broke || self.calm.is_multiple_of(calm_every) {
            let weight = if broke { looks } else { looks * calm_every } as f32;
            let case = Case { features: *features, broke, weight };
            self.lessons.push(Lesson { case, odds: stated.odds });
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
    fn reasons_and_the_record_of_a_daily_peak() {
        let mut warning = Warning::new(10.0, Direction::Above, DAY, 12);
        peaks(14).take(13 * DAY + 135).for_each(|value| {
            warning.push(Some(value));
        });
        let texts: Vec<String> = warning.reasons().into_iter().map(|reason| reason.text).collect();
        assert!(texts.contains(&"a week ago it was at 120 % of its limit in these hours".to_owned()), "{texts:?}");
        assert!(texts.contains(&"it broke its limit in these hours on 13 of 13 days".to_owned()), "{texts:?}");
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
