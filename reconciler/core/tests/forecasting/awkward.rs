//! Series of every awkward kind: each gets an answer that is finite, sensible, and in order.

use super::support::{Noise, at, forecast_of, history, score_of, seconds, signal};
use jiff::SignedDuration;
use shadow_core::forecast::{Forecast, ModelName, forecast, median};
use shadow_core::model::signal::Direction;

const HORIZONS: [i64; 2] = [15, 60];

fn noisy(count: usize, level: f64, noise: f64) -> Vec<f64> {
    let mut normal = Noise::new(11);
    (0..count).map(|_| level + noise * normal.normal()).collect()
}

fn check(name: &str, values: &[f64]) -> Forecast {
    let forecast = forecast_of(values, &HORIZONS).unwrap_or_else(|not_ready| panic!("{name}: {not_ready}"));
    assert_eq!(forecast.steps.len(), 60, "{name}");
    assert!(forecast.steps.iter().flatten().all(|number| number.is_finite()), "{name}");
    assert!(forecast.steps.iter().all(|quantiles| quantiles.is_sorted()), "{name}");
    let score = score_of(&signal(1e30, Direction::Above), &Ok(forecast.clone()), &HORIZONS);
    assert!(score.horizons.iter().all(|it| it.probability > 0.0 && it.probability < 0.01), "{name}: {score:?}");
    forecast
}

#[test]
fn constant_and_zero_series_stay() {
    for (name, level) in [("constant", 42.5), ("zero", 0.0), ("negative", -7.0)] {
        let forecast = check(name, &[level; 100]);
        assert!(forecast.steps.iter().flatten().all(|number| number.to_bits() == level.to_bits()), "{name}");
    }
}

#[test]
fn huge_and_tiny_values_keep_their_scale() {
    for scale in [1e12, 1e-12] {
        let forecast = check("scaled", &noisy(120, scale, 0.03 * scale));
        let last = median(&forecast.steps[59]);
        assert!((last / scale - 1.0).abs() < 0.1, "{last} is far from {scale}");
    }
}

#[test]
fn spikes_do_not_become_a_level() {
    let values: Vec<f64> = (0..200).map(|i| if i % 37 == 5 { 100.0 } else { 0.0 }).collect();
    let forecast = check("spikes", &values);
    assert!(median(&forecast.steps[59]) < 20.0);
    let likely = score_of(&signal(50.0, Direction::Above), &Ok(forecast), &HORIZONS);
    assert!(likely.horizons[1].probability > 0.5, "a spike comes every 37 s: {likely:?}");
}

#[test]
fn a_fifth_of_the_samples_may_be_missing() {
    let mut values = noisy(120, 10.0, 0.3);
    values.iter_mut().skip(2).step_by(5).for_each(|value| *value = f64::NAN);
    let forecast = check("missing", &values);
    assert!((median(&forecast.steps[59]) - 10.0).abs() < 1.0);
}

#[test]
fn one_sample_after_a_long_gap_is_still_an_answer() {
    let mut values = noisy(100, 10.0, 0.3);
    values.extend([f64::NAN; 300]);
    values.push(10.0);
    if let Ok(forecast) = forecast_of(&values, &HORIZONS) {
        assert!(forecast.steps.iter().flatten().all(|number| number.is_finite()));
    }
}

#[test]
fn what_was_never_negative_is_not_forecast_to_be() {
    let falling: Vec<f64> = (0..100).map(|i| f64::from(100 - i)).collect();
    let forecast = check("falling", &falling);
    assert!(forecast.steps.iter().flatten().all(|number| *number >= 0.0));
}

