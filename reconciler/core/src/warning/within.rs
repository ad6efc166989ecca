//! What is said of one signal and one horizon, step after step, and how far that came true. The past of the
//! signal is not in it: all horizons look at the same.

use super::boosting::{Case, probability};
use super::features::{self, Common, Features};
use super::fleet::{Learned, Lesson};
use super::fleets::Kind;
use super::past::Past;
use super::undeclared::Undeclared;
use super::view::Ahead;
use super::watch::Watch;
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
/// with 14 incidents in that, looks an hour ahead of them and calm ones between them are half as many, and limits that
/// were never declared teach some two hundred more.
const LESSONS_MAX: usize = 512;

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

/// Of so many looks one is checked, and may become a lesson: a longer horizon has as many more looks before each incident,
/// which tell much the same.
pub(super) fn looks_of(horizon: usize, day: usize) -> usize {
    (horizon * 24 / day).max(1)
}

/// Early warning for one horizon of a signal.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    kind: Kind,
    base_rate: BaseRate,
    /// What was said in one of so many of the last `horizon` steps, see [`looks_of`]. Its outcome is not
    /// known yet.
    pending: VecDeque<Stated>,
    calibration: Calibration,
    /// Slow mean of the looks.
    usual: Features,
    /// Calm looks that could have been lessons.
    calm: usize,
    undeclared: Undeclared,
    /// Outcomes that a [`Fleet`](super::Fleet) has yet to take.
    pub(super) lessons: Vec<Lesson>,
    /// What a fleet has learned.
    pub(super) learned: Option<Arc<Learned>>,
}

/// What was said in one step.
#[derive(Debug, Clone, Copy)]
struct Stated {
    /// Steps until then.
    steps: u32,
    probability: f32,
    /// Before correction.
    odds: f32,
    base_rate: f32,
}

/// Windows that are over and began in no incident, and those of them in which the limit broke.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BaseRate {
    all: f32,
    broken: f32,
}

impl BaseRate {
    /// Counts the window of `horizon` steps that is over with the newest step.
    pub(super) fn count(&mut self, watch: &Watch, horizon: usize) {
        if watch.was_calm(horizon) {
            self.all += 1.0;
            self.broken += f32::from(u8::from(watch.broke_within(horizon)));
        }
    }

    /// Of so many windows, in so many of which the limit broke.
    pub(super) fn of(all: usize, broken: usize) -> Self {
        Self { all: all as f32, broken: broken as f32 }
    }

    /// Share of windows, so far, in which the limit broke.
    pub(super) fn share(self) -> f32 {
        (self.broken + 0.5) / (self.all + 1.0)
    }
}

impl Within {
    /// For a horizon of a signal with so many steps a day.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            base_rate: BaseRate::default(),
            pending: VecDeque::new(),
            calibration: Calibration::default(),
            usual: [0.0; features::COUNT],
            calm: 0,
            undeclared: Undeclared::default(),
            lessons: Vec::new(),
            learned: None,
        }
    }

    /// Which signals teach it.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes the newest step of a past, of which `common` is known whatever is looked ahead. Answers also what was seen,
    /// if there was anything.
    pub(crate) fn push(&mut self, past: &Past<'_>, common: &Common) -> (Outlook, Option<Features>) {
        self.base_rate.count(past.watch, self.kind.horizon);
        let greatest = past.ahead(self.kind.horizon);
        let ahead = self.ahead(&greatest);
        self.learn(past, &ahead);
        let room = LESSONS_MAX.saturating_sub(self.lessons.len());
        if room > 0 {
            self.lessons.extend(self.undeclared.lessons(past, self.kind.horizon).into_iter().take(room));
        }
        let look = past.watch.calm().then(|| past.look(&ahead, common));
        let stated = look.and_then(|look| self.state(look, past.watch.steps(), ahead.base_rate));
        let is_checked = past.watch.steps().is_multiple_of(looks_of(self.kind.horizon, self.kind.day));
        self.pending.extend(stated.filter(|_| is_checked));
        let outlook = match stated {
            Some(stated) => Outlook::Probability(stated.probability),
            None if past.watch.broken() => Outlook::Broken,
            None => Outlook::Unknown,
        };
        (outlook, look)
    }

    fn ahead<'a>(&self, greatest: &'a [f32]) -> Ahead<'a> {
        Ahead { horizon: self.kind.horizon, greatest, base_rate: self.base_rate.share() }
    }

    fn state(&mut self, features: Features, steps: usize, base_rate: f32) -> Option<Stated> {
        let share = 1.0 / USUAL_OVER.min(steps as f32);
        self.usual.iter_mut().zip(features).for_each(|(usual, new)| *usual += share * (new - *usual));
        let shipped = SHIPPED.as_ref()?.log_odds(&features);
        let learned = self.learned.as_ref();
        let odds = learned.map_or(shipped, |learned| learned.log_odds(shipped, &features));
        let corrected = learned.map_or(odds, |learned| learned.corrected(odds));
        let probability = probability(corrected + remoteness(&features)).clamp(1.0 - CERTAIN, CERTAIN);
        Some(Stated { steps: u32::try_from(steps).ok()?, probability, odds, base_rate })
    }

    /// What raises the probability of the newest `look` at a past over that of a usual one at this signal, greatest first.
    pub(crate) fn reasons(&self, past: &Past<'_>, look: &Features) -> Vec<Reason> {
        let Some(model) = SHIPPED.as_ref() else { return Vec::new() };
        reasons::reasons(model, look, &self.usual, &past.facts(self.kind.horizon))
    }

    /// How the stated probabilities compare with what came, by one look of an hour.
    pub(crate) fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Independent windows whose outcome is known.
    pub(crate) fn windows(&self) -> f64 {
        self.calibration.looks() as f64 * looks_of(self.kind.horizon, self.kind.day) as f64 / self.kind.horizon as f64
    }

    /// Learns from what was said a horizon ago.
    fn learn(&mut self, past: &Past<'_>, ahead: &Ahead<'_>) {
        let (steps, horizon) = (past.watch.steps(), self.kind.horizon);
        while let Some(stated) = self.pending.pop_front_if(|stated| stated.steps as usize + horizon <= steps) {
            let broke = past.watch.broke_within(horizon);
            self.calibration.learn(stated.probability, stated.base_rate, broke);
            self.teach(&stated, broke, past, ahead);
        }
    }

    /// Forgets the lessons that nobody took.
    pub(crate) fn forget_lessons(&mut self) {
        self.lessons = Vec::new();
    }

    /// Makes a lesson of what was said a horizon ago. What was seen then is seen again: few looks become lessons.
    fn teach(&mut self, stated: &Stated, broke: bool, past: &Past<'_>, ahead: &Ahead<'_>) {
        let (looks, horizon) = (looks_of(self.kind.horizon, self.kind.day), self.kind.horizon);
        if self.lessons.len() >= LESSONS_MAX {
            return;
        }
        let calm_every = (CALM_KEPT / looks).max(1);
        self.calm += usize::from(!broke);
        if !broke && !self.calm.is_multiple_of(calm_every) {
            return;
        }
        let then = Ahead { base_rate: stated.base_rate, ..*ahead };
        if let Some(features) = past.look_back(horizon, &then) {
            let weight = if broke { looks } else { looks * calm_every } as f32;
            self.lessons.push(Lesson { case: Case { features, broke, weight }, answered: Some(stated.odds) });
        }
    }
}

#[cfg(test)]
impl Within {
    /// Memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let pending = size_of::<Stated>() * self.pending.capacity();
        size_of::<Self>() + pending + size_of::<Lesson>() * self.lessons.capacity()
    }
}
