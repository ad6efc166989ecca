//! The forecast of a group for people: a table of horizons, or charts.

use crate::api::{Fan, FanHorizon, GroupForecast};
use crate::plot::units::quantity;
use crate::plot::{FanChart, FanPoint, Limit, fan_svg};
use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use shadow_core::model::signal::Direction;
use shadow_core::score::ScorePart;
use std::path::{Path, PathBuf};

/// Levels that a table and a chart show, from low to high.
const SHOWN: [f64; 5] = [0.025, 0.1, 0.5, 0.9, 0.975];

/// The forecast of one group, as it is told in a time zone.
#[derive(Debug)]
pub struct Told<'a> {
    /// The forecast.
    pub forecast: &'a GroupForecast,
    /// The zone.
    pub zone: TimeZone,
}

impl Told<'_> {
    /// A table of horizons for each signal: quantiles of the extreme on the side of the limit, the
    /// probability of breaking it, the model and why.
    pub fn table(&self) -> String {
        let GroupForecast { group, slot, made_at, signals, .. } = self.forecast;
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let mut text = format!("{group}, slot {slot}, made {} in {zone}\n", self.time(*made_at));
        for (name, fan) in signals {
            text.push_str(&format!("\n{}\n", self.heading(name, fan)));
            if fan.steps.is_empty() {
                text.push_str(&format!("  {}\n", self.missing(fan)));
                continue;
            }
            let model = fan.model.as_deref().unwrap_or("unknown");
            text.push_str(&format!("  model {model}: {}\n", fan.reason));
            self.horizons(name, fan, &mut text);
        }
        self.whole(&mut text);
        text
    }

    fn heading(&self, name: &str, fan: &Fan) -> String {
        let side = match fan.direction {
            Direction::Above => "limit",
            Direction::Below => "lower limit",
        };
        let limit = quantity(&fan.unit, fan.limit);
        let newest = fan.newest.or_else(|| fan.past.last().copied());
        let newest = newest.map(|it| format!(", {} at {}", quantity(&fan.unit, it.value), self.time(it.at)));
        format!("{name}: {side} {limit}{}", newest.unwrap_or_default())
    }

    fn missing(&self, fan: &Fan) -> String {
        let ready = fan.ready_at.map(|at| format!("; ready at {} if samples keep coming", self.time(at)));
        format!("no forecast: {}{}", fan.reason, ready.unwrap_or_default())
    }

    fn horizons(&self, name: &str, fan: &Fan, text: &mut String) {
        let extreme = match fan.direction {
            Direction::Above => "highest",
            Direction::Below => "lowest",
        };
        let head = ["2.5 %", "10 %", "median", "90 %", "97.5 %"].map(|level| format!("{level:>10}")).concat();
        text.push_str(&format!("  {:<8}{:<18}{head}   breaks the limit\n", "within", format!("{extreme} by then")));
        for horizon in &fan.horizons {
            let quantiles = match fan.direction {
                Direction::Above => &horizon.maximum,
                Direction::Below => &horizon.minimum,
            };
            let values = SHOWN.map(|level| {
                let value = self.at_level(quantiles, level);
                format!("{:>10}", value.map_or_else(|| "?".to_owned(), |value| quantity(&fan.unit, value)))
            });
            let until = horizon_end(self.forecast.made_at, horizon).map(|at| self.time(at)).unwrap_or_default();
            let length = jiff::SignedDuration::try_from_secs_f64(horizon.seconds).unwrap_or_default();
            let part = self.part(name, horizon).map(chance).unwrap_or_default();
            text.push_str(&format!("  {:<8}{until:<18}{}   {part}\n", format!("{length:#}"), values.concat()));
        }
    }

    fn whole(&self, text: &mut String) {
        let horizons = &self.forecast.score.horizons;
        if horizons.is_empty() {
            text.push_str("\nno signal could be scored\n");
            return;
        }
        text.push_str("\nany limit of the group is broken\n");
        for it in horizons {
            let bounds = format!("{:.2} ({:.2} to {:.2})", it.probability, it.lower, it.upper);
            text.push_str(&format!("  within {:<6} {bounds}\n", format!("{:#}", it.horizon)));
        }
    }

    fn part(&self, signal: &str, horizon: &FanHorizon) -> Option<&ScorePart> {
        let same =
            |part: &&ScorePart| part.signal == signal && (part.horizon.as_secs_f64() - horizon.seconds).abs() < 1e-3;
        self.forecast.score.parts.iter().find(same)
    }

    fn at_level(&self, quantiles: &[f64], level: f64) -> Option<f64> {
        let position = self.forecast.levels.iter().position(|it| (it - level).abs() < 1e-9)?;
        quantiles.get(position).copied()
    }

    fn time(&self, at: Timestamp) -> String {
        self.zone.to_datetime(at).strftime("%-d %b %H:%M:%S").to_string()
    }

    /// The charts of one signal or of all, by name.
    ///
    /// # Errors
    /// When the group has no such signal.
    pub fn charts(&self, signal: Option<&str>) -> anyhow::Result<Vec<(String, FanChart)>> {
        let names: Vec<&str> = match signal {
            Some(signal) => vec![signal],
            None => self.forecast.signals.keys().map(String::as_str).collect(),
        };
        let known = || self.forecast.signals.keys().cloned().collect::<Vec<_>>().join(", ");
        let chart = |name: &str| {
            let chart = self.chart(name);
            let unknown = || format!("{} has no signal {name:?}: it has {}", self.forecast.group, known());
            Ok((name.to_owned(), chart.with_context(unknown)?))
        };
        names.into_iter().map(chart).collect()
    }

    /// The chart of a signal; `None` when the group has no such signal.
    pub fn chart(&self, name: &str) -> Option<FanChart> {
        let fan = self.forecast.signals.get(name)?;
        let point = |step: &crate::api::FanStep| {
            let [low, inner_low, median, inner_high, high] = SHOWN.map(|level| self.at_level(&step.quantiles, level));
            Some(FanPoint { at: step.at, outer: (low?, high?), inner: (inner_low?, inner_high?), median: median? })
        };
        let mut notes = Vec::new();
        let probability = |horizon: &FanHorizon| {
            let part = self.part(name, horizon)?;
            Some(format!("{} within {:#}", chance(part), part.horizon))
        };
        let probabilities: Vec<String> = fan.horizons.iter().filter_map(probability).collect();
        if !probabilities.is_empty() {
            notes.push(format!("breaks its limit with probability {}", probabilities.join(", ")));
        }
        notes.push(match &fan.model {
            Some(model) => format!("model {model}: {}", fan.reason),
            None => self.missing(fan),
        });
        Some(FanChart {
            title: format!("{}, {name}", self.forecast.group),
            notes,
            unit: fan.unit.clone(),
            past: fan.past.iter().map(|sample| (sample.at, sample.value)).collect(),
            fan: fan.steps.iter().filter_map(point).collect(),
            limit: Limit { value: fan.limit, direction: fan.direction },
            made_at: self.forecast.made_at,
            zone: self.zone.clone(),
        })
    }
}

