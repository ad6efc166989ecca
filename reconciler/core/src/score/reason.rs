//! Why a part of a score is what it is, as a sentence for people.

use crate::events::EventEffect;
use crate::forecast::{Forecast, Window, median, significant};
use crate::model::group::{Direction, SignalSpec};
use jiff::SignedDuration;

/// As in `memory: 0.91 within 30s, because it is at 62 % of its limit of 900M bytes, grows by 3.1M
/// bytes each second and reaches the limit in about 24s (damped trend)`.
pub(super) fn sentence(
    name: &str,
    spec: &SignalSpec,
    forecast: &Forecast,
    window: &Window,
    probability: f64,
) -> String {
    let because = if spec.breaks(forecast.newest.value) {
        format!("is past its limit: {}", whereabouts(spec, forecast))
    } else {
        let made = made(forecast, window.horizon);
        format!("is {}, {} ({made})", whereabouts(spec, forecast), outlook(spec, forecast, window))
    };
    format!("{name}: {probability:.2} within {:#}, because it {because}", window.horizon)
}

/// By which model, and with which expected events.
fn made(forecast: &Forecast, horizon: SignedDuration) -> String {
    let until = forecast.made_at.checked_add(horizon).unwrap_or(forecast.made_at);
    let events = forecast.events.iter().filter(|event| event.bears_on(until));
    let told: Vec<String> = std::iter::once(forecast.model.to_string()).chain(events.map(EventEffect::told)).collect();
    told.join("; ")
}

fn whereabouts(spec: &SignalSpec, forecast: &Forecast) -> String {
    let (value, limit) = (forecast.newest.value, quantity(spec, spec.limit));
    match spec.direction {
        Direction::Above if spec.limit > 0.0 && value >= 0.0 => {
            format!("at {} % of its limit of {limit}", significant((100.0 * value / spec.limit).round()))
        }
        Direction::Above => format!("at {}, with a limit of {limit}", quantity(spec, value)),
        Direction::Below => format!("at {}, with a lower limit of {limit}", quantity(spec, value)),
    }
}

fn outlook(spec: &SignalSpec, forecast: &Forecast, window: &Window) -> String {
    if let Some((reached_in, steps)) = reached(spec, forecast, window.horizon) {
        let rate = rate(spec, forecast, steps);
        return format!("{rate} and reaches the limit in about {reached_in:#}");
    }
    let (extreme, distribution) = match spec.direction {
        Direction::Above => ("highest", &window.maximum),
        Direction::Below => ("lowest", &window.minimum),
    };
    let [_, low, .., high, _] = *distribution.quantiles();
    format!("and its {extreme} value by then is probably from {} to {}", significant(low), quantity(spec, high))
}

/// When the median forecast breaks the limit, if it does within the horizon: the time from then to
/// now, and the steps from the newest sample.
fn reached(spec: &SignalSpec, forecast: &Forecast, horizon: SignedDuration) -> Option<(SignedDuration, usize)> {
    let steps = 1 + forecast.steps.iter().position(|quantiles| spec.breaks(median(quantiles)))?;
    let ahead = forecast.step.saturating_mul(i32::try_from(steps).ok()?);
    let unseen = forecast.made_at.duration_since(forecast.newest.at);
    let reached_in = ahead.saturating_sub(unseen).max(SignedDuration::ZERO);
    let whole_seconds = SignedDuration::from_secs(reached_in.as_secs());
    (reached_in <= horizon).then_some((whole_seconds, steps))
}

/// How fast the median forecast moves over the next steps, in a unit of time that suits the steps.
fn rate(spec: &SignalSpec, forecast: &Forecast, steps: usize) -> String {
    let moved = forecast.steps.get(steps - 1).map_or(0.0, median) - forecast.newest.value;
    let per_second = moved / (steps as f64 * forecast.step.as_secs_f64());
    let (per_unit, unit) = match forecast.step.as_secs() {
        ..60 => (per_second, "second"),
        60..3600 => (per_second * 60.0, "minute"),
        _ => (per_second * 3600.0, "hour"),
    };
    let verb = if per_unit < 0.0 { "falls" } else { "grows" };
    format!("{verb} by {} each {unit}", quantity(spec, per_unit.abs()))
}

fn quantity(spec: &SignalSpec, value: f64) -> String {
    format!("{} {}", significant(value), spec.unit.replace('_', " "))
}
