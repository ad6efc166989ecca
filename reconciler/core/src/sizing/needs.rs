//! What a size must hold: forecasts of the signals that measure a resource, in the units of sizes.
//!
//! The most of a whole horizon counts, not its mean: a size that is too small for an hour is too
//! small. And never less than what is used at present, so that a wrong forecast can only provide
//! too much.

use super::{Demand, size_for_forecast};
use crate::model::Resource;
use crate::model::policy::SizingSpec;
use crate::model::size::Size;
use crate::score::{SignalForecast, SignalView};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of one resource an instance that serves everything needs, in the unit of sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Need {
    /// Key of the signal that measures it.
    pub signal: String,
    /// From the time of the forecast on.
    #[schema(value_type = String)]
    pub horizon: SignedDuration,
    /// The median of the most that is used within the horizon.
    pub predicted: f64,
    /// What is not exceeded within the horizon with the policy's confidence.
    pub upper: f64,
    /// What the serving instance uses at present.
    pub live: f64,
}

/// Needs by resource; of what no signal measures, nothing is said.
pub type Needs = BTreeMap<Resource, Need>;

impl Need {
    /// The need of the resource that a signal measures, within `horizon` at `confidence`, 0 to 1. `None` when it measures
    /// none, or has no forecast for that horizon.
    pub fn within(horizon: SignedDuration, confidence: f64, view: &SignalView<'_>) -> Option<(Resource, Self)> {
        let SignalForecast { name, spec, forecast } = view.forecast;
        let (resource, forecast) = (spec.resource?, forecast.ok()?);
        // A resource has a limit above: more of it is worse.
        let most = &forecast.worst(horizon)?.value;
        // What is used is not negative, whatever a model says.
        let amount = |value: f64| resource.in_size_units(value).max(0.0);
        let need = Self {
            signal: name.to_owned(),
            horizon,
            predicted: amount(most.quantile(0.5)),
            upper: amount(most.quantile(confidence)),
            live: amount(view.live.unwrap_or(forecast.newest.value)),
        };
        Some((resource, need))
    }

    /// The demand that the sizing rule is asked with: at least what is used at present.
    pub fn demand(&self) -> Demand {
        let predicted = self.predicted.max(self.live);
        Demand { predicted, upper: self.upper.max(predicted) }
    }

    /// The larger one in every respect.
    #[must_use]
    pub fn or_more(&self, other: &Self) -> Self {
        Self {
            signal: self.signal.clone(),
            horizon: self.horizon,
            predicted: self.predicted.max(other.predicted),
            upper: self.upper.max(other.upper),
            live: self.live.max(other.live),
        }
    }
}

impl SizingSpec {
    /// The least of a resource that holds a need, within the bounds of the policy.
    pub fn least(&self, resource: Resource, need: &Need) -> f64 {
        self.bounded(resource, need.demand().upper)
    }

    /// `size` with at least so much of everything that every need is held, within the bounds.
    #[must_use]
    pub fn holding(&self, size: &Size, needs: &Needs) -> Size {
        let mut enough = size.clone();
        for (resource, need) in needs {
            let least = self.least(*resource, need);
            let amount = resource.of(size).map_or(least, |amount| self.bounded(*resource, amount.max(least)));
            resource.put(&mut enough, amount);
        }
        enough
    }

    /// `size` after one step of the rule for each need. A part that the size leaves open begins at
    /// what holds the need. Without `may_shrink` no part becomes less.
    #[must_use]
    pub fn following(&self, size: &Size, needs: &Needs, may_shrink: bool) -> Size {
        let mut next = size.clone();
        for (resource, need) in needs {
            let amount = match resource.of(size) {
                None => self.least(*resource, need),
                // Numbers that mean no size change none.
                Some(now) => size_for_forecast(&self.rule(*resource), now, need.demand())
                    .map_or(now, |wanted| self.step(*resource, now, wanted, may_shrink)),
            };
            resource.put(&mut next, amount);
        }
        next
    }

    /// A change that matters, in the direction that is allowed.
    fn step(&self, resource: Resource, now: f64, wanted: f64, may_shrink: bool) -> f64 {
        let wanted = self.bounded(resource, wanted);
        let shrinks = wanted < now;
        if (shrinks && !may_shrink) || (wanted - now).abs() * GRAINS < 1.0 - ROUNDING { now } else { wanted }
    }

    fn bounded(&self, resource: Resource, amount: f64) -> f64 {
        let (least, greatest) = (resource.of(&self.min).unwrap_or(0.0), resource.of(&self.max));
        let whole = (amount * GRAINS - ROUNDING).ceil() / GRAINS;
        whole.min(greatest.unwrap_or(f64::INFINITY)).max(least)
    }
}

