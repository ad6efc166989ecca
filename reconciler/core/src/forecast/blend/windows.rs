//! The highest and the lowest value of whole windows: what the blend foresees of a window, plus
//! what it missed of such windows in the past.
//!
//! Windows are forecast as wholes, since their extremes depend on how errors follow on one another.

use super::features::Origin;
use super::{Blend, Place};
use crate::forecast::learning::independence;
use crate::forecast::quantiles::Weighted;

/// Places in the past from which windows are forecast.
const PLACES_MAX: usize = 48;

/// Steps of a window at which its forecast is looked at: the forecast is smooth, its extremes wide.
const LOOKS: usize = 36;

/// Possible extremes of one window, in the signal's unit.
pub(super) struct Extremes {
    pub(super) highest: Vec<Weighted>,
    pub(super) lowest: Vec<Weighted>,
    /// How many independent windows they were learned from.
    pub(super) evidence: f64,
}

impl Blend {
    /// The extremes of the next `length` steps.
    pub(super) fn extremes(&self, now: &Origin, places: &[Place], length: usize) -> Extremes {
        let (low_now, high_now) = self.foreseen(now, length);
        let mut extremes = Extremes { highest: Vec::new(), lowest: Vec::new(), evidence: 0.0 };
        let mut newer: Option<usize> = None;
        for place in places.iter().step_by(places.len().div_ceil(PLACES_MAX).max(1)) {
            let step = place.origin.step;
            let Some((low, high)) = self.came(step, length) else { continue };
            let (low_foreseen, high_foreseen) = self.foreseen(&place.origin, length);
            let spacing = newer.map_or(length, |newer| newer - step);
            extremes.evidence += independence(spacing, length);
            newer = Some(step);
            let highest = high_now + high - high_foreseen;
            let lowest = low_now + low - low_foreseen;
            extremes.highest.push((self.squash.in_units(highest, high_now), place.weight));
            extremes.lowest.push((self.squash.in_units(lowest, low_now), place.weight));
        }
        extremes
    }

    /// Least and greatest point forecast of a window.
    fn foreseen(&self, origin: &Origin, length: usize) -> (f64, f64) {
        let leads = (1..=length).step_by(length.div_ceil(LOOKS)).chain([length]);
        leads
            .map(|lead| self.point(origin, lead))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| (low.min(point), high.max(point)))
    }

    /// Least and greatest value that came, if the window is over and at least half of it was seen.
    fn came(&self, origin: usize, length: usize) -> Option<(f64, f64)> {
        if origin + length >= self.past.len() {
            return None;
        }
        let seen = (origin + 1..=origin + length).filter_map(|step| self.past.get(step));
        let (count, low, high) = seen.fold((0, f64::INFINITY, f64::NEG_INFINITY), |(count, low, high), value| {
            (count + 1, low.min(value), high.max(value))
        });
        (2 * count >= length).then_some((low, high))
    }
}
