//! The highest and the lowest value of whole windows: what the blend foresees of a window, plus
//! what it missed of such windows in the past.
//!
//! Windows are forecast as wholes, since their extremes depend on how errors follow on one another.

use super::Blend;
use super::features::{Features, Origin};
use super::ground::Ground;
use super::past::Past;
use crate::forecast::learning::independence;
use crate::history::narrow;
use crate::model::signal::Direction;

/// Places in the past from which windows are forecast.
const PLACES_MAX: usize = 48;

/// Steps of a window at which its forecast is looked at, at most: the forecast is smooth, its extremes wide.
const LOOKS: usize = 36;

/// What was missed of the extremes of windows of one length, squashed.
pub(super) struct Missed {
    /// In steps.
    pub(super) length: usize,
    /// The highest value that came minus the one foreseen, and the same of the lowest, each rising and with its weight.
    pub(super) highest: Vec<(f32, f32)>,
    pub(super) lowest: Vec<(f32, f32)>,
    /// How many independent windows they were learned from.
    pub(super) evidence: f64,
}

impl Missed {
    /// Of the extremes on one side.
    pub(super) fn on(&self, side: Direction) -> &[(f32, f32)] {
        side.pick(&self.highest, &self.lowest)
    }

    /// Forgets what was missed on the other side.
    pub(super) fn keep(&mut self, side: Direction) {
        *side.pick(&mut self.lowest, &mut self.highest) = Vec::new();
    }
}

impl Blend {
    /// What it would have missed of windows of `length` steps.
    pub(super) fn missed(&self, ground: &Ground, length: usize) -> Missed {
        let Ground { past, places, .. } = ground;
        let (highest, lowest) = (Vec::with_capacity(PLACES_MAX), Vec::with_capacity(PLACES_MAX));
        let mut missed = Missed { length, highest, lowest, evidence: 0.0 };
        let looks = looks(self, length, stride(length));
        let mut newer: Option<usize> = None;
        for place in places.iter().step_by(places.len().div_ceil(PLACES_MAX).max(1)) {
            let step = place.origin.step;
            let Some((low, high)) = came(past, step, length) else { continue };
            let (low_foreseen, high_foreseen) = foreseen(past, &place.origin, &looks);
            let spacing = newer.map_or(length, |newer| newer - step);
            missed.evidence += independence(spacing, length);
            newer = Some(step);
            missed.highest.push((narrow(high - high_foreseen), narrow(place.weight)));
            missed.lowest.push((narrow(low - low_foreseen), narrow(place.weight)));
        }
        // What is added to a forecast later keeps this order.
        missed.highest.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        missed.lowest.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        missed
    }
}

/// Steps from one look at a window of `length` steps to the next.
pub(super) fn stride(length: usize) -> usize {
    length.div_ceil(LOOKS).max(1)
}

/// Lead times at which a window is looked at, with what the corrections weigh there.
pub(super) fn looks(blend: &Blend, length: usize, stride: usize) -> Vec<(usize, Features)> {
    (stride..=length).step_by(stride).map(|lead| (lead, blend.weights(lead))).collect()
}

/// Least and greatest point forecast of a window.
pub(super) fn foreseen(past: &Past, origin: &Origin, looks: &[(usize, Features)]) -> (f64, f64) {
    extremes(looks.iter().map(|(lead, weights)| origin.point(past, *lead, weights)))
}

/// The least and the greatest of some numbers.
pub(super) fn extremes(points: impl Iterator<Item = f64>) -> (f64, f64) {
    points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| (low.min(point), high.max(point)))
}

/// Least and greatest value that came, if the window is over and at least half of it was seen.
fn came(past: &Past, origin: usize, length: usize) -> Option<(f64, f64)> {
    let window = past.between(origin + 1, origin + 1 + length)?;
    if 2.0 * past.present(origin + 1, origin + 1 + length) < length as f64 {
        return None;
    }
    // A comparison with a gap is false, so that gaps change nothing.
    let wider = |(low, high): (f64, f64), value: &f64| {
        (if *value < low { *value } else { low }, if *value > high { *value } else { high })
    };
    Some(window.iter().fold((f64::INFINITY, f64::NEG_INFINITY), wider))
}
