//! Recorded telemetry from files: CSV, JSON lines, or the answer of a Prometheus range query.
//!
//! What is wrong is told with file, line and column, and costs the series that it is in; the others
//! are read. Never sorts, fills or guesses.

mod collector;
mod csv;
mod json;
mod matrix;
mod time;

pub use time::parse_time;
pub(crate) use time::when_known;

use anyhow::{Context as _, ensure};
use collector::Collector;
use shadow_core::history::Sample;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

/// Largest file: five million samples at some fifty bytes, with room. More is a file that should be
/// cut, or thinned to the policy's step.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Largest answer of Prometheus: it is read as a whole, at several times its size.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What a file held.
#[derive(Debug, Default, PartialEq)]
pub struct Recording {
    /// By name, the samples in the order of time. Series with a problem are not among them.
    pub series: BTreeMap<String, Vec<Sample>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Something that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// As in `line 3, column 2 (value)`.
    pub place: String,
    /// The series that is left out for it; absent where only a row or the whole file is meant.
    pub signal: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: ", self.file, self.place)?;
        if let Some(signal) = &self.signal {
            write!(f, "signal {signal:?} is left out: ")?;
        }
        f.write_str(&self.text)
    }
}

/// Reads a file.
///
/// # Errors
/// When it cannot be opened or is too large. What is wrong inside of it is among the problems.
pub fn open(path: &Path) -> anyhow::Result<Recording> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    let size = file.metadata().with_context(|| format!("{name} cannot be read"))?.len();
    ensure!(
        size <= FILE_BYTES_MAX,
        "{name} has {size} bytes: at most {FILE_BYTES_MAX} are read; cut it, or thin it out"
    );
    read(&name, BufReader::new(file)).with_context(|| format!("{name} cannot be read"))
}

/// Reads what a file of that name holds.
///
/// # Errors
/// When reading fails.
pub fn read(name: &str, mut input: impl BufRead) -> std::io::Result<Recording> {
    let mut collector = Collector::new(name);
    let first = first_line(&mut input)?;
    let rest = |input| Cursor::new(first.clone()).chain(input);
    match first.iter().copied().find(|byte| !byte.is_ascii_whitespace()) {
        None => collector.problem("line 1, column 1", None, "the file is empty: it needs a head line and samples"),
        Some(b'{' | b'[') if json::is_line(&first) => json::read(rest(input), &mut collector)?,
        Some(b'{' | b'[') => {
            let mut text = String::new();
            rest(input).take(ANSWER_BYTES_MAX).read_to_string(&mut text)?;
            matrix::read(&text, &mut collector);
        }
        Some(_) => csv::read(rest(input), &mut collector)?,
    }
    Ok(collector.finish())
}

/// Up to the end of the first line that is not empty.
fn first_line(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    loop {
        let begin = first.len();
        let read = input.by_ref().take(ANSWER_BYTES_MAX).read_until(b'\n', &mut first)?;
        if read == 0 || !first.get(begin..).unwrap_or_default().trim_ascii().is_empty() {
            return Ok(first);
        }
    }
}

#[cfg(test)]
mod tests;
