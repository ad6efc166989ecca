//! A fan chart as text: lines of braille over bands of shade, with axes and a legend.

use super::axis::{Times, Values, of_fan, zone_name};
use super::canvas::{ACROSS, Canvas, DOWN, whole};
use super::units::quantity;
use super::{FanChart, FanPoint, runs};

/// Narrowest chart: less has no room for labels.
pub const WIDTH_MIN: usize = 40;

/// Widest chart: eyes lose the line beyond.
pub const WIDTH_MAX: usize = 200;

/// Rows of the chart itself: with title, axis and legend it fits a terminal of 24.
const ROWS: usize = 16;

/// Characters that a label of time needs, with air.
const TIME_LABEL: usize = 12;

/// Rows from one tick of value to the next.
const TICK_ROWS: usize = 3;

const INNER: char = '▒';
const OUTER: char = '░';
const LIMIT: char = '╌';
const NOW: char = '┊';

/// The chart in lines of at most `width` characters.
pub fn fan_text(chart: &FanChart, width: usize) -> String {
    let width = width.clamp(WIDTH_MIN, WIDTH_MAX);
    let mut text = String::new();
    for line in std::iter::once(&chart.title).chain(&chart.notes) {
        wrap(line, width, &mut text);
    }
    // The width of labels is known when they are, and they do not depend on the number of columns.
    let Some((_, values)) = of_fan(chart, (1, ROWS / TICK_ROWS)) else {
        text.push_str("there is nothing to draw yet\n");
        return text;
    };
    let label_width = values.ticks.iter().map(|tick| tick.label.chars().count()).chain([values.suffix.len()]).max();
    let label_width = label_width.unwrap_or(0);
    let columns = width.saturating_sub(label_width + 2).max(1);
    let Some((times, values)) = of_fan(chart, (columns / TIME_LABEL, ROWS / TICK_ROWS)) else { return text };
    let canvas = drawn(chart, &times, &values, columns);
    let labels = row_labels(&values);
    text.push_str(&format!("{:>label_width$}\n", values.suffix));
    for (line, label) in canvas.lines().zip(&labels) {
        let mark = if label.is_empty() { '│' } else { '┤' };
        text.push_str(&format!("{label:>label_width$} {mark}{}\n", line.trim_end()));
    }
    time_axis(chart, &times, (label_width, columns), &mut text);
    wrap(&legend(chart, &values), width, &mut text);
    text
}

/// Breaks a line between words.
fn wrap(line: &str, width: usize, text: &mut String) {
    let mut used = 0;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            text.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text.push('\n');
}

fn drawn(chart: &FanChart, times: &Times, values: &Values, columns: usize) -> Canvas {
    let mut canvas = Canvas::new(columns, ROWS);
    bands(chart, times, values, columns, &mut canvas);
    let x = |at| times.share(at) * (columns * ACROSS - 1) as f64;
    let y = |value| (1.0 - values.share(value)) * (ROWS * DOWN - 1) as f64;
    if values.shows(chart.limit.value) {
        let row = index(y(chart.limit.value) / DOWN as f64);
        (0..columns).for_each(|column| canvas.put(column, row, LIMIT));
    }
    let now = index(x(chart.made_at) / ACROSS as f64);
    (0..ROWS)
        .filter(|row| canvas.is_free(now, *row))
        .collect::<Vec<_>>()
        .iter()
        .for_each(|row| canvas.put(now, *row, NOW));
    let median: Vec<_> = chart.fan.iter().map(|point| (point.at, point.median)).collect();
    for run in runs(&chart.past).into_iter().chain([median.as_slice()]) {
        let dots = |(at, value): &(jiff::Timestamp, f64)| (x(*at), y(*value));
        match run {
            [only] => canvas.line(dots(only), dots(only)),
            many => many.windows(2).for_each(|pair| {
                if let [from, to] = pair {
                    canvas.line(dots(from), dots(to));
                }
            }),
        }
    }
    canvas
}

