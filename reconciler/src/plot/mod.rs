//! Charts of signals, for terminals and as SVG: what was measured, what is forecast, limits, and what
//! would have been done. The same input gives the same bytes; it reads neither clock nor files.

mod axis;
mod canvas;
mod fan_svg;
mod svg;
mod terminal;
mod timeline;
pub mod units;

pub use fan_svg::fan_svg;
pub use terminal::{WIDTH_MAX, WIDTH_MIN, fan_text};
pub use timeline::{Mark, Panel, Timeline, timeline_svg};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shadow_core::model::signal::Direction;

/// A limit to be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// In the signal's unit.
    pub value: f64,
    /// On which side the trouble lies.
    pub direction: Direction,
}

/// What one step of the future will probably be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FanPoint {
    /// When.
    pub at: Timestamp,
    /// The 95 % interval.
    pub outer: (f64, f64),
    /// The 80 % interval.
    pub inner: (f64, f64),
    /// The median.
    pub median: f64,
}

/// The past of a signal and the fan of its future.
#[derive(Debug, Clone)]
pub struct FanChart {
    /// What is shown.
    pub title: String,
    /// Lines below the title: the model, the probability.
    pub notes: Vec<String>,
    /// Unit of all values.
    pub unit: String,
    /// In the order of time.
    pub past: Vec<(Timestamp, f64)>,
    /// In the order of time.
    pub fan: Vec<FanPoint>,
    /// The signal's limit.
    pub limit: Limit,
    /// When the forecast was made.
    pub made_at: Timestamp,
    /// In which times are told.
    pub zone: TimeZone,
}

impl FanChart {
    /// First and last time, if there is anything to show.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.past.iter().map(|(at, _)| *at).chain(self.fan.iter().map(|point| point.at));
        let (first, last) = (times().min()?, times().max()?);
        (first < last).then_some((first, last))
    }

    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let fan = self.fan.iter().flat_map(|point| [point.outer.0, point.outer.1, point.median]);
        self.past.iter().map(|(_, value)| *value).chain(fan)
    }
}

/// Runs of points without a gap: a gap is longer than twice the usual distance.
fn runs(points: &[(Timestamp, f64)]) -> Vec<&[(Timestamp, f64)]> {
    let mut distances: Vec<_> = points.windows(2).filter_map(distance).collect();
    distances.sort_unstable();
    let Some(usual) = distances.get(distances.len() / 2).copied() else { return vec![points] };
    points.chunk_by(|one, other| other.0.duration_since(one.0) <= usual.saturating_mul(2)).collect()
}

fn distance(pair: &[(Timestamp, f64)]) -> Option<jiff::SignedDuration> {
    Some(pair.last()?.0.duration_since(pair.first()?.0))
}

#[cfg(test)]
mod tests;
