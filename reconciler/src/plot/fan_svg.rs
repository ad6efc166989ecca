//! A fan chart as SVG: readable in black and white by hatching, grey and kinds of line.

use super::axis::{Times, Values, of_fan, zone_name};
use super::svg::{Anchor, Svg, WIDTH, wrapped};
use super::units::quantity;
use super::{FanChart, runs};
use jiff::Timestamp;

/// Place of the drawing itself: room for labels at its left, a little air at its right.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const HEIGHT: f64 = 320.0;

/// Distance of two lines of text.
const LINE: f64 = 19.0;

/// Characters of a line of notes: at 13 px some 6.6 px each.
const NOTE_CHARS: usize = 128;

/// Ticks of time and of value.
const TICKS: (usize, usize) = (9, 6);

pub(super) const GRID: &str = r##"stroke="#ddd" stroke-width="1""##;
pub(super) const FRAME: &str = r##"stroke="#444" stroke-width="1""##;
pub(super) const MEASURED: &str = r#"stroke="black" stroke-width="1.8" stroke-linejoin="round""#;
const MEDIAN: &str = r#"stroke="black" stroke-width="2" stroke-dasharray="7 4" stroke-linejoin="round""#;
pub(super) const LIMIT: &str = r#"stroke="black" stroke-width="1.6" stroke-dasharray="12 3 2 3""#;
const NOW: &str = r##"stroke="#444" stroke-width="1" stroke-dasharray="2 3""##;
const OUTER: &str = r##"fill="url(#hatch)" stroke="#777" stroke-width="0.6""##;
const INNER: &str = r##"fill="#bbb""##;
pub(super) const SMALL: &str = r##" font-size="12" fill="#222""##;

/// Where things are in the picture.
struct Frame {
    top: f64,
    times: Times,
    values: Values,
}

impl Frame {
    fn x(&self, at: Timestamp) -> f64 {
        LEFT + self.times.share(at) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.values.share(value)) * HEIGHT
    }

    fn bottom(&self) -> f64 {
        self.top + HEIGHT
    }
}

