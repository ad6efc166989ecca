//! The degradation score: the probability that a group's primary breaks a limit within each
//! horizon, with its bounds and its parts.
//!
//! Decisions use the lower bound. Never says that something is certain, and never turns a missing
//! signal into a number: what could not be scored is listed, and a score of nothing has no
//! probability.

mod exhaustion;
mod foresight;
mod likelihood;
mod reason;
mod warnings;

pub use foresight::{Foresight, Reading};
pub use warnings::Warnings;

use crate::forecast::{Glance, NotReady, Worst};
use crate::history::History;
use crate::model::signal::SignalSpec;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use likelihood::Likelihood;
use reason::Basis;
use serde::{Deserialize, Serialize};

/// The degradation score of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Score {
    /// When it was made.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// From short to long. Empty when no signal could be scored: that is not a score of zero.
    pub horizons: Vec<HorizonScore>,
    /// That of the part that decides the longest horizon; 0 when there is none.
    pub confidence: f64,
    /// One per signal and horizon.
    pub parts: Vec<ScorePart>,
    /// Signals that could not be scored.
    pub missing: Vec<MissingSignal>,
}

/// The probability that any limit of the group is broken within a horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HorizonScore {
    /// From the time of the score on.
    #[schema(value_type = String)]
    pub horizon: SignedDuration,
    /// Between 0 and 1, never either.
    pub probability: f64,
    /// What decisions use: the probability may be this low, given how little was seen.
    pub lower: f64,
    /// The probability may be this high.
    pub upper: f64,
}

/// The probability that one signal breaks its limit within a horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScorePart {
    /// Key of the signal in the group.
    pub signal: String,
    /// From the time of the score on.
    #[schema(value_type = String)]
    pub horizon: SignedDuration,
    /// Between 0 and 1, never either.
    pub probability: f64,
    /// The probability may be this low.
    pub lower: f64,
    /// The probability may be this high.
    pub upper: f64,
    /// From 0 to 1: how far it is backed by what was seen before.
    pub confidence: f64,
    /// A sentence for people.
    pub reason: String,
}

/// A signal that could not be scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MissingSignal {
    /// Key of the signal in the group.
    pub signal: String,
    /// Why it could not be scored.
    pub reason: String,
    /// When it can, if that is known.
    #[schema(value_type = Option<String>)]
    pub ready_at: Option<Timestamp>,
}

/// One signal of a group with its forecast, or why there is none.
#[derive(Debug, Clone, Copy)]
pub struct SignalForecast<'a> {
    /// Key of the signal in the group.
    pub name: &'a str,
    /// The signal with its limit.
    pub spec: &'a SignalSpec,
    /// Made for at least the horizons that are scored.
    pub forecast: Result<&'a Glance, &'a NotReady>,
}

/// One signal of a group with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub struct SignalView<'a> {
    /// Its forecast.
    pub forecast: SignalForecast<'a>,
    /// What is foreseen beside the forecast, with the history that it was foreseen from.
    pub foresight: Option<(&'a Foresight, &'a History)>,
    /// Its newest value, where that is newer than the history.
    pub live: Option<f64>,
}

impl<'a> From<SignalForecast<'a>> for SignalView<'a> {
    fn from(forecast: SignalForecast<'a>) -> Self {
        Self { forecast, foresight: None, live: None }
    }
}

impl SignalView<'_> {
    /// Whether the limit is broken at present.
    fn is_broken(&self, forecast: &Glance) -> bool {
        self.forecast.spec.breaks(self.live.unwrap_or(forecast.newest.value))
    }
}

impl Score {
    /// The score of a horizon; `None` when it was not asked for, or no signal could be scored.
    pub fn within(&self, horizon: SignedDuration) -> Option<&HorizonScore> {
        self.horizons.iter().find(|score| score.horizon == horizon)
    }
}

