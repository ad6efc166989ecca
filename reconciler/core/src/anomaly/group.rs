//! The anomalies of a group: every signal of every slot, followed through its history. Nothing is
//! stored: the same histories give the same anomalies again.

use super::blocks::Blocks;
use super::detector::{Detector, Finding};
use super::episode::Episode;
use super::peers::Peers;
use super::{Anomaly, Grade, text};
use crate::history::History;
use crate::model::name::SlotId;
use crate::model::signal::{Direction, SignalSpec};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Missing blocks that are told one by one: a week of five minutes. After a longer gap a signal is followed
/// anew.
const GAP_MAX: i128 = 2_016;

/// A signal of a slot, with its past.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'a> {
    /// The slot.
    pub slot: &'a SlotId,
    /// Name of the signal.
    pub name: &'a str,
    /// As declared.
    pub spec: &'a SignalSpec,
    /// What was measured.
    pub history: &'a History,
    /// Whether the slot serves, so that it can be held against the others that do.
    pub serves: bool,
}

/// Follows the signals of one group.
#[derive(Debug, Clone, Default)]
pub struct Anomalies {
    signals: BTreeMap<(SlotId, String), Signal>,
    peers: BTreeMap<String, Peers>,
}

/// One signal of one slot.
#[derive(Debug, Clone)]
struct Signal {
    step: SignedDuration,
    /// The newest step that was taken.
    newest: Option<Timestamp>,
    blocks: Blocks,
    detector: Detector,
    own: Option<Episode>,
    /// Steps since the own one began.
    lasted: usize,
    beside_peers: Option<Episode>,
}

type Steps = Vec<(Timestamp, Option<f64>)>;

impl Anomalies {
    /// Takes the steps that are new in the histories; answers the anomalies that are under way, in the
    /// order of the slots and signals. Signals that are no longer given are forgotten.
    ///
    /// A step is taken once: what a source corrects later is not seen.
    pub fn follow(&mut self, signals: &[Followed<'_>]) -> Vec<Anomaly> {
        let given = |slot: &SlotId, name: &str| signals.iter().any(|it| it.slot == slot && it.name == name);
        self.signals.retain(|(slot, name), _| given(slot, name));
        self.peers.retain(|name, _| signals.iter().any(|it| it.name == name));
        let mut beside: BTreeMap<&str, BTreeMap<Timestamp, BTreeMap<SlotId, f64>>> = BTreeMap::new();
        for followed in signals {
            let signal = self.signal(followed);
            for (at, value) in signal.take(followed.history) {
                if let Some(value) = value.filter(|_| followed.serves) {
                    let steps = beside.entry(followed.name).or_default();
                    steps.entry(at).or_default().insert(followed.slot.clone(), value);
                }
            }
        }
        for (name, steps) in beside {
            for (at, values) in steps {
                self.compare(name, at, &values);
            }
        }
        signals.iter().flat_map(|followed| self.told(followed)).collect()
    }

    fn signal(&mut self, followed: &Followed<'_>) -> &mut Signal {
        let key = (followed.slot.clone(), followed.name.to_owned());
        let step = followed.history.step();
        let signal = self.signals.entry(key).or_insert_with(|| Signal::new(step));
        if signal.step != step || signal.missed(followed.history) > GAP_MAX {
            *signal = Signal::new(step);
        }
        signal
    }

    fn compare(&mut self, name: &str, at: Timestamp, values: &BTreeMap<SlotId, f64>) {
        let findings = self.peers.entry(name.to_owned()).or_default().push(values);
        for slot in values.keys() {
            if let Some(signal) = self.signals.get_mut(&(slot.clone(), name.to_owned())) {
                advance(&mut signal.beside_peers, at, findings.get(slot).copied(), None);
            }
        }
    }

    fn told(&self, followed: &Followed<'_>) -> Vec<Anomaly> {
        let signal = self.signals.get(&(followed.slot.clone(), followed.name.to_owned()));
        let episodes = signal.into_iter().flat_map(|signal| [&signal.own, &signal.beside_peers]).flatten();
        episodes.map(|episode| anomaly(followed, episode)).collect()
    }
}

impl Signal {
    fn new(step: SignedDuration) -> Self {
        let blocks = Blocks::new(step);
        let day = SignedDuration::from_hours(24).as_millis() / blocks.grain().as_millis().max(1);
        let detector = Detector::new(usize::try_from(day).unwrap_or(1));
        Self { step, newest: None, blocks, detector, own: None, lasted: 0, beside_peers: None }
    }

