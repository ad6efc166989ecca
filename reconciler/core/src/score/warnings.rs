//! The early warning of one signal over every horizon for which it is at home, kept in step with the
//! signal's history. Never looks at the step that is still open, and is had again from the history.

use crate::history::History;
use crate::model::signal::{Direction, SignalSpec};
use crate::warning::{Calibration, Common, Fleets, Kind, Outlook, Past, Reason, Watch, Within};
use jiff::{SignedDuration, Timestamp};

/// Fewest and most steps in a day for which the model is at home: it was trained on steps of five
/// minutes, and keeps enough of them for five days of minutes.
const STEPS_A_DAY: std::ops::RangeInclusive<usize> = 24..=1440;

/// The early warnings of one signal.
#[derive(Debug, Clone)]
pub struct Warnings {
    limit: f64,
    direction: Direction,
    step: SignedDuration,
    day: usize,
    /// What all horizons look at, together with the history.
    watch: Watch,
    /// Number of the step that comes next; the first one has not come yet when absent.
    next: Option<i64>,
    taken: usize,
    /// Number of the first step that teaches: those before were taught before.
    teaches_from: Option<i64>,
    followed: Vec<Followed>,
}

/// One horizon.
#[derive(Debug, Clone)]
struct Followed {
    horizon: SignedDuration,
    within: Within,
    outlook: Outlook,
    /// Why the newest probability is what it is, if that is worth telling; greatest first.
    reasons: Option<Vec<Reason>>,
}

/// Probability from which its reasons are told: what is as good as calm has none.
const TOLD_MIN: f32 = 0.05;

impl Followed {
    fn new(horizon: SignedDuration, kind: Kind) -> Self {
        Self { horizon, within: Within::new(kind), outlook: Outlook::Unknown, reasons: None }
    }

    /// Takes the newest step of a past. Reasons are found where somebody may ask for them.
    fn push(&mut self, past: &Past<'_>, common: &Common, may_be_asked: bool) {
        let (outlook, look) = self.within.push(past, common);
        let is_told = matches!(outlook, Outlook::Probability(probability) if probability >= TOLD_MIN);
        let look = look.filter(|_| may_be_asked && is_told);
        self.outlook = outlook;
        self.reasons = look.map(|look| self.within.reasons(past, &look));
    }
}

impl Warnings {
    /// For a signal and those of the `horizons` that are a day at most; `None` where the steps of its history do not
    /// make up a day, are too short or too long, or the history cannot become longer than a day.
    pub fn of(spec: &SignalSpec, history: &History, horizons: &[SignedDuration]) -> Option<Self> {
        let (step, day) = (history.step(), Self::home(history)?);
        let (limit, direction) = (spec.limit, spec.direction);
        let followed = |horizon: &SignedDuration| {
            let ahead = steps(*horizon, step).filter(|ahead| (1..=day).contains(ahead))?;
            Some(Followed::new(*horizon, Kind { day, horizon: ahead }))
        };
        let followed: Vec<Followed> = horizons.iter().filter_map(followed).collect();
        (!followed.is_empty()).then_some(Self {
            limit,
            direction,
            step,
            day,
            watch: Watch::new(limit, direction, day),
            next: None,
            taken: 0,
            teaches_from: None,
            followed,
        })
    }

    /// Steps in a day, where there can be early warnings.
    pub(super) fn home(history: &History) -> Option<usize> {
        let day = steps(SignedDuration::from_hours(24), history.step())?;
        (STEPS_A_DAY.contains(&day) && history.capacity() > day).then_some(day)
    }

    /// Whether they are about that signal, limit and step, and have those horizons.
    pub fn are_of(&self, spec: &SignalSpec, history: &History, horizons: &[SignedDuration]) -> bool {
        let is_followed = |horizon: &SignedDuration| self.followed.iter().any(|it| it.horizon == *horizon);
        let can_be =
            |horizon: &&SignedDuration| steps(**horizon, self.step).is_some_and(|n| (1..=self.day).contains(&n));
        self.limit.to_bits() == spec.limit.to_bits()
            && self.direction == spec.direction
            && self.step == history.step()
            && horizons.iter().filter(can_be).all(is_followed)
    }

    /// Looks at steps before that number teach nothing: they did it before.
    pub(super) fn teaching_from(self, step: Option<i64>) -> Self {
        Self { teaches_from: step, ..self }
    }

