//! Lines of JSON: one is read, answered and written before the next is read. A line that cannot be
//! understood is answered by a message that names line and column, and the next ones go on.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Most series in one run: some gigabytes.
pub(super) const SERIES_MAX: usize = 50_000;

/// Seconds in a day.
pub(super) const DAY: u32 = 86_400;

/// The newest values of series that were described before.
#[derive(Deserialize)]
pub(super) struct Tick {
    pub(super) t: u64,
    pub(super) v: BTreeMap<String, Option<f64>>,
}

impl Tick {
    /// Refuses values of series that are not among the described ones.
    pub(super) fn known<T>(&self, described: &BTreeMap<String, T>) -> Result<(), Problem> {
        match self.v.keys().find(|id| !described.contains_key(*id)) {
            Some(id) => Err(Problem::of(id, format!("tick {} has a value of a series that was not described", self.t))),
            None => Ok(()),
        }
    }
}

/// Why a line has no answer.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// Of the series, where the line tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// What and where.
    pub(super) error: String,
    /// Column, from 1; 0 when the line as a whole is meant.
    pub(super) column: usize,
}

impl Problem {
    /// Of a series whose line was understood.
    pub(super) fn of(id: &str, error: impl Into<String>) -> Self {
        Self { id: Some(id.to_owned()), error: error.into(), column: 0 }
    }
}

/// A problem as it is written.
#[derive(Serialize)]
struct Told<'a> {
    line: usize,
    #[serde(flatten)]
    problem: &'a Problem,
}

/// Reads a line.
pub(super) fn parse<T: DeserializeOwned>(line: &str) -> Result<T, Problem> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Problem { id: None, error: what, column: error.column() }
    })
}

/// Answers each line that is not empty; `None` needs no answer. Answers how many had a problem.
pub(super) fn each<A: Serialize>(
    input: impl BufRead,
    output: &mut impl Write,
    mut answer: impl FnMut(&str) -> Result<Option<A>, Problem>,
) -> std::io::Result<usize> {
    let (mut problems, mut lines) = (0, 0);
    for (number, line) in (1..).zip(input.split(b'\n')) {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        match answer(&line) {
            Ok(None) => continue,
            Ok(Some(answer)) => serde_json::to_writer(&mut *output, &answer)?,
            Err(problem) => {
                problems += 1;
                serde_json::to_writer(&mut *output, &Told { line: number, problem: &problem })?;
            }
        }
        output.write_all(b"\n")?;
        output.flush()?;
    }
    if lines == 0 {
        problems += 1;
        output.write_all(
            b"{\"line\":1,\"error\":\"the input is empty: one JSON document per line is expected\",\"column\":0}\n",
        )?;
    }
    Ok(problems)
}