/// Scores a group by forecasts alone; as [`score_group`].
pub fn score(signals: &[SignalForecast<'_>], horizons: &[SignedDuration], now: Timestamp) -> Score {
    let views: Vec<SignalView<'_>> = signals.iter().copied().map(SignalView::from).collect();
    score_group(&views, horizons, now, &TimeZone::UTC)
}

/// Scores a group over `horizons`, given from short to long. Times of day in reasons are those of `zone`.
///
/// **One signal.** A limit that is broken at present scores nearly 1. Else the early warning answers where it is at home
/// (see [`Warnings`]), and the forecast where it is not. What the early warning cannot have learned is never averaged
/// away: the greater answer counts where a growth leads to the limit, where the median forecast reaches a limit that was
/// never broken before, and where an event is expected. A longer horizon scores no less than a shorter one.
///
/// **Together.** How far the signals of an instance depend on each other is not known; a leak raises memory and latency,
/// and then the worst signal says it all, while two unrelated troubles add up. The lower bound, by which is decided,
/// assumes the first, so that no trouble counts twice; the upper bound the second; the probability lies half-way: every
/// signal but the worst counts with the square root of its chance to stay well. A signal of probability `p` beside the
/// worst thus raises the group's by `1 - (1 - p)^½` at most, a little over half of it, and a missing one not at all.
pub fn score_group(signals: &[SignalView<'_>], horizons: &[SignedDuration], now: Timestamp, zone: &TimeZone) -> Score {
    let mut score = Score { at: now, horizons: Vec::new(), confidence: 0.0, parts: Vec::new(), missing: Vec::new() };
    for signal in signals {
        match parts(signal, horizons, now, zone) {
            Ok(parts) => score.parts.extend(parts),
            Err(missing) => score.missing.push(missing),
        }
    }
    score.horizons = horizons.iter().filter_map(|horizon| together(&score.parts, *horizon)).collect();
    score.confidence = confidence(&score).unwrap_or(0.0);
    score
}

fn together(parts: &[ScorePart], horizon: SignedDuration) -> Option<HorizonScore> {
    let of_horizon = || parts.iter().filter(|part| part.horizon == horizon);
    let most = |of: fn(&ScorePart) -> f64| of_horizon().map(of).reduce(f64::max);
    let all_well = |of: fn(&ScorePart) -> f64| of_horizon().map(|part| 1.0 - of(part)).product::<f64>();
    let worst = most(|part| part.probability)?;
    // The root of all, with the worst one whole.
    let well = (all_well(|part| part.probability) * (1.0 - worst)).sqrt();
    Some(HorizonScore {
        horizon,
        probability: (1.0 - well).clamp(worst, Likelihood::BROKEN.probability.max(worst)),
        lower: most(|part| part.lower)?,
        upper: (1.0 - all_well(|part| part.upper)).max(most(|part| part.upper)?),
    })
}

fn confidence(score: &Score) -> Option<f64> {
    let longest = score.horizons.last()?.horizon;
    let of_longest = score.parts.iter().filter(|part| part.horizon == longest);
    of_longest.max_by(|a, b| a.lower.total_cmp(&b.lower)).map(|deciding| deciding.confidence)
}

fn parts(
    view: &SignalView<'_>,
    horizons: &[SignedDuration],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Vec<ScorePart>, MissingSignal> {
    let signal = &view.forecast;
    let missing =
        |reason: &str, ready_at| MissingSignal { signal: signal.name.to_owned(), reason: reason.to_owned(), ready_at };
    let forecast = signal.forecast.map_err(|not_ready| missing(&not_ready.reason, not_ready.ready_at))?;
    let mut likely = (Likelihood::LEAST, Basis::Forecast);
    let mut parts = Vec::with_capacity(horizons.len());
    for horizon in horizons {
        let worst =
            forecast.worst(*horizon).ok_or_else(|| missing("its forecast was made for other horizons", None))?;
        likely = greater(likely, judge(view, forecast, worst));
        let (Likelihood { probability, lower, upper, confidence }, basis) = likely;
        let told = reason::Told { view, forecast, worst, basis, now, zone };
        parts.push(ScorePart {
            signal: signal.name.to_owned(),
            horizon: *horizon,
            probability,
            lower,
            upper,
            confidence,
            reason: told.sentence(probability),
        });
    }
    Ok(parts)
}

/// How likely one signal breaks its limit within a horizon, and by what that is known.
fn judge(view: &SignalView<'_>, forecast: &Glance, worst: &Worst) -> (Likelihood, Basis) {
    let (spec, horizon) = (view.forecast.spec, worst.horizon);
    if view.is_broken(forecast) {
        return (Likelihood::BROKEN, Basis::Broken);
    }
    let by_forecast = (Likelihood::of_forecast(worst, spec), Basis::Forecast);
    let Some((foresight, _)) = view.foresight else { return by_forecast };
    // Of an event that is to come the early warning knows nothing.
    let is_usual = forecast.events_within(horizon).next().is_none();
    let known = match foresight.warned(horizon) {
        Some(warned) if is_usual && (foresight.has_broken() || reason::reached(forecast, horizon).is_none()) => {
            (warned, Basis::Warning)
        }
        Some(warned) => greater((warned, Basis::Warning), by_forecast),
        None => by_forecast,
    };
    match foresight.exhaustion() {
        Some(growth) => {
            let exhausted = Likelihood::of_exhaustion(growth.probability(horizon));
            greater(known, (exhausted, Basis::Exhaustion))
        }
        None => known,
    }
}

/// The greater probability with what it is known by, and no less than either in every bound.
fn greater(one: (Likelihood, Basis), other: (Likelihood, Basis)) -> (Likelihood, Basis) {
    let basis = if other.0.probability >= one.0.probability { other.1 } else { one.1 };
    (one.0.or_more(other.0), basis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{Forecast, forecast};
    use crate::history::{History, Sample};
    use crate::model::signal::{Direction, SignalKind};

    const HORIZONS: [SignedDuration; 2] = [SignedDuration::from_secs(15), SignedDuration::from_secs(30)];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn forecast_of(values: impl IntoIterator<Item = f64>) -> Result<Forecast, NotReady> {
        let mut history = History::new(SignedDuration::from_secs(1), SignedDuration::from_secs(300));
        let mut now = at(0);
        for (second, value) in (0..).zip(values) {
            now = at(second);
            history.push(Sample { at: now, value }, now);
        }
        forecast(&history, &HORIZONS, now)
    }

    fn spec(limit: f64, direction: Direction) -> SignalSpec {
        SignalSpec {
            query: "x{i=\"$instance\"}".to_owned(),
            limit,
            direction,
            unit: "bytes".to_owned(),
            kind: SignalKind::Gauge,
            resource: None,
        }
    }

    /// Rises by ten each second, up to 1000.
    fn rising() -> Result<Forecast, NotReady> {
        forecast_of((1..=100).map(|second| 10.0 * f64::from(second)))
    }

    fn flat() -> Result<Forecast, NotReady> {
        forecast_of((0..200).map(|second| 100.0 + f64::from(second % 3)))
    }

    fn glance_of(forecast: &Result<Forecast, NotReady>, spec: &SignalSpec) -> Result<Glance, NotReady> {
        forecast.as_ref().map(|it| it.glance(spec)).map_err(Clone::clone)
    }

    fn score_one(spec: &SignalSpec, forecast: &Result<Forecast, NotReady>) -> Score {
        let glance = glance_of(forecast, spec);
        score(&[SignalForecast { name: "memory", spec, forecast: glance.as_ref() }], &HORIZONS, at(0))
    }

    #[test]
    fn a_limit_that_is_reached_within_the_longer_horizon_only() {
        let score = score_one(&spec(1200.0, Direction::Above), &rising());
        let [short, long] = [&score.horizons[0], &score.horizons[1]];
        assert!(short.probability < 0.2 && long.probability > 0.9, "{score:?}");
        assert!(long.lower > 0.6 && score.within(HORIZONS[1]) == Some(long));
    }

    #[test]
    fn reasons_are_sentences() {
        let reason = |score: Score| score.parts.last().unwrap().reason.clone();
        assert_eq!(
            reason(score_one(&spec(1200.0, Direction::Above), &rising())),
            "memory: 1.00 within 30s, because it is at 83 % of its limit of 1200 bytes, grows by 10 bytes each second \
             and reaches the limit in about 20s (damped trend)"
        );
        assert_eq!(
            reason(score_one(&spec(900.0, Direction::Above), &rising())),
            "memory: 1.00 within 30s, because it is past its limit: at 111 % of its limit of 900 bytes"
        );
        let quiet = reason(score_one(&spec(50.0, Direction::Below), &flat()));
        assert!(quiet.starts_with("memory: 0.00 within 30s, because it is at 101 bytes, with a lower limit of 50 bytes, and its lowest value by then is probably from "), "{quiet}");
    }

    #[test]
    fn a_broken_limit_is_nearly_certain_in_either_direction() {
        for (limit, direction) in [(100.0, Direction::Above), (102.0, Direction::Below)] {
            let score = score_one(&spec(limit, direction), &flat());
            assert!(score.horizons.iter().all(|it| it.probability > 0.99 && it.lower > 0.9), "{score:?}");
            assert!(score.confidence > 0.9);
        }
    }

    #[test]
    fn a_falling_signal_breaks_a_lower_limit() {
        let falling = forecast_of((0..100).map(|second| 2000.0 - 10.0 * f64::from(second)));
        let score = score_one(&spec(800.0, Direction::Below), &falling);
        assert!(score.horizons[1].lower > 0.6, "{score:?}");
        assert!(score.parts[1].reason.contains("falls by 10 bytes each second"), "{}", score.parts[1].reason);
    }

    #[test]
    fn the_worst_signal_decides_and_missing_ones_are_listed() {
        let (high, low) = (spec(1200.0, Direction::Above), spec(1e6, Direction::Above));
        let (rising, flat) = (glance_of(&rising(), &high), glance_of(&flat(), &low));
        let too_short = glance_of(&forecast_of([1.0; 10]), &low);
        let signals = [
            SignalForecast { name: "calm", spec: &low, forecast: flat.as_ref() },
            SignalForecast { name: "leak", spec: &high, forecast: rising.as_ref() },
            SignalForecast { name: "new", spec: &low, forecast: too_short.as_ref() },
        ];
        let all = score(&signals, &HORIZONS, at(0));
        let leak = score(&signals[1..2], &HORIZONS, at(0));
        let (together, alone) = (&all.horizons[1], &leak.horizons[1]);
        assert_eq!(
            (together.lower.to_bits(), all.confidence.to_bits()),
            (alone.lower.to_bits(), leak.confidence.to_bits())
        );
        assert!((alone.probability..alone.probability + 1e-3).contains(&together.probability), "{together:?}");
        assert_eq!(all.parts.len(), 4);
        let missing: Vec<&str> = all.missing.iter().map(|missing| missing.signal.as_str()).collect();
        assert_eq!(missing, ["new"]);
        assert_eq!(all.missing[0].ready_at, Some(at(39)));
    }

    #[test]
    fn a_score_of_nothing_has_no_probability() {
        let limit = spec(1.0, Direction::Above);
        let nothing = score_one(&limit, &forecast_of([]));
        assert!(nothing.horizons.is_empty() && nothing.within(HORIZONS[0]).is_none() && nothing.parts.is_empty());
        assert_eq!(nothing.missing[0].reason, "there is no sample yet");
        let forecast = flat();
        let glance = glance_of(&forecast, &limit);
        let signals = [SignalForecast { name: "memory", spec: &limit, forecast: glance.as_ref() }];
        let other = score(&signals, &[SignedDuration::from_secs(99)], at(0));
        assert!(other.horizons.is_empty());
        assert_eq!(other.missing[0].reason, "its forecast was made for other horizons");
    }

    #[test]
    fn signals_together_are_worse_than_the_worst_but_not_as_if_they_were_unrelated() {
        let part = |signal: &str, probability: f64| ScorePart {
            signal: signal.to_owned(),
            horizon: HORIZONS[0],
            probability,
            lower: probability / 2.0,
            upper: (probability + 1.0) / 2.0,
            confidence: 0.9,
            reason: String::new(),
        };
        let of = |probabilities: &[f64]| {
            let parts: Vec<ScorePart> = probabilities.iter().map(|it| part("s", *it)).collect();
            together(&parts, HORIZONS[0]).unwrap()
        };
        let two = of(&[0.4, 0.3]);
        assert!(two.probability > 0.4 && two.probability < 1.0 - 0.6 * 0.7, "{two:?}");
        assert!(two.lower <= 0.2 && two.upper > 0.7);
        for calm in [1e-6, 0.01, 0.3] {
            let raised = of(&[0.4, calm]).probability - of(&[0.4]).probability;
            assert!(raised <= 1.0 - (1.0 - calm).sqrt(), "{calm} raises by {raised}");
        }
        let many = of(&[0.9; 20]);
        assert!(many.probability < 1.0 && many.upper <= 1.0);
    }

    #[test]
    fn a_score_survives_the_journal() {
        let score = score_one(&spec(1200.0, Direction::Above), &rising());
        let text = serde_json::to_string(&score).unwrap();
        assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score);
    }
}
