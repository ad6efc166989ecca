//! CSV with a head line: `time,signal,value`, or `time` and a column for each signal.

use super::collector::Collector;
use super::time::parse_time;
use ::csv::{ByteRecord, ReaderBuilder, Trim};
use jiff::Timestamp;
use std::io::Read;

/// What the columns are.
enum Layout {
    /// `time,signal,value`.
    Long,
    /// `time` and these signals.
    Wide(Vec<String>),
}

/// Reads rows. A row that cannot be read costs the series that it belongs to, or is skipped where
/// that cannot be told.
pub(super) fn read(input: impl Read, into: &mut Collector) -> std::io::Result<()> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(input);
    let (mut row, mut layout) = (ByteRecord::new(), None);
    loop {
        match reader.read_byte_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let line = row.position().map_or(0, ::csv::Position::line);
        match &layout {
            Some(layout) => take(&row, line, layout, into),
            None => match head(&row) {
                Ok(columns) => layout = Some(columns),
                Err((column, text)) => {
                    into.problem(&format!("line {line}, column {column}"), None, text);
                    return Ok(());
                }
            },
        }
    }
}

fn text(field: Option<&[u8]>) -> &str {
    field.and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("\u{fffd}")
}

/// The layout, or the column in which the head is wrong.
fn head(row: &ByteRecord) -> Result<Layout, (usize, String)> {
    let names: Vec<String> =
        row.iter().map(|field| text(Some(field)).trim_start_matches('\u{feff}').to_owned()).collect();
    let expected = "the head line must be `time,signal,value`, or `time` and a column for each signal";
    let Some((time, signals)) = names.split_first() else { return Err((1, expected.to_owned())) };
    if !["time", "timestamp"].contains(&time.to_lowercase().as_str()) {
        return Err((1, format!("the first column is {time:?}: {expected}, with commas between")));
    }
    if signals.is_empty() {
        return Err((2, format!("there is no column of values: {expected}, with commas between")));
    }
    if signals == ["signal", "value"] {
        return Ok(Layout::Long);
    }
    for (column, name) in (2..).zip(signals) {
        if name.is_empty() {
            return Err((column, "the column has no name: name the signal".to_owned()));
        }
        if signals.iter().filter(|other| *other == name).count() > 1 {
            return Err((column, format!("the column {name:?} is there twice: keep one of them")));
        }
    }
    Ok(Layout::Wide(signals.to_vec()))
}

fn take(row: &ByteRecord, line: u64, layout: &Layout, into: &mut Collector) {
    match layout {
        Layout::Long => take_long(row, line, into),
        Layout::Wide(signals) => take_wide(row, line, signals, into),
    }
}

fn take_long(row: &ByteRecord, line: u64, into: &mut Collector) {
    if row.len() != 3 {
        let found = format!("the row has {} columns, its head has 3: time, signal, value", row.len());
        return into.problem(&format!("line {line}, column {}", row.len().min(3)), None, found);
    }
    let signal = text(row.get(1));
    if signal.is_empty() || signal == "\u{fffd}" {
        return into.problem(&format!("line {line}, column 2 (signal)"), None, "the signal has no readable name");
    }
    match parse_time(text(row.get(0))) {
        Ok(at) => number(signal, line, (3, "value"), at, text(row.get(2)), into),
        Err(error) => into.problem(&format!("line {line}, column 1 (time)"), Some(signal), error),
    }
}

fn take_wide(row: &ByteRecord, line: u64, signals: &[String], into: &mut Collector) {
    if row.len() != signals.len() + 1 {
        let found = format!("the row has {} columns, its head has {}", row.len(), signals.len() + 1);
        return into.problem(&format!("line {line}, column {}", row.len().min(signals.len() + 1)), None, found);
    }
    let at = match parse_time(text(row.get(0))) {
        Ok(at) => at,
        Err(error) => return into.problem(&format!("line {line}, column 1 (time)"), None, error),
    };
    for (column, signal) in (1..).zip(signals) {
        number(signal, line, (column + 1, signal), at, text(row.get(column)), into);
    }
}

/// A value; an empty one is a gap.
fn number(signal: &str, line: u64, (column, name): (usize, &str), at: Timestamp, text: &str, into: &mut Collector) {
    if text.is_empty() {
        return into.series(signal);
    }
    let place = || format!("line {line}, column {column} ({name})");
    match text.parse() {
        Ok(value) => into.sample(signal, line, &place(), at, value),
        Err(_not_a_number) => into.problem(&place(), Some(signal), format!("{text:?} is no number")),
    }
}