/// Sizes are whole hundredths: ten MiB of memory and a hundredth of a core are less than any service
/// notices, and finer changes would only make Terraform run.
const GRAINS: f64 = 100.0;

/// So that a whole number of grains stays what it is, although its product with a hundred may not be
/// whole to the last bit.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::forecast;
    use crate::history::{History, Sample};
    use crate::model::signal::{Direction, SignalKind, SignalSpec};
    use jiff::Timestamp;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn need(predicted: f64, upper: f64, live: f64) -> Need {
        Need { signal: "cpu".to_owned(), horizon: HOUR, predicted, upper, live }
    }

    fn cores(spec: &SizingSpec, now: f64, need: &Need, may_shrink: bool) -> f64 {
        let size = Size { cpu_cores: Some(now), ..Size::default() };
        let needs = Needs::from([(Resource::CpuCores, need.clone())]);
        spec.following(&size, &needs, may_shrink).cpu_cores.unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn needs_come_from_the_most_within_a_horizon_in_units_of_sizes() {
        let at = |minute: i64| Timestamp::from_second(60 * minute).unwrap();
        let mut history = History::new(SignedDuration::from_mins(1), SignedDuration::from_hours(6));
        for minute in 0..300 {
            let wobble = f64::from(u8::try_from(minute * 7 % 11).unwrap());
            history.push(Sample { at: at(minute), value: (2.0 + wobble / 100.0) * 1_073_741_824.0 }, at(minute));
        }
        let forecast = forecast(&history, &[HOUR], at(299)).unwrap();
        let spec = SignalSpec {
            query: "m{i=\"$instance\"}".into(),
            limit: 4e9,
            direction: Direction::Above,
            unit: "bytes".into(),
            kind: SignalKind::Gauge,
            resource: Some(Resource::MemoryGib),
        };
        let of = |horizon, confidence, spec: &SignalSpec| {
            let forecast = SignalForecast { name: "m", spec, forecast: Ok(&forecast.glance(spec)) };
            Need::within(horizon, confidence, &forecast.into())
        };
        let (resource, need) = of(HOUR, 0.9, &spec).unwrap();
        assert_eq!(resource, Resource::MemoryGib);
        assert!(need.predicted > 2.05 && need.upper >= need.predicted && need.upper < 2.3, "{need:?}");
        assert!(of(HOUR, 0.99, &spec).unwrap().1.upper >= need.upper);
        assert_eq!(of(HOUR * 2, 0.9, &spec), None, "no such horizon");
        assert_eq!(of(HOUR, 0.9, &SignalSpec { resource: None, ..spec.clone() }), None);
    }

    #[test]
    fn what_is_used_at_present_bounds_a_wrong_forecast() {
        let spec = SizingSpec::default();
        assert!(close(cores(&spec, 4.0, &need(1.0, 1.5, 3.5), true), 4.0), "nothing shrinks below what is used");
        assert!(close(cores(&spec, 4.0, &need(1.0, 1.5, 6.0), true), 6.0), "and what is used makes it grow");
        assert!(close(cores(&spec, 4.0, &need(1.0, 1.5, 1.0), true), 2.5));
        assert!(close(cores(&spec, 4.0, &need(1.0, 1.5, 1.0), false), 4.0), "it may not shrink now");
    }

    #[test]
    fn sizes_hold_their_needs_within_the_bounds() {
        let mut spec = SizingSpec::default();
        spec.max.cpu_cores = Some(5.0);
        spec.min.memory_gib = Some(1.0);
        let needs =
            Needs::from([(Resource::CpuCores, need(4.0, 6.0, 1.0)), (Resource::MemoryGib, need(0.1, 0.123, 0.1))]);
        let asked = Size { cpu_cores: Some(2.0), iops: Some(7.0), ..Size::default() };
        let held = spec.holding(&asked, &needs);
        let expected = Size { cpu_cores: Some(5.0), memory_gib: Some(1.0), iops: Some(7.0), ..Size::default() };
        assert_eq!(held, expected, "what nobody measures stays as it was asked for");
        assert_eq!(spec.following(&expected, &needs, true), expected);
    }

    #[test]
    fn sizes_are_whole_hundredths() {
        let spec = SizingSpec::default();
        assert!(close(cores(&spec, 1.0, &need(1.9, 2.3456, 1.0), true), 2.35));
        assert!(close(cores(&spec, 2.0, &need(1.0, 1.9999, 1.0), true), 2.0), "a finer change is none");
    }
}
