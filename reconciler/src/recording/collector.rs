//! Samples as they are read, series by series, with what is wrong with them.

use super::{Problem, Recording};
use jiff::{SignedDuration, Timestamp};
use shadow_core::history::{Sample, VALUE_MAX};
use std::collections::BTreeMap;

/// Series at most: a group with more signals is several groups.
const SERIES_MAX: usize = 64;

/// Samples of all series at most: four weeks of thirty signals every 15 s, some 150 MB.
const SAMPLES_MAX: usize = 5_000_000;

/// Problems told at most; who fixes them runs it again.
const PROBLEMS_MAX: usize = 100;

/// Equal distances in a row that make a step: fewer may be chance, where samples are missing.
const STEP_RUN: usize = 10;

/// Two distances that differ by less than this factor are one step with jitter.
const STEP_FACTOR: f64 = 1.5;

/// Collects what is read.
#[derive(Debug)]
pub(super) struct Collector {
    file: String,
    series: BTreeMap<String, Track>,
    problems: Vec<Problem>,
    samples: usize,
}

/// One series on its way.
#[derive(Debug, Default)]
struct Track {
    samples: Vec<Sample>,
    /// Where each sample stands.
    lines: Vec<u32>,
    refused: bool,
}

impl Collector {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), series: BTreeMap::new(), problems: Vec::new(), samples: 0 }
    }

    /// Notes a problem; the series that it is in is left out.
    pub(super) fn problem(&mut self, place: &str, signal: Option<&str>, text: impl Into<String>) {
        if let Some(signal) = signal {
            let track = self.series.entry(signal.to_owned()).or_default();
            if std::mem::replace(&mut track.refused, true) {
                return;
            }
            *track = Track { refused: true, ..Track::default() };
        }
        if self.problems.len() < PROBLEMS_MAX {
            let (file, place, signal) = (self.file.clone(), place.to_owned(), signal.map(str::to_owned));
            self.problems.push(Problem { file, place, signal, text: text.into() });
        }
    }

    /// Makes a series known, also if it has no sample.
    pub(super) fn series(&mut self, signal: &str) {
        self.series.entry(signal.to_owned()).or_default();
    }

    /// Takes a sample, which stands in a line (or is the nth of its series) at a place. NaN is a gap.
    pub(super) fn sample(&mut self, signal: &str, line: u64, place: &str, at: Timestamp, value: f64) {
        if value.is_nan() {
            return self.series(signal);
        }
        let known = self.series.len();
        let track = match self.series.get_mut(signal) {
            Some(track) => track,
            None if known < SERIES_MAX => self.series.entry(signal.to_owned()).or_default(),
            None => {
                let text = format!("there are more than {SERIES_MAX} series: leave out those without a limit");
                return self.once(place, &text);
            }
        };
        if track.refused {
            return;
        }
        if let Some(text) = wrong(track, at, value) {
            return self.problem(place, Some(signal), text);
        }
        if self.samples >= SAMPLES_MAX {
            let text =
                format!("there are more than {SAMPLES_MAX} samples: cut the file, or thin it to the policy's step");
            return self.problem(place, Some(signal), text);
        }
        self.samples += 1;
        track.samples.push(Sample { at, value });
        track.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// Notes a problem of the whole file that would come again with every row.
    fn once(&mut self, place: &str, text: &str) {
        if !self.problems.iter().any(|problem| problem.text == text) {
            self.problem(place, None, text);
        }
    }

    pub(super) fn finish(mut self) -> Recording {
        let mixed: Vec<(String, String, String)> = self
            .series
            .iter()
            .filter_map(|(name, track)| {
                let (line, text) = track.mixed_steps()?;
                Some((name.clone(), format!("line {line}, column 1 (time)"), text))
            })
            .collect();
        for (name, place, text) in mixed {
            self.problem(&place, Some(&name), text);
        }
        let empty =
            |(name, track): (&String, &Track)| (track.samples.is_empty() && !track.refused).then(|| name.clone());
        let empty: Vec<String> = self.series.iter().filter_map(empty).collect();
        for name in empty {
            self.problem("line 1, column 1", Some(&name), "it has no sample");
        }
        if self.series.is_empty() && self.problems.is_empty() {
            self.problem("line 2, column 1", None, "there is no sample in the file");
        }
        let kept = self.series.into_iter().filter(|(_, track)| !track.refused);
        Recording { series: kept.map(|(name, track)| (name, track.samples)).collect(), problems: self.problems }
    }
}

/// What is wrong with the next sample of a series.
fn wrong(track: &Track, at: Timestamp, value: f64) -> Option<String> {
    if value.is_infinite() || value.abs() > VALUE_MAX {
        return Some(format!("{value} is no measurement: leave the value out where there is none"));
    }
    let (before, line) = (track.samples.last()?, track.lines.last()?);
    let text = match at.cmp(&before.at) {
        std::cmp::Ordering::Greater => return None,
        std::cmp::Ordering::Equal => format!("the time {at} is repeated from line {line}: keep one of the two"),
        std::cmp::Ordering::Less => {
            format!("the time {at} is before {} in line {line}: sort the samples by time", before.at)
        }
    };
    Some(text)
}

impl Track {
    /// Where the distance of samples changes for good, and what to do. Gaps and jitter are no change.
    fn mixed_steps(&self) -> Option<(u32, String)> {
        let distance = |pair: &[Sample]| Some(pair.last()?.at.duration_since(pair.first()?.at));
        let distances: Vec<SignedDuration> = self.samples.windows(2).filter_map(distance).collect();
        let mut known: Option<SignedDuration> = None;
        for (start, run) in distances.windows(STEP_RUN).enumerate() {
            let (shortest, longest) = (run.iter().min()?, run.iter().max()?);
            if differ(*shortest, *longest) {
                continue;
            }
            match known {
                Some(step) if differ(step, *shortest) => {
                    let line = *self.lines.get(start)?;
                    let text = format!(
                        "the steps are mixed: samples are {step:#} apart up to here and {shortest:#} apart from here on; \
                         bring them to one step, or give two files"
                    );
                    return Some((line, text));
                }
                Some(_) => {}
                None => known = Some(*shortest),
            }
        }
        None
    }
}

fn differ(one: SignedDuration, other: SignedDuration) -> bool {
    let (one, other) = (one.as_secs_f64(), other.as_secs_f64());
    one.max(other) > one.min(other) * STEP_FACTOR
}