/// Writes charts as SVG; several have the name of their signal before the ending. Answers what was written.
///
/// # Errors
/// When a file cannot be written.
pub fn written(charts: &[(String, FanChart)], path: &Path) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    for (name, chart) in charts {
        let path = if charts.len() > 1 { with_name(path, name) } else { path.to_owned() };
        std::fs::write(&path, fan_svg(chart)).with_context(|| format!("{} cannot be written", path.display()))?;
        lines.push(format!("{} is written", path.display()));
    }
    Ok(lines.join("\n"))
}

fn with_name(path: &Path, name: &str) -> PathBuf {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{name}{extension}"))
}

fn horizon_end(made_at: Timestamp, horizon: &FanHorizon) -> Option<Timestamp> {
    made_at.checked_add(jiff::SignedDuration::try_from_secs_f64(horizon.seconds).ok()?).ok()
}

fn chance(part: &ScorePart) -> String {
    format!("{:.2} ({:.2} to {:.2})", part.probability, part.lower, part.upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn forecast() -> GroupForecast {
        let levels = [0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975];
        let quantiles = |middle: f64| levels.map(|level| middle * (0.8 + 0.4 * level));
        let horizon = |seconds: f64, middle: f64| json!({"seconds": seconds, "maximum": quantiles(middle), "minimum": quantiles(middle / 2.0)});
        let step = |minute: i64| {
            let at = Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
            json!({"at": at, "quantiles": quantiles(500e6 + 1e6 * minute as f64)})
        };
        let past = |minute: i64| {
            let at = Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
            json!({"at": at, "value": 500e6 + 1e6 * minute as f64})
        };
        let part = |signal: &str, horizon: &str, probability: f64| {
            json!({"signal": signal, "horizon": horizon, "probability": probability, "lower": probability / 2.0,
                   "upper": 1.0, "confidence": 0.8, "reason": "because"})
        };
        let memory = json!({
            "model": "blend", "reason": "it lost least", "ready_at": null, "limit": 900e6, "direction": "above",
            "unit": "bytes", "newest": past(0), "horizons": [horizon(3_600.0, 6e8), horizon(21_600.0, 8e8)],
            "past": (-60..=0).map(past).collect::<Vec<_>>(), "steps": (1..=360).map(step).collect::<Vec<_>>(),
        });
        let queue = json!({
            "model": null, "reason": "12 of the 40 samples that a forecast needs are there",
            "ready_at": "2027-01-15T08:28:00Z", "limit": 5.0, "direction": "below", "unit": "per_second",
            "newest": null, "horizons": [], "past": [past(0)], "steps": [],
        });
        let within = |horizon: &str, probability: f64| json!({"horizon": horizon, "probability": probability, "lower": probability / 2.0, "upper": 1.0});
        let score = json!({
            "at": "2027-01-15T08:00:30Z", "horizons": [within("PT1H", 0.12), within("PT6H", 0.41)], "confidence": 0.8,
            "parts": [part("memory", "PT1H", 0.12), part("memory", "PT6H", 0.41)], "missing": [],
        });
        serde_json::from_value(json!({
            "group": "checkout", "slot": "a", "made_at": "2027-01-15T08:00:30Z", "levels": levels,
            "signals": {"memory": memory, "queue": queue}, "score": score,
        }))
        .unwrap()
    }

    #[test]
    fn a_table_tells_horizons_and_what_is_missing() {
        let forecast = forecast();
        let told = Told { forecast: &forecast, zone: TimeZone::get("America/New_York").unwrap() };
        insta::assert_snapshot!(told.table());
    }

    #[test]
    fn several_charts_are_several_files() {
        let path = |text: &str, name: &str| with_name(Path::new(text), name).to_string_lossy().into_owned();
        assert_eq!(path("out/fan.svg", "memory"), "out/fan-memory.svg");
        assert_eq!(path("fan", "memory"), "fan-memory");
    }

    #[test]
    fn a_chart_has_the_levels_that_it_names() {
        let forecast = forecast();
        let told = Told { forecast: &forecast, zone: TimeZone::UTC };
        let chart = told.chart("memory").unwrap();
        let point = chart.fan.last().unwrap();
        assert!(point.outer.0 < point.inner.0 && point.inner.0 < point.median && point.median < point.inner.1);
        assert!((point.median - 860e6).abs() < 1.0, "{point:?}");
        assert_eq!(
            chart.notes[0],
            "breaks its limit with probability 0.12 (0.06 to 1.00) within 1h, 0.41 (0.20 to 1.00) within 6h"
        );
        assert!(told.chart("queue").unwrap().notes[0].contains("ready at 15 Jan 08:28:00"));
        let error = told.charts(Some("other")).unwrap_err().to_string();
        assert_eq!(error, "checkout has no signal \"other\": it has memory, queue");
        assert_eq!(told.charts(None).unwrap().len(), 2);
    }
}
