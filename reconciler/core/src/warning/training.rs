//! Cases to train the early-warning model from: recorded series, each with several limits, so that
//! the model learns limits and not one way of choosing them.

use super::boosting::{Boosted, Case, Settings, train};
use super::view::Ahead;
use super::watch::{Watch, kept};
use super::within::BaseRate;
use crate::model::signal::Direction;
use std::collections::BTreeMap;

/// Shares of the values that lie below the limits tried. What people alarm on is rarer than most of
/// them; but many easy limits seem to teach more than a few hard ones: of the sets that were tried this
/// one gave the best average precision.
const LIMITS: [f64; 6] = [0.95, 0.97, 0.98, 0.99, 0.995, 0.998];

/// Of the looks at a calm signal one in so many is a case, with as many times the weight.
const CALM_KEPT: usize = 24;

/// Small trees, few of them: they must hold for signals of other kinds than those trained on.
const SETTINGS: Settings = Settings { trees: 80, depth: 4, rate: 0.08, leaf_min: 40.0, ridge: 10.0 };

/// A recorded series.
pub struct Recording<'a> {
    /// One value per step, NaN for a gap.
    pub values: &'a [f64],
    /// Steps in a day.
    pub day: usize,
}

/// Trains a model for horizons of an hour and of six.
pub fn train_on(recordings: &[Recording<'_>], trained_on: &str) -> Boosted {
    let mut cases = Vec::new();
    for recording in recordings {
        for limit in limits(recording.values) {
            for horizon in [recording.day / 24, recording.day / 4] {
                cases.extend(of_limit(recording, limit, horizon));
            }
        }
    }
    train(&cases, &SETTINGS, trained_on)
}

fn limits(values: &[f64]) -> Vec<f64> {
    let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    present.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let at = |share: f64| present.get((share * present.len() as f64) as usize).copied();
    let mut limits: Vec<f64> = LIMITS.into_iter().filter_map(at).collect();
    limits.dedup();
    // A limit at the usual value is none.
    limits.retain(|limit| at(0.5).is_some_and(|median| *limit > median));
    limits
}

/// Every look before an incident and some of the others, from the second day on. Goes through the
/// recording twice: most looks are not taken, and knowing which is cheap.
fn of_limit(recording: &Recording<'_>, limit: f64, horizon: usize) -> Vec<Case> {
    let values: Vec<f32> = recording.values.iter().map(|value| kept(Some(*value))).collect();
    let mut watch = Watch::new(limit, Direction::Above, recording.day);
    let (mut looks, mut onsets, mut was_broken) = (Vec::new(), Vec::new(), false);
    for step in 0..values.len() {
        watch.push(&values[..=step]);
        if watch.calm() && step >= recording.day {
            looks.push(step);
        }
        if watch.broken() && !was_broken {
            onsets.push(step);
        }
        was_broken = watch.broken();
    }
    let wanted = wanted(recording, &looks, &onsets, horizon);
    let mut watch = Watch::new(limit, Direction::Above, recording.day);
    let (mut base_rate, mut cases) = (BaseRate::default(), Vec::with_capacity(wanted.len()));
    for step in 0..values.len() {
        watch.push(&values[..=step]);
        base_rate.count(&watch, horizon);
        if let Some((broke, every)) = wanted.get(&step) {
            let past = watch.past(&values[..=step]);
            let ahead = Ahead { horizon, greatest: &past.ahead(horizon), base_rate: base_rate.share() };
            cases.push(Case { features: past.look(&ahead, &past.common()), broke: *broke, weight: *every as f32 });
        }
    }
    cases
}

/// Of the looks with a known outcome those to learn from: whether it broke, and for how many it stands.
fn wanted(
    recording: &Recording<'_>,
    looks: &[usize],
    onsets: &[usize],
    horizon: usize,
) -> BTreeMap<usize, (bool, usize)> {
    let hour = (recording.day / 24).max(1);
    // A longer horizon has as many more looks before each incident.
    let broke_kept = (horizon / hour).max(1);
    let outcome = |(index, step): (usize, &usize)| {
        let next = onsets.get(onsets.partition_point(|onset| onset <= step));
        let broke = next.is_some_and(|onset| onset - step <= horizon);
        let every = if broke { broke_kept } else { CALM_KEPT };
        let known = step + horizon < recording.values.len();
        (known && index.is_multiple_of(every)).then_some((*step, (broke, every)))
    };
    looks.iter().enumerate().filter_map(outcome).collect()
}
