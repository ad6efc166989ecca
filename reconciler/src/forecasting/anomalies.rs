//! Anomalies of many series in lock-step: descriptions first, then one tick after another; each tick
//! is answered before the next one is read.

use super::lines::{DAY, Problem, SERIES_MAX, Tick, parse};
use serde::{Deserialize, Serialize};
use shadow_core::anomaly::{Detector, MINOR};
use std::collections::BTreeMap;

/// A line of the input.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Series(Description),
    Tick(Tick),
}

/// A series to come. What the score needs besides, a limit and a horizon, is passed over.
#[derive(Deserialize)]
struct Description {
    id: String,
    /// Seconds between two ticks.
    step: u32,
}

/// What is known after a tick.
#[derive(Serialize)]
pub(super) struct Answer {
    t: u64,
    p: BTreeMap<String, f64>,
    alarm: BTreeMap<String, u8>,
}

/// Follows the series of one run.
#[derive(Default)]
pub(super) struct Finder {
    detectors: BTreeMap<String, Detector>,
}

impl Finder {
    pub(super) fn answer(&mut self, line: &str) -> Result<Option<Answer>, Problem> {
        match parse(line)? {
            Line::Series(description) => self.add(description).map(|()| None),
            Line::Tick(tick) => self.tick(tick).map(Some),
        }
    }

    fn add(&mut self, Description { id, step }: Description) -> Result<(), Problem> {
        if step == 0 || !DAY.is_multiple_of(step) || step > DAY / 24 {
            let error = format!("step is {step}: it must divide a day and be an hour at most");
            return Err(Problem::of(&id, error));
        }
        if self.detectors.len() >= SERIES_MAX {
            return Err(Problem::of(&id, format!("more than {SERIES_MAX} series: split them over several runs")));
        }
        self.detectors.insert(id, Detector::new((DAY / step) as usize));
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<Answer, Problem> {
        tick.known(&self.detectors)?;
        let mut answer = Answer { t: tick.t, p: BTreeMap::new(), alarm: BTreeMap::new() };
        for (id, value) in tick.v {
            let Some(detector) = self.detectors.get_mut(&id) else { continue };
            let Some(finding) = detector.push(value) else { continue };
            answer.alarm.insert(id.clone(), u8::from(finding.severity >= MINOR));
            answer.p.insert(id, finding.severity);
        }
        Ok(answer)
    }
}