    /// Blocks without a sample between what was taken and what the history has.
    fn missed(&self, history: &History) -> i128 {
        let Some((newest, (oldest, _))) = self.newest.zip(history.iter().next()) else { return 0 };
        oldest.duration_since(newest).as_millis() / self.blocks.grain().as_millis().max(1)
    }

    /// Takes what is new; answers it in blocks.
    fn take(&mut self, history: &History) -> Steps {
        let new: Steps = history.after(self.newest).collect();
        self.newest = new.last().map(|(at, _)| *at).or(self.newest);
        let blocks: Steps = new.into_iter().flat_map(|(at, value)| self.blocks.push(at, value)).collect();
        for (at, value) in &blocks {
            self.push(*at, *value);
        }
        blocks
    }

    fn push(&mut self, at: Timestamp, value: Option<f64>) {
        let first = self.own.as_ref().filter(|own| own.is_recent(self.lasted)).map(|own| own.first.usual);
        let lasting = value.zip(first).and_then(|(value, usual)| self.detector.oddity_beside(value, usual));
        let found = self.detector.push(value);
        self.lasted = if self.own.is_some() { self.lasted + 1 } else { 0 };
        advance(&mut self.own, at, found, lasting);
    }
}

/// An anomaly after one more sample.
fn advance(episode: &mut Option<Episode>, at: Timestamp, found: Option<Finding>, lasting: Option<f64>) {
    *episode = match episode.take() {
        Some(mut open) => open.goes_on(found, lasting).then_some(open),
        None => found.and_then(|finding| Episode::begins(at, &finding)),
    };
}

/// An anomaly away from the limit is worth a look and no shadow: latency that falls is no danger.
fn anomaly(followed: &Followed<'_>, episode: &Episode) -> Anomaly {
    let Finding { kind, value, usual, .. } = episode.first;
    let towards_limit = match followed.spec.direction {
        Direction::Above => value > usual,
        Direction::Below => value < usual,
    };
    let grade = if towards_limit { episode.grade } else { Grade::Minor };
    Anomaly {
        slot: followed.slot.clone(),
        signal: followed.name.to_owned(),
        kind,
        grade,
        severity: episode.severity,
        since: episode.since,
        text: text::of(followed, episode, grade),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Kind;
    use crate::history::Sample;

    const STEP: i64 = 300;

    fn slot(id: &str) -> SlotId {
        SlotId::new(id).unwrap()
    }

    fn at(step: i64) -> Timestamp {
        Timestamp::from_second(step * STEP).unwrap()
    }

    fn spec(direction: &str) -> SignalSpec {
        let spec = serde_json::json!({"query": "q", "limit": 50.0, "unit": "seconds", "direction": direction});
        serde_json::from_value(spec).unwrap()
    }

    /// Three days of jitter, then `last`.
    fn history(seed: i64, last: &[f64]) -> History {
        let mut history = History::new(SignedDuration::from_secs(STEP), SignedDuration::from_hours(24 * 28));
        let usual = (0..3 * 288).map(|step| 10.0 + ((step * 37 + seed * 11) % 17) as f64 / 50.0);
        for (step, value) in (0..).zip(usual.chain(last.iter().copied())) {
            history.push(Sample { at: at(step), value }, at(step));
        }
        history
    }

    /// What is found in replicas with these last values.
    fn follow(anomalies: &mut Anomalies, spec: &SignalSpec, replicas: &[(&str, History)]) -> Vec<Anomaly> {
        let slots: Vec<SlotId> = replicas.iter().map(|(id, _)| slot(id)).collect();
        let followed: Vec<Followed<'_>> = slots
            .iter()
            .zip(replicas)
            .map(|(slot, (_, history))| Followed { slot, name: "latency", spec, history, serves: true })
            .collect();
        anomalies.follow(&followed)
    }

    fn found(spec: &SignalSpec, replicas: &[(&str, History)]) -> Vec<Anomaly> {
        follow(&mut Anomalies::default(), spec, replicas)
    }

    #[test]
    fn a_jump_that_lasts_is_major_and_says_since_when() {
        let anomalies = found(&spec("above"), &[("a", history(0, &[30.0, 30.0, 30.0]))]);
        assert_eq!(anomalies.len(), 1, "{anomalies:?}");
        assert_eq!((anomalies[0].grade, anomalies[0].since), (Grade::Major, at(3 * 288)));
        let text = "major anomaly since 1970-01-04T00:00:00Z: latency of slot a is 30 seconds, and about 10.1 seconds \
                    was to be expected";
        assert!(anomalies[0].text.starts_with(&text[..80]), "{}", anomalies[0].text);
    }

    #[test]
    fn one_odd_sample_is_minor() {
        let anomalies = found(&spec("above"), &[("a", history(0, &[30.0, 10.1]))]);
        assert_eq!(anomalies.iter().map(|it| it.grade).collect::<Vec<_>>(), [Grade::Minor]);
    }

    #[test]
    fn away_from_the_limit_nothing_is_major() {
        let anomalies = found(&spec("below"), &[("a", history(0, &[30.0, 30.0, 30.0]))]);
        assert_eq!(anomalies.iter().map(|it| it.grade).collect::<Vec<_>>(), [Grade::Minor]);
    }

    #[test]
    fn an_hour_later_the_new_level_is_the_usual_one() {
        let stays: Vec<f64> = (0..60).map(|step| 30.0 + f64::from(step % 5) / 20.0).collect();
        let kinds: Vec<Kind> = found(&spec("above"), &[("a", history(0, &stays))]).iter().map(|it| it.kind).collect();
        assert!(!kinds.contains(&Kind::Deviation), "{kinds:?}");
    }

    #[test]
    fn the_one_replica_that_is_unlike_its_peers_is_named() {
        let replicas = [("a", history(0, &[10.1])), ("b", history(1, &[25.0])), ("c", history(2, &[10.2]))];
        let unlike: Vec<Anomaly> =
            found(&spec("above"), &replicas).into_iter().filter(|it| it.kind == Kind::UnlikePeers).collect();
        assert_eq!(unlike.iter().map(|it| it.slot.as_str()).collect::<Vec<_>>(), ["b"]);
        assert!(unlike[0].text.contains("in the other replicas"), "{}", unlike[0].text);
    }

    #[test]
    fn step_by_step_and_all_at_once_are_the_same() {
        let last = [10.0, 30.0, 30.0, 30.0, 10.0];
        let mut followed = Anomalies::default();
        let stepwise =
            (0..=last.len()).map(|n| follow(&mut followed, &spec("above"), &[("a", history(0, &last[..n]))]));
        assert_eq!(stepwise.last().unwrap(), found(&spec("above"), &[("a", history(0, &last))]));
    }

    #[test]
    fn finer_steps_are_judged_by_five_minutes() {
        let mut history = History::new(SignedDuration::from_secs(30), SignedDuration::from_hours(60));
        let usual = (0..40 * 120).map(|step| 10.0 + f64::from(step * 37 % 17) / 50.0);
        let jump = std::iter::repeat_n(30.0, 40);
        for (step, value) in (0..).zip(usual.chain([30.0]).chain(jump)) {
            let at = Timestamp::from_second(step * 30).unwrap();
            history.push(Sample { at, value }, at);
        }
        let anomalies = found(&spec("above"), &[("a", history)]);
        assert_eq!(anomalies.iter().map(|it| it.grade).collect::<Vec<_>>(), [Grade::Major], "{anomalies:?}");
        assert_eq!(anomalies[0].since, Timestamp::from_second(40 * 3_600).unwrap());
    }

    #[test]
    fn without_a_day_of_past_nothing_is_major() {
        let mut history = History::new(SignedDuration::from_secs(STEP), SignedDuration::from_hours(60));
        for step in 0..200 {
            let value = if step < 195 { 10.0 + (step * 37 % 17) as f64 / 50.0 } else { 30.0 };
            history.push(Sample { at: at(step), value }, at(step));
        }
        let grades: Vec<Grade> = found(&spec("above"), &[("a", history)]).iter().map(|it| it.grade).collect();
        assert_eq!(grades, [Grade::Minor]);
    }

    #[test]
    fn a_gap_and_a_forgotten_slot_are_no_anomaly() {
        let mut short = history(0, &[]);
        short.push(Sample { at: at(3 * 288 + 100), value: 10.1 }, at(3 * 288 + 100));
        let mut anomalies = Anomalies::default();
        assert_eq!(follow(&mut anomalies, &spec("above"), &[("a", short)]), []);
        follow(&mut anomalies, &spec("above"), &[]);
        assert!(anomalies.signals.is_empty() && anomalies.peers.is_empty());
    }
}
