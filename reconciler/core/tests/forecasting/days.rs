//! Histories of weeks at five-minute steps: what holds for the blend, and series of every awkward kind.

use super::support::{Noise, history, signal};
use jiff::SignedDuration;
use proptest::prelude::*;
use shadow_core::forecast::{Forecast, ModelName, NotReady, forecast, median};
use shadow_core::history::History;
use shadow_core::model::signal::Direction;
use shadow_core::score::{SignalForecast, score};

const STEP: i64 = 300;
const DAY: usize = 288;

fn horizons() -> [SignedDuration; 3] {
    [1, 6, 24].map(SignedDuration::from_hours)
}

fn forecast_of(values: &[f64]) -> Result<Forecast, NotReady> {
    let (history, now) = history(STEP, values);
    forecast(&history, &horizons(), now)
}

/// So many days of a daily wave around 10 with noise.
fn wave(days: usize, noise: f64, seed: u64) -> Vec<f64> {
    let mut normal = Noise::new(seed);
    let level = |step: usize| 10.0 + 4.0 * (step as f64 / DAY as f64 * std::f64::consts::TAU).sin();
    (0..days * DAY).map(|step| level(step) + noise * normal.normal()).collect()
}

fn numbers(forecast: &Forecast) -> Vec<f64> {
    let windows = forecast.windows.iter().flat_map(|it| [it.maximum.quantiles(), it.minimum.quantiles()]);
    forecast.steps.iter().chain(windows).flatten().copied().collect()
}

fn bits(forecast: &Forecast) -> Vec<u64> {
    numbers(forecast).into_iter().map(f64::to_bits).collect()
}

/// A usable answer: complete, finite, in order.
fn check(name: &str, values: &[f64]) -> Forecast {
    let forecast = forecast_of(values).unwrap_or_else(|not_ready| panic!("{name}: {not_ready}"));
    assert_eq!(forecast.steps.len(), DAY, "{name}");
    assert!(numbers(&forecast).iter().all(|number| number.is_finite()), "{name}");
    assert!(forecast.steps.iter().all(|quantiles| quantiles.is_sorted()), "{name}");
    assert!(!forecast.reason.is_empty(), "{name}");
    forecast
}

#[test]
fn a_daily_wave_is_forecast_by_the_blend_within_its_noise() {
    let forecast = check("wave", &wave(14, 0.3, 1));
    assert_eq!(forecast.model, ModelName::Blend, "{}", forecast.reason);
    let expected = wave(15, 0.0, 1);
    for (lead, quantiles) in forecast.steps.iter().enumerate() {
        assert!((median(quantiles) - expected[14 * DAY + lead]).abs() < 0.5, "{lead} steps ahead: {quantiles:?}");
    }
    assert!((0.7..=0.9).contains(&forecast.accuracy.coverage_80), "{:?}", forecast.accuracy);
    let [_, _, day] = &forecast.windows[..] else { panic!("three horizons were asked for") };
    assert!(
        (median(day.maximum.quantiles()) - 14.6).abs() < 0.6 && (median(day.minimum.quantiles()) - 5.4).abs() < 0.6
    );
}

#[test]
fn series_of_every_awkward_kind_have_a_usable_answer() {
    let wavy = wave(10, 0.5, 2);
    let with = |change: fn(usize, f64) -> f64| -> Vec<f64> {
        wavy.iter().enumerate().map(|(step, value)| change(step, *value)).collect()
    };
    let last = 10 * DAY - 1;
    assert_eq!(wavy.len() - 1, last);
    let kinds = [
        ("constant", with(|_, _| 42.5)),
        ("all zero", with(|_, _| 0.0)),
        ("a fifth missing", with(|step, value| if step % 5 == 2 { f64::NAN } else { value })),
        ("a day missing", with(|step, value| if (1500..1800).contains(&step) { f64::NAN } else { value })),
        ("level shift", with(|step, value| if step > 2400 { value + 500.0 } else { value })),
        ("spikes only", with(|step, _| if step % 97 == 3 { 1e6 } else { 0.0 })),
        ("negative", with(|_, value| -value)),
        ("huge", with(|_, value| value * 1e12)),
        ("tiny", with(|_, value| value * 1e-12)),
        ("two values", with(|step, _| f64::from(u8::from(step % 2 == 0)))),
        ("two days", wave(2, 0.5, 3)),
        ("one day", wave(1, 0.5, 3)),
    ];
    for (name, values) in kinds {
        check(name, &values);
    }
}

