//! How the score behaves while a service gets into trouble, and while it does not.

use super::support::{Noise, replay};
use shadow_core::score::Score;

const HORIZONS: [i64; 3] = [15, 30, 45];

/// Second at which a leak begins.
const ONSET: usize = 60;

/// Flat at 1 for a minute, then rising by 1 within 55 s: 2 is reached at second 115.
fn leak(seed: u64, noise: f64) -> Vec<f64> {
    let mut normal = Noise::new(seed);
    let level = |second: i32| 1.0 + f64::from((second - 60).max(0)) / 55.0;
    (0..116).map(|second| level(second) + noise * normal.normal()).collect()
}

fn longest(score: &Score) -> (f64, f64) {
    score.horizons.last().map_or((0.0, 0.0), |it| (it.probability, it.lower))
}

/// How many seconds before `broken_at` the lower bound on the longest horizon first passed one half.
fn warned_ahead(mut scores: impl Iterator<Item = (usize, Score)>, broken_at: usize) -> usize {
    let warned_at = scores.find(|(_, score)| longest(score).1 > 0.5).map_or(broken_at, |(second, _)| second);
    broken_at.saturating_sub(warned_at)
}

#[test]
fn a_leak_is_seen_long_before_the_limit() {
    for seed in 0..8 {
        let ahead = warned_ahead(replay(&leak(seed, 0.015), ONSET, 2.0, &HORIZONS), 115);
        assert!((25..=45).contains(&ahead), "seed {seed}: warned {ahead} s ahead");
    }
    let in_time = |seed: &u64| warned_ahead(replay(&leak(*seed, 0.03), ONSET, 2.0, &HORIZONS), 115) >= 25;
    assert!((0..20).filter(in_time).count() >= 19, "with more noise one in twenty may be later");
}

#[test]
fn a_leak_is_scored_high_right_after_an_outage_of_its_metric() {
    for seed in 0..5 {
        let mut values = leak(seed, 0.015);
        values[88..108].fill(f64::NAN);
        let seen = replay(&values, 108, 2.0, &HORIZONS).take(4);
        for (second, score) in seen {
            let (probability, _) = longest(&score);
            assert!(probability > 0.8, "seed {seed}, second {second}: {probability}");
        }
    }
}

#[test]
fn the_shortest_horizon_is_the_last_to_be_sure() {
    let leak = leak(1, 0.015);
    let scores: Vec<(usize, Score)> = replay(&leak, ONSET, 2.0, &HORIZONS).collect();
    let first = |horizon: usize| {
        scores.iter().find(|(_, score)| score.horizons[horizon].lower > 0.8).map(|(second, _)| *second).unwrap()
    };
    assert!(first(2) <= first(0), "staging comes before handing over");
    assert!((100..112).contains(&first(0)), "sure of the next 15 s from second {} on", first(0));
}

#[test]
fn noise_on_a_flat_signal_is_no_alarm() {
    let mut normal = Noise::new(1);
    let flat: Vec<f64> = (0..540).map(|_| 1.0 + 0.03 * normal.normal()).collect();
    for (second, score) in replay(&flat, 40, 2.0, &HORIZONS) {
        let (probability, lower) = longest(&score);
        assert!(probability < 0.1 && lower < 0.01, "second {second}: {probability}");
    }
}

#[test]
fn a_step_up_that_stays_below_the_limit_is_no_alarm() {
    for seed in 0..2 {
        let mut normal = Noise::new(seed);
        let stepped: Vec<f64> =
            (0..200).map(|second| if second < 80 { 1.0 } else { 1.3 } * (1.0 + 0.02 * normal.normal())).collect();
        let highest = replay(&stepped, 70, 2.0, &HORIZONS).map(|(_, score)| longest(&score).1).fold(0.0, f64::max);
        assert!(highest < 0.2, "seed {seed}: {highest}");
    }
}

#[test]
fn latency_that_grows_by_a_share_each_second_is_seen_before_the_limit() {
    for seed in 0..5 {
        let mut normal = Noise::new(seed);
        let level = |second: i32| 0.1 * 1.04_f64.powi((second - 80).max(0));
        let latency: Vec<f64> = (0..140).map(|second| level(second) * (1.0 + 0.03 * normal.normal())).collect();
        let ahead = warned_ahead(replay(&latency, 80, 1.0, &HORIZONS), 139);
        assert!((12..=45).contains(&ahead), "seed {seed}: warned {ahead} s ahead");
    }
}

#[test]
fn a_leak_that_is_mended_is_forgotten() {
    let mut normal = Noise::new(9);
    let level = |second: i32| if second < 90 { 1.0 + f64::from((second - 60).max(0)) / 55.0 } else { 1.0 };
    let mended: Vec<f64> = (0..140).map(|second| level(second) + 0.015 * normal.normal()).collect();
    let scores: Vec<(usize, Score)> = replay(&mended, ONSET, 2.0, &HORIZONS).collect();
    let (_, last) = scores.last().unwrap();
    assert!(warned_ahead(scores.iter().cloned(), 115) > 20, "it was a leak");
    assert!(longest(last).1 < 0.1, "fifty seconds later: {last:?}");
}