    /// Gives the lessons of what was taken to the fleets of its kinds, and lets these answer. Answers the number of the
    /// step that comes next.
    pub(super) fn meet(&mut self, fleets: &mut Fleets, now: Timestamp) -> Option<i64> {
        self.followed.iter_mut().for_each(|it| fleets.meet_within(&mut it.within, now));
        self.next
    }

    /// Takes what is new in the history, `most` steps at most, so that one cycle never takes long. After a gap that is
    /// longer than the history it begins anew.
    pub fn follow(&mut self, history: &History, most: usize) {
        let (first, values) = history.steps();
        if self.next.is_some_and(|next| next < first) {
            *self = self.anew();
        }
        // Nobody wanted those of the last time.
        self.followed.iter_mut().for_each(|it| it.within.forget_lessons());
        let skipped = usize::try_from(self.next.unwrap_or(first) - first).unwrap_or(0);
        let whole = values.len();
        for end in (skipped + 1..=whole).take(most) {
            let values = values.get(..end).unwrap_or_default();
            self.watch.push(values);
            let past = self.watch.past(values);
            let common = past.common();
            let is_newest = end == whole;
            self.followed.iter_mut().for_each(|it| it.push(&past, &common, is_newest));
            let step = self.next.unwrap_or(first);
            if self.teaches_from.is_some_and(|from| step < from) {
                self.followed.iter_mut().for_each(|it| it.within.forget_lessons());
            }
            self.taken += 1;
            self.next = Some(step + 1);
        }
    }

    fn anew(&self) -> Self {
        let followed = self.followed.iter().map(|it| Followed::new(it.horizon, it.within.kind()));
        Self {
            watch: Watch::new(self.limit, self.direction, self.day),
            next: None,
            taken: 0,
            followed: followed.collect(),
            ..*self
        }
    }

    /// Whether a day was seen and nothing of the history is left to be taken.
    pub fn is_ready(&self, history: &History) -> bool {
        let (first, values) = history.steps();
        let end = i64::try_from(values.len()).ok().map(|length| first + length);
        self.taken >= self.day && self.next == end
    }

    /// Steps of the history that are left to be taken.
    pub(super) fn left(&self, history: &History) -> usize {
        let (first, values) = history.steps();
        let taken = self.next.map_or(0, |next| usize::try_from(next - first).unwrap_or(0));
        values.len().saturating_sub(taken)
    }

    /// The probability that the limit will break within a horizon; `None` where that is not followed, while an incident
    /// lasts, and where nothing is measured.
    pub fn probability(&self, horizon: SignedDuration) -> Option<f64> {
        match self.within(horizon)?.outlook {
            Outlook::Probability(probability) => Some(f64::from(probability)),
            Outlook::Broken | Outlook::Unknown => None,
        }
    }

    /// What raises the probability of a horizon, greatest first; `None` where it is as good as calm.
    pub fn reasons(&self, horizon: SignedDuration) -> Option<&[Reason]> {
        self.within(horizon)?.reasons.as_deref()
    }

    /// How stated probabilities compare with what came, by horizon.
    pub fn calibrations(&self) -> impl Iterator<Item = (SignedDuration, &Calibration)> {
        self.followed.iter().map(|it| (it.horizon, it.within.calibration()))
    }

    /// Independent windows of a horizon that are known, if what was said of them was better than the share of windows in
    /// which the limit broke.
    pub(super) fn windows(&self, horizon: SignedDuration) -> f64 {
        let within = self.within(horizon).map(|it| &it.within);
        let is_better = |within: &&Within| within.calibration().skill().is_some_and(|skill| skill > 0.0);
        within.filter(is_better).map_or(0.0, Within::windows)
    }

    fn within(&self, horizon: SignedDuration) -> Option<&Followed> {
        self.followed.iter().find(|it| it.horizon == horizon)
    }
}