#[test]
fn constant_and_zero_series_stay_to_the_bit() {
    for level in [0.0, 42.5] {
        let forecast = check("constant", &vec![level; 10 * DAY]);
        assert!(forecast.steps.iter().flatten().all(|number| number.to_bits() == level.to_bits()), "{level}");
    }
}

#[test]
fn after_a_level_shift_the_new_level_is_forecast() {
    let shifted: Vec<f64> = wave(14, 0.3, 4)
        .into_iter()
        .enumerate()
        .map(|(step, value)| if step >= 13 * DAY { value + 50.0 } else { value })
        .collect();
    let forecast = check("level shift", &shifted);
    assert!((median(&forecast.steps[5]) - 60.0).abs() < 5.0, "{:?}", forecast.steps[5]);
}

#[test]
fn restored_from_storage_a_history_gives_the_same_forecast() {
    let (kept, now) = history(STEP, &wave(9, 0.4, 5));
    let restored = History::from_bytes(&kept.to_bytes()).unwrap();
    let [a, b] = [&kept, &restored].map(|history| forecast(history, &horizons(), now).unwrap());
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn a_restless_time_of_day_has_wider_intervals() {
    let mut normal = Noise::new(6);
    let restless = |step: usize| if step % DAY < DAY / 2 { 3.0 } else { 0.1 };
    let values: Vec<f64> = (0..14 * DAY).map(|step| 50.0 + restless(step) * normal.normal()).collect();
    let forecast = check("restless mornings", &values);
    let width = |lead: usize| forecast.steps[lead][9] - forecast.steps[lead][1];
    assert!(width(72) > 1.5 * width(216), "{} and {}", width(72), width(216));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn scaling_and_shifting_and_gaps(seed in 0..1000_u64, exponent in -30..30_i32, every in 3..9_usize, shift in 1..400_usize) {
        let values: Vec<f64> =
            wave(6, 1.0, seed).into_iter().enumerate().map(|(step, value)| if step % every == 1 { f64::NAN } else { value }).collect();
        let plain = forecast_of(&values).unwrap();
        prop_assert!(numbers(&plain).iter().all(|number| number.is_finite()));
        prop_assert_eq!(bits(&plain), bits(&forecast_of(&values).unwrap()));

        let factor = 2.0_f64.powi(exponent);
        let scaled = forecast_of(&values.iter().map(|value| value * factor).collect::<Vec<f64>>()).unwrap();
        for (a, b) in numbers(&plain).iter().zip(numbers(&scaled)) {
            prop_assert!((a * factor - b).abs() <= 1e-9 * factor * a.abs().max(1.0), "{a} and {b}");
        }

        let later: Vec<f64> = std::iter::repeat_n(f64::NAN, shift).chain(values.iter().copied()).collect();
        prop_assert_eq!(bits(&plain), bits(&forecast_of(&later).unwrap()));
    }

    #[test]
    fn probabilities_fall_as_the_limit_rises(seed in 0..1000_u64, base in 0.0..20.0_f64, above in 0.0..20.0_f64) {
        let forecast = forecast_of(&wave(6, 1.0, seed));
        let at = |limit| {
            let spec = signal(limit, Direction::Above);
            let glance = forecast.as_ref().map(|it| it.glance(&spec)).map_err(Clone::clone);
            let signals = [SignalForecast { name: "load", spec: &spec, forecast: glance.as_ref() }];
            score(&signals, &horizons(), super::support::at(0))
        };
        let (easy, hard) = (at(base), at(base + above));
        for (easy, hard) in easy.horizons.iter().zip(&hard.horizons) {
            prop_assert!(0.0 < hard.probability && hard.probability <= easy.probability && easy.probability < 1.0);
        }
    }
}