/// Shades the intervals, column by column.
fn bands(chart: &FanChart, times: &Times, values: &Values, columns: usize, canvas: &mut Canvas) {
    for column in 0..columns {
        let share = (column as f64 + 0.5) / columns as f64;
        let Some(point) = between(chart, times, share) else { continue };
        for ((low, high), shade) in [(point.outer, OUTER), (point.inner, INNER)] {
            // A band thinner than a row still shows in the row of its middle.
            let middle = row_of(values, f64::midpoint(low, high));
            let (top, bottom) = ((1.0 - values.share(high)) * ROWS as f64, (1.0 - values.share(low)) * ROWS as f64);
            let (first, last) = (index(top + 0.5), index(bottom + 0.5));
            (first..last.min(ROWS)).chain([middle]).for_each(|row| canvas.put(column, row, shade));
        }
    }
}

/// The fan at a share of the width, between the steps on either side.
fn between(chart: &FanChart, times: &Times, share: f64) -> Option<FanPoint> {
    let after = chart.fan.iter().position(|point| times.share(point.at) >= share)?;
    let next = chart.fan.get(after)?;
    let Some(before) = after.checked_sub(1).and_then(|before| chart.fan.get(before)) else {
        let started = chart.past.last().is_none_or(|(at, _)| times.share(*at) <= share);
        return started.then_some(*next);
    };
    let (from, to) = (times.share(before.at), times.share(next.at));
    let part = if to > from { (share - from) / (to - from) } else { 1.0 };
    let mix = |one: f64, other: f64| one + (other - one) * part;
    let mix_pair = |one: (f64, f64), other: (f64, f64)| (mix(one.0, other.0), mix(one.1, other.1));
    Some(FanPoint {
        at: next.at,
        outer: mix_pair(before.outer, next.outer),
        inner: mix_pair(before.inner, next.inner),
        median: mix(before.median, next.median),
    })
}

fn row_of(values: &Values, value: f64) -> usize {
    index((1.0 - values.share(value)) * ROWS as f64).min(ROWS - 1)
}

/// Rounded down; what is before the start is at the start.
fn index(number: f64) -> usize {
    usize::try_from(whole(number.floor())).unwrap_or(0)
}

fn row_labels(values: &Values) -> Vec<String> {
    let mut labels = vec![String::new(); ROWS];
    for tick in &values.ticks {
        if let Some(label) = labels.get_mut(row_of(values, tick.at)) {
            label.clone_from(&tick.label);
        }
    }
    labels
}

fn time_axis(chart: &FanChart, times: &Times, (label_width, columns): (usize, usize), text: &mut String) {
    let (mut line, mut labels) = (vec!['─'; columns], vec![' '; columns]);
    let mut free_from = 0;
    for tick in &times.ticks {
        let at = index(times.share(tick.at) * (columns - 1) as f64);
        let start = at.saturating_sub(tick.label.chars().count() / 2);
        let end = start + tick.label.chars().count();
        if start < free_from || end > columns {
            continue;
        }
        free_from = end + 2;
        if let Some(cell) = line.get_mut(at) {
            *cell = '┬';
        }
        labels.iter_mut().skip(start).zip(tick.label.chars()).for_each(|(cell, character)| *cell = character);
    }
    let (line, labels): (String, String) = (line.into_iter().collect(), labels.into_iter().collect());
    text.push_str(&format!("{:>label_width$} └{line}\n", ""));
    text.push_str(&format!("{:>label_width$}  {}\n", "", labels.trim_end()));
    let made = chart.zone.to_datetime(chart.made_at).strftime("%-d %b %H:%M");
    let zone = zone_name(&chart.zone, chart.made_at);
    wrap(&format!("{NOW} made {made}, time in {zone}"), label_width + 2 + columns, text);
}

fn legend(chart: &FanChart, values: &Values) -> String {
    let limit = quantity(&chart.unit, chart.limit.value);
    let limit = if values.shows(chart.limit.value) {
        format!("{LIMIT} limit {limit}")
    } else {
        let side = if chart.limit.value > values.max { "above" } else { "below" };
        format!("the limit of {limit} is {side}")
    };
    // Hard spaces keep what belongs together on one line.
    let entries = ["⠒ measured, then median", &format!("{INNER} 80 %"), &format!("{OUTER} 95 %"), &limit];
    entries.map(|entry| entry.replace(' ', "\u{a0}")).join(" ")
}
