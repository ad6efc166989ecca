//! Series with seeds, and the histories made of them.

use jiff::{SignedDuration, Timestamp};
use shadow_core::forecast::{Forecast, NotReady, forecast};
use shadow_core::history::{History, Sample};
use shadow_core::model::signal::{Direction, SignalKind, SignalSpec};
use shadow_core::score::{Score, SignalForecast, score};

/// A whole number of days after the epoch, so that seasons start with the series.
pub(crate) const START: i64 = 19_000 * 86_400;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).expect("a time in this century")
}

pub(crate) fn seconds(count: impl IntoIterator<Item = i64>) -> Vec<SignedDuration> {
    count.into_iter().map(SignedDuration::from_secs).collect()
}

/// Standard normal noise, the same for the same seed.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        let mut noise = Self(seed.wrapping_mul(7919).wrapping_add(1));
        noise.normal();
        noise
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The sum of twelve uniform numbers is nearly normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// One sample per `step` seconds; NaN leaves a gap. Also answers when the last step was.
pub(crate) fn history(step: i64, values: &[f64]) -> (History, Timestamp) {
    let length = SignedDuration::from_secs(step * i64::try_from(values.len().max(60)).expect("a short series"));
    let mut history = History::new(SignedDuration::from_secs(step), length);
    let now = at(step * (i64::try_from(values.len()).expect("a short series") - 1));
    for (time, value) in (0..).step_by(usize::try_from(step).expect("a positive step")).zip(values) {
        history.push(Sample { at: at(time), value: *value }, now);
    }
    (history, now)
}

/// The forecast after the last of `values`, one per second.
pub(crate) fn forecast_of(values: &[f64], horizons: &[i64]) -> Result<Forecast, NotReady> {
    let (history, now) = history(1, values);
    forecast(&history, &seconds(horizons.iter().copied()), now)
}

pub(crate) fn signal(limit: f64, direction: Direction) -> SignalSpec {
    SignalSpec {
        query: "x{i=\"$instance\"}".to_owned(),
        limit,
        direction,
        unit: "bytes".to_owned(),
        kind: SignalKind::Gauge,
        resource: None,
    }
}

/// The score of one signal named `memory`.
pub(crate) fn score_of(spec: &SignalSpec, forecast: &Result<Forecast, NotReady>, horizons: &[i64]) -> Score {
    let glance = forecast.as_ref().map(|it| it.glance(spec)).map_err(Clone::clone);
    let signals = [SignalForecast { name: "memory", spec, forecast: glance.as_ref() }];
    score(&signals, &seconds(horizons.iter().copied()), at(0))
}

/// The score of one signal after each sample from `first` on, seen through five minutes of history.
pub(crate) fn replay(
    values: &[f64],
    first: usize,
    limit: f64,
    horizons: &[i64],
) -> impl Iterator<Item = (usize, Score)> {
    let mut history = History::new(SignedDuration::from_secs(1), SignedDuration::from_mins(5));
    let spec = signal(limit, Direction::Above);
    (0..).zip(values).enumerate().filter_map(move |(index, (second, value))| {
        history.push(Sample { at: at(second), value: *value }, at(second));
        let forecast = || forecast(&history, &seconds(horizons.iter().copied()), at(second));
        (index >= first).then(|| (index, score_of(&spec, &forecast(), horizons)))
    })
}
