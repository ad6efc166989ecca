//! A replay as SVG: signals with their limits and breaches, the score with its thresholds, and what
//! would have been done by each method, over one axis of time.

use super::axis::{Times, Values, zone_name};
use super::fan_svg::{FRAME, GRID, LIMIT, MEASURED, SMALL};
use super::svg::{Anchor, Svg, WIDTH, wrapped};
use super::units::quantity;
use super::{Limit, runs};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Room at the left for labels and names, at the right for the ends of labels.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 24.0;

/// Heights of the parts.
const SIGNAL: f64 = 110.0;
const SCORE: f64 = 110.0;
const LANE: f64 = 26.0;
const GAP: f64 = 36.0;

/// Points of a line at most: two for each pixel.
const POINTS_MAX: usize = 1_600;

/// Characters of a line of notes.
const NOTE_CHARS: usize = 118;

const BREACH: &str = r##"fill="url(#hatch)" stroke="#777" stroke-width="0.6""##;
const CRITICAL: &str = r#"stroke="black" stroke-width="1.2" stroke-dasharray="3 2" stroke-linejoin="round""#;

/// Something that would have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A shadow is made.
    Stage,
    /// All traffic goes to it.
    HandOver,
    /// It is removed, unused.
    Release,
}

/// One signal.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// In the order of time.
    pub samples: Vec<(Timestamp, f64)>,
    /// Its limit.
    pub limit: Limit,
    /// Times during which it was broken.
    pub breaches: Vec<(Timestamp, Timestamp)>,
}

/// A replay.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// What is shown.
    pub title: String,
    /// Lines below the title.
    pub notes: Vec<String>,
    /// The signals.
    pub panels: Vec<Panel>,
    /// At each look, the lower bounds of the longest and of the shortest horizon; in the order of time.
    pub scores: Vec<(Timestamp, f64, f64)>,
    /// From which a shadow is staged, and from which traffic is handed over.
    pub thresholds: (f64, f64),
    /// What each method would have done.
    pub lanes: Vec<(String, Vec<(Timestamp, Mark)>)>,
    /// In which times are told.
    pub zone: TimeZone,
}

impl Timeline {
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let samples = || self.panels.iter().flat_map(|panel| &panel.samples).map(|(at, _)| *at);
        let (first, last) = (samples().min()?, samples().max()?);
        (first < last).then_some((first, last))
    }
}

