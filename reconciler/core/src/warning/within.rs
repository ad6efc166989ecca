//! What is said of one signal and one horizon, step after step, and how far that came true. The levels of the
//! signal are not in it: all horizons look at the same.

use super::boosting::{Case, probability};
use super::features::{self, Features};
use super::fleet::{Learned, Lesson};
use super::fleets::Kind;
use super::watch::{Levels, Step, Windows};
use super::{Calibration, Outlook, Reason, SHIPPED, reasons};
use std::collections::VecDeque;
use std::sync::Arc;

/// Greatest and least probability stated: no history shows that something is certain.
const CERTAIN: f32 = 0.999;

/// Looks over which the usual one is averaged: a week of five-minute steps.
const USUAL_OVER: f32 = 2016.0;

/// Of so many calm looks one is a lesson: incidents are that much rarer, and tell more.
const CALM_KEPT: usize = 24;

/// Lessons that wait for a fleet at most. It takes them after each push, or after a week of the past was read:
/// with 14 incidents in that, looks an hour ahead of them and calm ones between them are so many.
const LESSONS_MAX: usize = 256;

/// Share of the way to the limit from which the trees are believed alone: they were trained on signals that
/// reached their limits, and do not know an order of limits beyond.
const REMOTE: f32 = 0.5;

/// Least share that counts: less is a limit that was set by mistake, or none at all.
const SHARE_MIN: f32 = 0.01;

/// What is taken from the logarithm of the odds where no level known came as far as [`REMOTE`]: with the square of
/// the distance, as Chebyshev's inequality has it for any distribution with a variance.
fn remoteness(features: &Features) -> f32 {
    2.0 * (features::highest(features) / REMOTE).clamp(SHARE_MIN, 1.0).ln()
}

/// Early warning for one horizon of a signal.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    windows: Windows,
    kind: Kind,
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
    /// Outcomes that a [`Fleet`](super::Fleet) has yet to take.
    pub(super) lessons: Vec<Lesson>,
    /// What a fleet has learned.
    pub(super) learned: Option<Arc<Learned>>,
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

impl Within {
    /// For a horizon of a signal with so many steps a day.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            windows: Windows::new(kind.horizon),
            kind,
            steps: 0,
            began: VecDeque::with_capacity(kind.horizon + 1),
            pending: VecDeque::with_capacity(kind.horizon),
            calibration: Calibration::default(),
            newest: None,
            usual: [0.0; features::COUNT],
            calm: 0,
            lessons: Vec::new(),
            learned: None,
        }
    }

    /// Which signals teach it.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes a step that the levels of its signal have just taken.
    pub(crate) fn push(&mut self, levels: &Levels, step: &Step) -> Outlook {
        self.windows.push(levels, step);
        self.learn(step.begins);
        self.newest = step.calm.then(|| self.windows.look(levels));
        let stated = self.newest.as_ref().and_then(|features| self.state(features));
        let probability = stated.as_ref().map(|stated| stated.probability);
        self.pending.push_back(stated);
        match probability {
            Some(probability) => Outlook::Probability(probability),
            None if levels.broken() => Outlook::Broken,
            None => Outlook::Unknown,
        }
    }

    fn state(&self, features: &Features) -> Option<Stated> {
        let shipped = SHIPPED.as_ref()?.log_odds(features);
        let learned = self.learned.as_ref();
        let odds = learned.map_or(shipped, |learned| learned.log_odds(shipped, features));
        let corrected = learned.map_or(odds, |learned| learned.corrected(odds));
        let probability = probability(corrected + remoteness(features)).clamp(1.0 - CERTAIN, CERTAIN);
        let lesson = self.steps.is_multiple_of(self.looks_per_hour());
        let features = lesson.then(|| Box::new(*features));
        Some(Stated { odds, probability, base_rate: self.windows.base_rate(), features })
    }

    /// Of so many looks one may become a lesson: a longer horizon has as many more looks before each
    /// incident, which tell much the same.
    fn looks_per_hour(&self) -> usize {
        (self.kind.horizon * 24 / self.kind.day).max(1)
    }

    /// What raises the newest probability over that of a usual look at this signal, greatest first; none
    /// while the limit is broken or nothing is measured.
    pub(crate) fn reasons(&self, levels: &Levels) -> Vec<Reason> {
        let (Some(look), Some(model)) = (self.newest.as_ref(), SHIPPED.as_ref()) else { return Vec::new() };
        reasons::reasons(model, look, &self.usual, &self.windows.facts(levels))
    }

    /// How the stated probabilities compare with what came.
    pub(crate) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Learns from the look whose horizon has just passed.
    fn learn(&mut self, begins: bool) {
        self.began.push_back(begins);
        if self.began.len() > self.kind.horizon {
            self.began.pop_front();
        }
        if self.pending.len() >= self.kind.horizon
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
impl Within {
    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let seen = self.pending.iter().flatten().filter(|stated| stated.features.is_some()).count();
        let pending = size_of::<Option<Stated>>() * self.pending.capacity() + size_of::<Features>() * seen;
        let lessons = size_of::<Lesson>() * self.lessons.capacity();
        size_of::<Self>() + self.windows.bytes() + self.began.capacity() + pending + lessons
    }
}