/// The chart as a document.
pub fn fan_svg(chart: &FanChart) -> String {
    let mut svg = Svg::default();
    let mut y = 28.0;
    svg.text((LEFT, y), Anchor::Start, r#" font-size="17" font-weight="bold""#, &chart.title);
    for line in chart.notes.iter().flat_map(|note| wrapped(note, NOTE_CHARS)) {
        y += LINE;
        svg.text((LEFT, y), Anchor::Start, SMALL, &line);
    }
    let Some((times, values)) = of_fan(chart, TICKS) else {
        svg.text((LEFT, y + 2.0 * LINE), Anchor::Start, "", "there is nothing to draw yet");
        return svg.finish(y + 3.0 * LINE, &chart.title, &chart.notes.join(" "));
    };
    let frame = Frame { top: y + 42.0, times, values };
    axes(chart, &frame, &mut svg);
    bands(chart, &frame, &mut svg);
    lines(chart, &frame, &mut svg);
    let below = frame.bottom() + 64.0;
    legend(chart, &frame, below, &mut svg);
    svg.finish(below + 22.0, &chart.title, &chart.notes.join(" "))
}

fn axes(chart: &FanChart, frame: &Frame, svg: &mut Svg) {
    let right = WIDTH - RIGHT;
    for tick in &frame.values.ticks {
        let y = frame.y(tick.at);
        svg.line((LEFT, y), (right, y), GRID);
        svg.text((LEFT - 8.0, y + 4.0), Anchor::End, SMALL, &tick.label);
    }
    for tick in &frame.times.ticks {
        let x = frame.x(tick.at);
        svg.line((x, frame.bottom()), (x, frame.bottom() + 5.0), FRAME);
        svg.text((x, frame.bottom() + 19.0), Anchor::Middle, SMALL, &tick.label);
    }
    svg.line((LEFT, frame.top), (LEFT, frame.bottom()), FRAME);
    svg.line((LEFT, frame.bottom()), (right, frame.bottom()), FRAME);
    svg.text((LEFT - 8.0, frame.top - 12.0), Anchor::End, SMALL, frame.values.suffix);
    let zone = format!("time in {}", zone_name(&chart.zone, chart.made_at));
    svg.text((f64::midpoint(LEFT, right), frame.bottom() + 38.0), Anchor::Middle, SMALL, &zone);
}

fn bands(chart: &FanChart, frame: &Frame, svg: &mut Svg) {
    // From the newest sample on, so that the fan has no hole at its beginning.
    let start = chart.past.last().copied();
    for (style, of) in [
        (OUTER, (|point: &super::FanPoint| point.outer) as fn(&super::FanPoint) -> (f64, f64)),
        (INNER, |point: &super::FanPoint| point.inner),
    ] {
        let above = chart.fan.iter().map(|point| (point.at, of(point).1));
        let below = chart.fan.iter().rev().map(|point| (point.at, of(point).0));
        let points = start.into_iter().chain(above).chain(below).map(|(at, value)| (frame.x(at), frame.y(value)));
        svg.polygon(points, style);
    }
}

fn lines(chart: &FanChart, frame: &Frame, svg: &mut Svg) {
    let now = frame.x(chart.made_at).clamp(LEFT, WIDTH - RIGHT);
    svg.line((now, frame.top - 4.0), (now, frame.bottom()), NOW);
    let made = format!("made {}", chart.zone.to_datetime(chart.made_at).strftime("%-d %b %H:%M"));
    svg.text((now, frame.top - 11.0), Anchor::Middle, SMALL, &made);
    for run in runs(&chart.past) {
        svg.polyline(run.iter().map(|(at, value)| (frame.x(*at), frame.y(*value))), MEASURED);
    }
    let median = chart.fan.iter().map(|point| (point.at, point.median));
    let median = chart.past.last().copied().into_iter().chain(median);
    svg.polyline(median.map(|(at, value)| (frame.x(at), frame.y(value))), MEDIAN);
    limit(chart, frame, svg);
}

fn limit(chart: &FanChart, frame: &Frame, svg: &mut Svg) {
    let text = format!("limit {}", quantity(&chart.unit, chart.limit.value));
    let halo = r#" font-weight="bold" paint-order="stroke" stroke="white" stroke-width="4""#;
    if frame.values.shows(chart.limit.value) {
        let y = frame.y(chart.limit.value);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), LIMIT);
        // Above its line, unless there is no room.
        let beside = if y - frame.top < 20.0 { y + 17.0 } else { y - 7.0 };
        svg.text((LEFT + 8.0, beside), Anchor::Start, halo, &text);
    } else {
        let is_above = chart.limit.value > frame.values.max;
        let (y, arrow) = if is_above { (frame.top + 14.0, "↑") } else { (frame.bottom() - 8.0, "↓") };
        svg.text((LEFT + 8.0, y), Anchor::Start, halo, &format!("{arrow} {text}"));
    }
}

/// A sample of each kind, in a row.
fn legend(chart: &FanChart, frame: &Frame, y: f64, svg: &mut Svg) {
    let mut x = LEFT;
    let mut entry = |width: f64, name: &str, draw: &mut dyn FnMut(&mut Svg, f64)| {
        draw(svg, x);
        svg.text((x + 38.0, y + 4.0), Anchor::Start, SMALL, name);
        x += width;
    };
    entry(130.0, "measured", &mut |svg, x| svg.line((x, y), (x + 30.0, y), MEASURED));
    entry(210.0, "median of the forecast", &mut |svg, x| svg.line((x, y), (x + 30.0, y), MEDIAN));
    entry(160.0, "80 % fall within", &mut |svg, x| svg.rect((x, y - 7.0), (30.0, 14.0), INNER));
    entry(160.0, "95 % fall within", &mut |svg, x| svg.rect((x, y - 7.0), (30.0, 14.0), OUTER));
    if frame.values.shows(chart.limit.value) {
        entry(120.0, "limit", &mut |svg, x| svg.line((x, y), (x + 30.0, y), LIMIT));
    }
}
