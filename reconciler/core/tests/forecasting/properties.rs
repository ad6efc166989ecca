//! What holds for the forecast and the score of any series.

use super::support::{forecast_of, history, score_of, seconds, signal};
use proptest::prelude::*;
use shadow_core::forecast::{Forecast, NotReady, forecast};
use shadow_core::model::signal::Direction;

const HORIZONS: [i64; 3] = [5, 20, 45];

/// Level, noise, drift and gaps of a series of up to 150 samples; a NaN is a gap.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let sample = prop_oneof![4 => (-1.0..1.0_f64).prop_map(Some), 1 => Just(None)];
    let samples = proptest::collection::vec(sample, 80..150);
    (samples, -100.0..100.0_f64, -0.5..0.5_f64, 0.0..20.0_f64).prop_map(|(samples, level, drift, noise)| {
        let value = |(index, sample): (usize, Option<f64>)| {
            sample.map_or(f64::NAN, |sample| level + drift * index as f64 + noise * sample)
        };
        let mut values: Vec<f64> = samples.into_iter().enumerate().map(value).collect();
        // The newest sample is there, so that the forecast starts at the same step for every test.
        values.push(level);
        values
    })
}

fn numbers(forecast: &Forecast) -> Vec<f64> {
    let windows = forecast.windows.iter().flat_map(|it| [it.maximum.quantiles(), it.minimum.quantiles()]);
    forecast.steps.iter().chain(windows).flatten().copied().collect()
}

fn bits(forecast: &Forecast) -> Vec<u64> {
    numbers(forecast).into_iter().map(f64::to_bits).collect()
}

fn ready(forecast: Result<Forecast, NotReady>) -> Forecast {
    forecast.expect("eighty steps with a gap in five hold forty samples")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_are_finite_and_never_cross(values in series()) {
        let forecast = ready(forecast_of(&values, &HORIZONS));
        prop_assert!(numbers(&forecast).iter().all(|number| number.is_finite()));
        let windows = forecast.windows.iter().flat_map(|it| [it.maximum.quantiles(), it.minimum.quantiles()]);
        for quantiles in forecast.steps.iter().chain(windows) {
            prop_assert!(quantiles.is_sorted(), "{quantiles:?}");
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bits(values in series()) {
        prop_assert_eq!(bits(&ready(forecast_of(&values, &HORIZONS))), bits(&ready(forecast_of(&values, &HORIZONS))));
    }

    #[test]
    fn scaling_a_series_scales_its_forecast(values in series(), exponent in -40..40_i32) {
        let factor = 2.0_f64.powi(exponent);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let expected: Vec<u64> =
            numbers(&ready(forecast_of(&values, &HORIZONS))).into_iter().map(|number| (number * factor).to_bits()).collect();
        prop_assert_eq!(bits(&ready(forecast_of(&scaled, &HORIZONS))), expected);
    }

    #[test]
    fn shifting_time_shifts_the_forecast(values in series(), shift in 1..500_usize) {
        let horizons = seconds(HORIZONS);
        let (history_then, then) = history(60, &values);
        let later: Vec<f64> = std::iter::repeat_n(f64::NAN, shift).chain(values.iter().copied()).collect();
        let (history_later, now) = history(60, &later);
        let (a, b) = (ready(forecast(&history_then, &horizons, then)), ready(forecast(&history_later, &horizons, now)));
        prop_assert_eq!(bits(&a), bits(&b));
        prop_assert_eq!(b.newest.at.duration_since(a.newest.at), now.duration_since(then));
    }

    #[test]
    fn probabilities_are_in_order(values in series(), base in -150.0..150.0_f64, above in 0.0..100.0_f64) {
        let forecast = forecast_of(&values, &HORIZONS);
        for direction in [Direction::Above, Direction::Below] {
            let easier = score_of(&signal(base, direction), &forecast, &HORIZONS);
            let harder = match direction {
                Direction::Above => score_of(&signal(base + above, direction), &forecast, &HORIZONS),
                Direction::Below => score_of(&signal(base - above, direction), &forecast, &HORIZONS),
            };
            for (easy, hard) in easier.horizons.iter().zip(&harder.horizons) {
                prop_assert!(0.0 < hard.probability && easy.probability < 1.0);
                prop_assert!(0.0 <= easy.lower && easy.lower <= easy.probability);
                prop_assert!(easy.probability <= easy.upper && easy.upper <= 1.0);
                prop_assert!(hard.probability <= easy.probability, "a limit further away is not likelier to break");
                prop_assert!(hard.lower <= easy.lower && hard.upper <= easy.upper);
            }
            for pair in easier.horizons.windows(2) {
                prop_assert!(pair[0].probability <= pair[1].probability, "more time is not less trouble");
                prop_assert!(pair[0].lower <= pair[1].lower);
            }
        }
    }
}
