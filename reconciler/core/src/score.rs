//! The degradation score: the probability that a group's primary breaks a limit within each
//! horizon, with its bounds and its parts.
//!
//! Decisions use the lower bound. Never says that something is certain, and never turns a missing
//! signal into a number: what could not be scored is listed, and a score of nothing has no
//! probability.

mod reason;

use crate::forecast::{Forecast, NotReady, Window};
use crate::model::group::{Direction, SignalSpec};
use jiff::{SignedDuration, Timestamp};
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
    pub forecast: Result<&'a Forecast, &'a NotReady>,
}

impl Score {
    /// The score of a horizon; `None` when it was not asked for, or no signal could be scored.
    pub fn within(&self, horizon: SignedDuration) -> Option<&HorizonScore> {
        self.horizons.iter().find(|score| score.horizon == horizon)
    }
}

/// Scores a group over `horizons`, given from short to long.
///
/// The group's probability is that of its worst signal. Signals of one instance fail together (a
/// leak raises memory and latency), so that treating them as independent would count one trouble
/// twice; the worst signal alone is the least that any dependence between them allows.
pub fn score(signals: &[SignalForecast<'_>], horizons: &[SignedDuration], now: Timestamp) -> Score {
    let mut score = Score { at: now, horizons: Vec::new(), confidence: 0.0, parts: Vec::new(), missing: Vec::new() };
    for signal in signals {
        match parts(signal, horizons) {
            Ok(parts) => score.parts.extend(parts),
            Err(missing) => score.missing.push(missing),
        }
    }
    score.horizons = horizons.iter().filter_map(|horizon| worst(&score.parts, *horizon)).collect();
    score.confidence = confidence(&score).unwrap_or(0.0);
    score
}

fn worst(parts: &[ScorePart], horizon: SignedDuration) -> Option<HorizonScore> {
    let of_horizon = || parts.iter().filter(|part| part.horizon == horizon);
    let most = |of: fn(&ScorePart) -> f64| of_horizon().map(of).reduce(f64::max);
    Some(HorizonScore {
        horizon,
        probability: most(|part| part.probability)?,
        lower: most(|part| part.lower)?,
        upper: most(|part| part.upper)?,
    })
}

fn confidence(score: &Score) -> Option<f64> {
    let longest = score.horizons.last()?.horizon;
    let of_longest = score.parts.iter().filter(|part| part.horizon == longest);
    of_longest.max_by(|a, b| a.lower.total_cmp(&b.lower)).map(|deciding| deciding.confidence)
}

fn parts(signal: &SignalForecast<'_>, horizons: &[SignedDuration]) -> Result<Vec<ScorePart>, MissingSignal> {
    let missing =
        |reason: &str, ready_at| MissingSignal { signal: signal.name.to_owned(), reason: reason.to_owned(), ready_at };
    let forecast = signal.forecast.map_err(|not_ready| missing(&not_ready.reason, not_ready.ready_at))?;
    let mut likely = Likelihood::LEAST;
    let mut parts = Vec::with_capacity(horizons.len());
    for horizon in horizons {
        let window =
            forecast.window(*horizon).ok_or_else(|| missing("its forecast was made for other horizons", None))?;
        likely = likely.or_more(Likelihood::of(window, signal.spec, forecast));
        let Likelihood { probability, lower, upper, confidence } = likely;
        let reason = reason::sentence(signal.name, signal.spec, forecast, window, probability);
        parts.push(ScorePart {
            signal: signal.name.to_owned(),
            horizon: *horizon,
            probability,
            lower,
            upper,
            confidence,
            reason,
        });
    }
    Ok(parts)
}

/// A probability and the range that it may lie in.
#[derive(Debug, Clone, Copy)]
struct Likelihood {
    probability: f64,
    lower: f64,
    upper: f64,
    confidence: f64,
}

/// Half the width of the range of a probability, in standard errors: one in five lies below the
/// lower bound. Stricter bounds would let no short history decide anything, and a decision needs
/// several evaluations besides.
const RANGE_ERRORS: f64 = 0.8416;

/// Least probability stated: one in a million windows is beyond anything that a history can show.
const PROBABILITY_MIN: f64 = 1e-6;

impl Likelihood {
    const LEAST: Self = Self { probability: 0.0, lower: 0.0, upper: 0.0, confidence: 0.0 };

    /// Of a limit that is broken at present. One sample may be a glitch, so it is not certain that
    /// the service is in trouble; the policy's k-of-n evaluations settle that.
    const BROKEN: Self = Self { probability: 0.999, lower: 0.99, upper: 1.0, confidence: 0.99 };

    /// That the signal breaks its limit within the window.
    fn of(window: &Window, spec: &SignalSpec, forecast: &Forecast) -> Self {
        if spec.breaks(forecast.newest.value) {
            return Self::BROKEN;
        }
        let (probability, evidence) = match spec.direction {
            Direction::Above => (window.maximum.probability_above(spec.limit), window.maximum.evidence()),
            Direction::Below => (window.minimum.probability_below(spec.limit), window.minimum.evidence()),
        };
        Self::from_evidence(probability.clamp(PROBABILITY_MIN, Self::BROKEN.probability), evidence)
    }

    /// The range of a probability that was seen in so many independent windows (Wilson's interval,
    /// which stays within 0 and 1 and is as wide as that when there were none).
    fn from_evidence(probability: f64, windows: f64) -> Self {
        let z = RANGE_ERRORS;
        let centre = windows * probability + z * z / 2.0;
        let half = z * (windows * probability * (1.0 - probability) + z * z / 4.0).sqrt();
        let bound = |sum: f64| (sum / (windows + z * z)).clamp(0.0, 1.0);
        Self {
            probability,
            lower: bound(centre - half).min(probability).min(Self::BROKEN.lower),
            upper: bound(centre + half).max(probability),
            confidence: windows / (windows + 1.0),
        }
    }

    /// At least as much as `self`: what happens within a horizon happens within each longer one.
    fn or_more(self, other: Self) -> Self {
        Self {
            probability: self.probability.max(other.probability),
            lower: self.lower.max(other.lower),
            upper: self.upper.max(other.upper),
            // Of the horizon itself, unless a shorter one decides.
            confidence: if other.lower >= self.lower { other.confidence } else { self.confidence },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::forecast;
    use crate::history::{History, Sample};

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

    fn score_one(spec: &SignalSpec, forecast: &Result<Forecast, NotReady>) -> Score {
        score(&[SignalForecast { name: "memory", spec, forecast: forecast.as_ref() }], &HORIZONS, at(0))
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
        let (rising, flat) = (rising(), flat());
        let too_short = forecast_of([1.0; 10]);
        let signals = [
            SignalForecast { name: "calm", spec: &low, forecast: flat.as_ref() },
            SignalForecast { name: "leak", spec: &high, forecast: rising.as_ref() },
            SignalForecast { name: "new", spec: &low, forecast: too_short.as_ref() },
        ];
        let all = score(&signals, &HORIZONS, at(0));
        let leak = score(&signals[1..2], &HORIZONS, at(0));
        assert_eq!((&all.horizons[1], all.confidence.to_bits()), (&leak.horizons[1], leak.confidence.to_bits()));
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
        let signals = [SignalForecast { name: "memory", spec: &limit, forecast: forecast.as_ref() }];
        let other = score(&signals, &[SignedDuration::from_secs(99)], at(0));
        assert!(other.horizons.is_empty());
        assert_eq!(other.missing[0].reason, "its forecast was made for other horizons");
    }

    #[test]
    fn the_range_of_a_probability_narrows_with_evidence() {
        let none = Likelihood::from_evidence(0.9, 0.0);
        assert!(none.lower <= 0.0 && none.upper >= 1.0 && none.confidence <= 0.0);
        let (few, many) = (Likelihood::from_evidence(0.9, 2.0), Likelihood::from_evidence(0.9, 50.0));
        assert!(few.lower < many.lower && many.lower < 0.9 && 0.9 < many.upper && many.upper < few.upper);
    }

    #[test]
    fn a_score_survives_the_journal() {
        let score = score_one(&spec(1200.0, Direction::Above), &rising());
        let text = serde_json::to_string(&score).unwrap();
        assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score);
    }
}