/// The timeline as a document.
pub fn timeline_svg(timeline: &Timeline) -> String {
    let mut svg = Svg::default();
    let mut y = 28.0;
    svg.text((24.0, y), Anchor::Start, r#" font-size="17" font-weight="bold""#, &timeline.title);
    for line in timeline.notes.iter().flat_map(|note| wrapped(note, NOTE_CHARS)) {
        y += 19.0;
        svg.text((24.0, y), Anchor::Start, SMALL, &line);
    }
    y += GAP;
    if let Some((first, last)) = timeline.span() {
        let times = Times::new(first, last, &timeline.zone, 9);
        for panel in &timeline.panels {
            signal(panel, &times, y, &mut svg);
            y += SIGNAL + GAP;
        }
        score(timeline, &times, y, &mut svg);
        y += SCORE + GAP / 2.0;
        for (name, marks) in &timeline.lanes {
            lane(name, marks, &times, y, &mut svg);
            y += LANE;
        }
        time_axis(&times, &timeline.zone, y, &mut svg);
        y += 62.0;
        legend(y, &mut svg);
    }
    svg.finish(y + 22.0, &timeline.title, &timeline.notes.join(" "))
}

fn x(times: &Times, at: Timestamp) -> f64 {
    LEFT + times.share(at).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn frame(name: &str, values: &Values, (top, height): (f64, f64), svg: &mut Svg) {
    for tick in &values.ticks {
        let y = top + (1.0 - values.share(tick.at)) * height;
        svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID);
        svg.text((LEFT - 8.0, y + 4.0), Anchor::End, SMALL, &tick.label);
    }
    svg.line((LEFT, top), (LEFT, top + height), FRAME);
    svg.line((LEFT, top + height), (WIDTH - RIGHT, top + height), FRAME);
    // Above the frame, where a long name has room.
    let unit = if values.suffix.is_empty() { String::new() } else { format!(" in {}", values.suffix) };
    svg.text((24.0, top - 11.0), Anchor::Start, r#" font-weight="bold""#, &format!("{name}{unit}"));
}

fn signal(panel: &Panel, times: &Times, top: f64, svg: &mut Svg) {
    let values = Values::new(panel.samples.iter().map(|(_, value)| *value), Some(panel.limit), &panel.unit, 4);
    for (start, end) in &panel.breaches {
        let (from, to) = (x(times, *start), x(times, *end));
        // A short breach is wide enough to be seen.
        svg.rect((from - 1.0, top), ((to - from).max(0.0) + 2.0, SIGNAL), BREACH);
    }
    frame(&panel.name, &values, (top, SIGNAL), svg);
    let y = |value: f64| top + (1.0 - values.share(value)) * SIGNAL;
    for run in runs(&thinned(&panel.samples)) {
        svg.polyline(run.iter().map(|(at, value)| (x(times, *at), y(*value))), MEASURED);
    }
    let text = format!("limit {}", quantity(&panel.unit, panel.limit.value));
    let halo = r#" font-size="12" font-weight="bold" paint-order="stroke" stroke="white" stroke-width="4""#;
    if values.shows(panel.limit.value) {
        let at = y(panel.limit.value);
        svg.line((LEFT, at), (WIDTH - RIGHT, at), LIMIT);
        let beside = if at - top < 18.0 { at + 15.0 } else { at - 6.0 };
        svg.text((LEFT + 8.0, beside), Anchor::Start, halo, &text);
    } else {
        // Outside of what is shown, and outside of the frame, where it covers nothing.
        let arrow = if panel.limit.value > values.max { "↑" } else { "↓" };
        svg.text((WIDTH - RIGHT, top - 11.0), Anchor::End, halo, &format!("{arrow} {text}"));
    }
}

fn score(timeline: &Timeline, times: &Times, top: f64, svg: &mut Svg) {
    let values = Values::new([0.0, 1.0].into_iter(), None, "ratio", 4);
    frame("score", &values, (top, SCORE), svg);
    let y = |value: f64| top + (1.0 - values.share(value)) * SCORE;
    let (stage, critical) = timeline.thresholds;
    // In the margin, where they cover nothing, and apart from each other.
    let critical_label = y(critical).min(y(stage) - 14.0);
    for (threshold, label, name) in [(stage, y(stage), "stage"), (critical, critical_label, "hand over")] {
        svg.line((LEFT, y(threshold)), (WIDTH - RIGHT, y(threshold)), LIMIT);
        let text = format!("{name} {}", quantity("ratio", threshold));
        svg.text((24.0, label + 4.0), Anchor::Start, r#" font-size="11""#, &text);
    }
    for (style, of) in [
        (CRITICAL, (|it: &(Timestamp, f64, f64)| it.2) as fn(&(Timestamp, f64, f64)) -> f64),
        (MEASURED, |it: &(Timestamp, f64, f64)| it.1),
    ] {
        let line: Vec<(Timestamp, f64)> = timeline.scores.iter().map(|it| (it.0, of(it))).collect();
        for run in runs(&thinned(&line)) {
            svg.polyline(run.iter().map(|(at, value)| (x(times, *at), y(*value))), style);
        }
    }
}

/// The least and the greatest value of each of many equal parts: peaks are kept.
fn thinned(points: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(POINTS_MAX);
    for part in points.chunks(points.len().div_ceil(POINTS_MAX / 2)) {
        let least = part.iter().min_by(|one, other| one.1.total_cmp(&other.1));
        let greatest = part.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let mut both: Vec<(Timestamp, f64)> = least.into_iter().chain(greatest).copied().collect();
        both.sort_by_key(|(at, _)| *at);
        both.dedup_by_key(|(at, _)| *at);
        kept.extend(both);
    }
    kept
}

fn lane(name: &str, marks: &[(Timestamp, Mark)], times: &Times, top: f64, svg: &mut Svg) {
    let y = top + LANE / 2.0;
    svg.text((24.0, y + 4.0), Anchor::Start, SMALL, name);
    svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID);
    for (at, mark) in marks {
        draw(*mark, (x(times, *at), y), svg);
    }
}

fn draw(mark: Mark, (x, y): (f64, f64), svg: &mut Svg) {
    match mark {
        Mark::Stage => {
            svg.polygon(
                [(x - 5.0, y + 5.0), (x, y - 6.0), (x + 5.0, y + 5.0)].into_iter(),
                r#"fill="white" stroke="black" stroke-width="1.4""#,
            );
        }
        Mark::HandOver => svg.element("circle", &format!(r#"cx="{x:.1}" cy="{y:.1}" r="5""#)),
        Mark::Release => {
            let style = r#"stroke="black" stroke-width="1.6""#;
            svg.line((x - 4.0, y - 4.0), (x + 4.0, y + 4.0), style);
            svg.line((x - 4.0, y + 4.0), (x + 4.0, y - 4.0), style);
        }
    }
}

fn time_axis(times: &Times, zone: &TimeZone, top: f64, svg: &mut Svg) {
    svg.line((LEFT, top), (WIDTH - RIGHT, top), FRAME);
    for tick in &times.ticks {
        let at = x(times, tick.at);
        svg.line((at, top), (at, top + 5.0), FRAME);
        svg.text((at, top + 19.0), Anchor::Middle, SMALL, &tick.label);
    }
    let zone = format!("time in {}", zone_name(zone, times.first));
    svg.text((f64::midpoint(LEFT, WIDTH - RIGHT), top + 38.0), Anchor::Middle, SMALL, &zone);
}

fn legend(y: f64, svg: &mut Svg) {
    let mut left = 24.0;
    let mut entry = |width: f64, name: &str, draw: &mut dyn FnMut(&mut Svg, f64)| {
        draw(svg, left);
        svg.text((left + 36.0, y + 4.0), Anchor::Start, SMALL, name);
        left += width;
    };
    entry(150.0, "limit broken", &mut |svg, x| svg.rect((x, y - 7.0), (28.0, 14.0), BREACH));
    entry(190.0, "score, longest horizon", &mut |svg, x| svg.line((x, y), (x + 28.0, y), MEASURED));
    entry(195.0, "score, shortest horizon", &mut |svg, x| svg.line((x, y), (x + 28.0, y), CRITICAL));
    entry(120.0, "stage", &mut |svg, x| draw(Mark::Stage, (x + 20.0, y), svg));
    entry(120.0, "hand over", &mut |svg, x| draw(Mark::HandOver, (x + 20.0, y), svg));
    entry(120.0, "release", &mut |svg, x| draw(Mark::Release, (x + 20.0, y), svg));
}