#[test]
fn forty_samples_are_enough_and_fewer_say_when() {
    let horizons = seconds(HORIZONS);
    let (short, now) = history(1, &noisy(30, 1.0, 0.1));
    let not_ready = forecast(&short, &horizons, now).unwrap_err();
    assert_eq!(not_ready.reason, "30 of the 40 samples that a forecast needs are there");
    assert_eq!(not_ready.ready_at, Some(at(39)));
    let wide = forecast_of(&noisy(40, 1.0, 0.1), &HORIZONS).unwrap();
    let settled = forecast_of(&noisy(400, 1.0, 0.1), &HORIZONS).unwrap();
    let width = |forecast: &Forecast| forecast.steps[59][9] - forecast.steps[59][1];
    assert!(width(&wide) > 1.5 * width(&settled), "{} against {}", width(&wide), width(&settled));
    assert!(wide.windows[1].maximum.evidence() < 0.2 && settled.windows[1].maximum.evidence() > 3.0);
}

#[test]
fn stale_and_impossible_questions_are_answered_with_a_reason() {
    let horizons = seconds(HORIZONS);
    let (fresh, now) = history(1, &noisy(100, 1.0, 0.1));
    let reason =
        |result: Result<Forecast, _>| result.map(|_| ()).map_err(|it: shadow_core::forecast::NotReady| it.reason);
    let late = now + SignedDuration::from_secs(16);
    assert_eq!(
        reason(forecast(&fresh, &horizons, late)),
        Err("the newest sample is 16s old; after 15s none is trusted".to_owned())
    );
    let (empty, now) = history(1, &[]);
    assert_eq!(reason(forecast(&empty, &horizons, now)), Err("there is no sample yet".to_owned()));
    let (fresh, now) = history(1, &noisy(100, 1.0, 0.1));
    assert_eq!(reason(forecast(&fresh, &[], now)), Err("there is no horizon to forecast".to_owned()));
    assert_eq!(
        reason(forecast(&fresh, &seconds([101]), now)),
        Err("a horizon is longer than the history may become".to_owned())
    );
}

#[test]
fn steps_that_passed_unseen_belong_to_the_window() {
    let (fresh, now) = history(1, &noisy(100, 1.0, 0.1));
    let late = now + SignedDuration::from_secs(5);
    assert_eq!(forecast(&fresh, &seconds([60]), late).unwrap().steps.len(), 65);
}

/// Ten days of half-hours: a daily wave, and noise.
fn days(noise: f64) -> Vec<f64> {
    let mut normal = Noise::new(3);
    let wave = |i: usize| 10.0 + 4.0 * (i as f64 / 48.0 * std::f64::consts::TAU).sin();
    (0..480).map(|i| wave(i) + noise * normal.normal()).collect()
}

#[test]
fn a_daily_season_is_found() {
    let (history, now) = history(1800, &days(0.3));
    let forecast = forecast(&history, &[SignedDuration::from_hours(24)], now).unwrap();
    assert_eq!(forecast.model, ModelName::Blend, "{}", forecast.reason);
    let (noon, midnight) = (median(&forecast.steps[12]), median(&forecast.steps[36]));
    assert!((noon - 14.0).abs() < 0.6 && (midnight - 6.0).abs() < 0.6, "{noon} and {midnight}");
    assert!((0.7..=0.95).contains(&forecast.accuracy.coverage_80), "{:?}", forecast.accuracy);
    assert!(forecast.accuracy.pinball < forecast.accuracy.pinball_naive);
}

#[test]
fn a_season_that_repeats_exactly_is_repeated() {
    let (history, now) = history(1800, &days(0.0));
    let forecast = forecast(&history, &[SignedDuration::from_hours(24)], now).unwrap();
    assert_eq!(forecast.model, ModelName::SeasonalNaive, "{}", forecast.reason);
    assert!((median(&forecast.steps[12]) - 14.0).abs() < 1e-6);
}

#[test]
fn the_reason_names_both_models() {
    let flat = forecast_of(&noisy(120, 1.0, 0.1), &HORIZONS).unwrap();
    assert_eq!(flat.model, ModelName::DampedTrend);
    assert!(flat.reason.starts_with("damped trend: pinball loss 0."), "{}", flat.reason);
    assert!(flat.reason.contains("of last value over "), "{}", flat.reason);
    let constant = forecast_of(&[1.0; 100], &HORIZONS).unwrap();
    assert!(constant.reason.starts_with("last value: no other model lost less than 0 over"), "{}", constant.reason);
}
