//! A signal that is followed sample by sample: what was learned of it is kept for an hour, and a restart
//! changes nothing.

use super::support::{Noise, at, signal};
use jiff::{SignedDuration, Timestamp};
use shadow_core::forecast::{Follower, Glance, forecast, median};
use shadow_core::history::{History, Sample};
use shadow_core::model::signal::{Direction, SignalSpec};

const STEP: i64 = 300;
const DAY: usize = 288;

fn horizons() -> [SignedDuration; 2] {
    [1, 6].map(SignedDuration::from_hours)
}

/// A daily wave around 10 with noise and a missing sample now and then.
fn wave(steps: usize) -> Vec<f64> {
    let mut normal = Noise::new(8);
    let level = |step: usize| 10.0 + 4.0 * (step as f64 / DAY as f64 * std::f64::consts::TAU).sin();
    let value = |step: usize| if step % 41 == 7 { f64::NAN } else { level(step) + 0.4 * normal.normal() };
    (0..steps).map(value).collect()
}

fn time(step: usize) -> Timestamp {
    at(STEP * i64::try_from(step).expect("a short series"))
}

/// The history after each of the steps from `first` on, in a window of six days.
fn histories(values: &[f64], first: usize) -> impl Iterator<Item = (Timestamp, History)> {
    let mut history = History::new(SignedDuration::from_secs(STEP), SignedDuration::from_hours(6 * 24));
    values.iter().enumerate().filter_map(move |(step, value)| {
        history.push(Sample { at: time(step), value: *value }, time(step));
        (step >= first).then(|| (time(step), history.clone()))
    })
}

/// Of a wave that reaches 14.
fn spec() -> SignalSpec {
    signal(13.5, Direction::Above)
}

fn bits(glance: &Glance) -> Vec<u64> {
    let quantiles = glance.worst.iter().flat_map(|it| [it.value.quantiles(), &it.last.quantiles]);
    let reached = glance.reached.iter().map(|reached| reached.median);
    quantiles.flatten().copied().chain(reached).map(f64::to_bits).collect()
}

/// Across the end of the window, where what was learned from is about to leave it, and across hours.
#[test]
fn a_restart_changes_no_bit() {
    let values = wave(7 * DAY);
    let mut follower = Follower::default();
    for (now, history) in histories(&values, 7 * DAY - 30) {
        let kept = follower.glance(&history, &horizons(), now, &spec()).unwrap();
        let restored = History::from_bytes(&history.to_bytes()).unwrap();
        let restarted = Follower::default().glance(&restored, &horizons(), now, &spec()).unwrap();
        assert_eq!(bits(&kept), bits(&restarted), "{now}");
    }
}

#[test]
fn what_was_learned_within_the_hour_forecasts_like_what_is_learned_anew() {
    let values = wave(6 * DAY);
    let mut follower = Follower::default();
    for (now, history) in histories(&values, 6 * DAY - 13) {
        let kept = follower.glance(&history, &horizons(), now, &spec()).unwrap();
        let anew = forecast(&history, &horizons(), now).unwrap().glance(&spec());
        assert_eq!((kept.newest, kept.worst.len()), (anew.newest, anew.worst.len()));
        for (kept, anew) in kept.worst.iter().zip(&anew.worst) {
            // What is kept was laid out for every other step of a window of six hours.
            assert!((0..2).contains(&(anew.last.number - kept.last.number)), "{kept:?} {anew:?}");
            let both = [(kept.value.quantiles(), anew.value.quantiles()), (&kept.last.quantiles, &anew.last.quantiles)];
            for (kept, anew) in both {
                assert!((median(kept) - median(anew)).abs() < 0.5, "{now}: {kept:?} {anew:?}");
            }
        }
    }
}

#[test]
fn the_newest_value_counts_at_once() {
    let mut values = wave(6 * DAY);
    let raised = values.len() - 3;
    values[raised..].iter_mut().for_each(|value| *value += 8.0);
    let mut follower = Follower::default();
    let levels: Vec<f64> = histories(&values, raised - 1)
        .map(|(now, history)| {
            let glance = follower.glance(&history, &[SignedDuration::from_secs(STEP)], now, &spec()).unwrap();
            median(&glance.worst[0].last.quantiles)
        })
        .collect();
    assert!(levels[3] > levels[0] + 3.0, "{levels:?}");
}

#[test]
fn short_histories_and_other_horizons_are_answered_as_well() {
    let values = wave(4 * DAY);
    let mut follower = Follower::default();
    for (now, history) in histories(&values, 50).step_by(97) {
        for horizons in [&horizons()[..], &horizons()[..1]] {
            let followed = follower.glance(&history, horizons, now, &spec()).unwrap();
            assert_eq!(followed.worst.len(), horizons.len());
            assert!(bits(&followed).into_iter().map(f64::from_bits).all(f64::is_finite));
        }
    }
}