/// Whole steps in a time, if it is made up of them.
fn steps(time: SignedDuration, step: SignedDuration) -> Option<usize> {
    let (time, step) = (time.as_millis(), step.as_millis().max(1));
    (time % step == 0).then(|| usize::try_from(time / step).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sample;
    use jiff::Timestamp;

    const DAY: i64 = 288;
    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    /// Of four weeks of five minutes and three horizons.
    const BYTES_MAX: usize = 3_000;

    /// The same together with the history.
    const BYTES_IN_ALL_MAX: usize = 36_000;

    fn history(steps: i64) -> History {
        let mut history = History::new(SignedDuration::from_mins(5), SignedDuration::from_hours(28 * 24));
        for index in (0..steps).filter(|index| index % 50 != 7) {
            let at = Timestamp::from_second(300 * index).unwrap();
            let peak = if (140..152).contains(&(index % DAY)) { 11.0 } else { 1.0 };
            history.push(Sample { at, value: peak + f64::from(i32::try_from(index % 7).unwrap()) / 10.0 }, at);
        }
        history
    }

    fn spec() -> SignalSpec {
        serde_json::from_value(serde_json::json!({"query": "x{i=\"$instance\"}", "limit": 10.0, "unit": "count"}))
            .unwrap()
    }

    fn warnings(history: &History) -> Warnings {
        Warnings::of(&spec(), history, &[HOUR, HOUR * 24, HOUR * 48]).unwrap()
    }

    #[test]
    fn taken_at_once_or_step_by_step_the_answer_is_the_same() {
        let whole = history(13 * DAY + 136);
        let mut at_once = warnings(&whole);
        at_once.follow(&whole, usize::MAX);
        let mut by_parts = warnings(&whole);
        for steps in [3 * DAY, 9 * DAY + 5, 13 * DAY + 136] {
            by_parts.follow(&history(steps), 1_000);
        }
        assert!(!by_parts.is_ready(&whole), "a part at a time");
        (0..4).for_each(|_| by_parts.follow(&whole, 1_000));
        assert!(at_once.is_ready(&whole) && by_parts.is_ready(&whole));
        for horizon in [HOUR, HOUR * 24] {
            assert_eq!(at_once.probability(horizon), by_parts.probability(horizon));
        }
        assert!(at_once.probability(HOUR).unwrap() > 0.2, "{:?}", at_once.probability(HOUR));
        assert_eq!(at_once.probability(HOUR * 48), None, "longer than a day");
        assert!(at_once.calibrations().count() == 2);
        let texts: Vec<&str> = at_once.reasons(HOUR).unwrap().iter().map(|reason| reason.text.as_str()).collect();
        assert!(texts.contains(&"a week ago it was at 115 % of its limit in these hours"), "{texts:?}");
        assert!(texts.contains(&"it broke its limit in these hours on 13 of 13 days"), "{texts:?}");
    }

    #[test]
    fn it_is_at_home_where_days_are() {
        let at_home = |step: i64, length: i64| {
            let history = History::new(SignedDuration::from_secs(step), SignedDuration::from_hours(length));
            Warnings::of(&spec(), &history, &[HOUR]).is_some()
        };
        assert!(at_home(300, 28 * 24) && at_home(60, 48));
        assert!(!at_home(1, 5) && !at_home(420, 480) && !at_home(300, 24));
        let history = History::new(SignedDuration::from_mins(5), SignedDuration::from_hours(72));
        let warnings = warnings(&history);
        assert!(warnings.are_of(&spec(), &history, &[HOUR]) && !warnings.are_of(&spec(), &history, &[HOUR * 6]));
        assert!(!warnings.are_of(&SignalSpec { limit: 11.0, ..spec() }, &history, &[HOUR]));
        assert!(!warnings.is_ready(&history));
    }

    #[test]
    fn three_horizons_share_what_they_look_at_and_are_small() {
        let whole = history(28 * DAY + 7);
        let mut warnings = Warnings::of(&spec(), &whole, &[HOUR, HOUR * 6, HOUR * 24]).unwrap();
        let mut fleets = Fleets::default();
        (0..5).for_each(|_| {
            warnings.follow(&whole, 2_016);
            warnings.meet(&mut fleets, Timestamp::UNIX_EPOCH);
        });
        assert!(warnings.is_ready(&whole));
        let within = warnings.followed.iter().map(|it| it.within.bytes()).sum::<usize>();
        let bytes = size_of::<Warnings>() + warnings.watch.bytes() + within;
        assert!(bytes <= BYTES_MAX, "{bytes} bytes, {within} of them for horizons");
        assert!(bytes + whole.bytes() <= BYTES_IN_ALL_MAX, "{bytes} bytes and {} of the history", whole.bytes());
    }

    #[test]
    fn after_a_gap_longer_than_the_history_it_begins_anew() {
        let old = history(3 * DAY);
        let mut followed = warnings(&old);
        followed.follow(&old, usize::MAX);
        assert!(followed.is_ready(&old));
        let later = Timestamp::from_second(300 * 100 * DAY).unwrap();
        let mut new = old.clone();
        new.push(Sample { at: later, value: 1.0 }, later);
        followed.follow(&new, usize::MAX);
        assert!(!followed.is_ready(&new) && followed.probability(HOUR).is_some());
    }
}
