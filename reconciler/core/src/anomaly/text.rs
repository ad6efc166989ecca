//! An anomaly as a sentence. It stays the same while nothing new is known, so that it is told once.

use super::episode::Episode;
use super::group::Followed;
use super::{Grade, Kind};
use crate::forecast::significant;

/// The sentence.
pub(super) fn of(followed: &Followed<'_>, episode: &Episode, grade: Grade) -> String {
    let Followed { slot, name, spec, .. } = followed;
    let quantity = |value: f64| format!("{} {}", significant(value), spec.unit.replace('_', " ")).trim_end().to_owned();
    let (value, usual) = (quantity(episode.first.value), quantity(episode.first.usual));
    let what = match episode.first.kind {
        Kind::Deviation => format!("is {value}, and about {usual} was to be expected"),
        Kind::LevelShift => format!("has a new level of {value}; it was {usual}"),
        Kind::Restlessness => format!("moves by {value} from sample to sample; {usual} is usual at this time"),
        Kind::UnlikePeers => format!("is {value}, and {usual} in the other replicas"),
    };
    let grade = match grade {
        Grade::Minor => "minor",
        Grade::Major => "major",
    };
    format!("{grade} anomaly since {}: {name} of slot {slot} {what}", episode.since)
}
