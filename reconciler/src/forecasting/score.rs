//! The early warning for many series in lock-step: descriptions first, then one tick after another;
//! each tick is answered before the next one is read.

use super::lines::{DAY, Problem, SERIES_MAX, Tick, parse};
use serde::{Deserialize, Serialize};
use shadow_core::model::signal::Direction;
use shadow_core::warning::{ALARM, Fleet, Outlook, Warning};
use std::collections::BTreeMap;

/// Days after which the series' common model is trained anew.
const LEARNS_EVERY: usize = 2;

/// A line of the input.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Series(Description),
    Tick(Tick),
}

/// A series to come.
#[derive(Deserialize)]
struct Description {
    id: String,
    /// Seconds between two ticks.
    step: u32,
    limit: f64,
    /// On which side of the limit it breaks.
    #[serde(default)]
    direction: Direction,
    /// Ticks to look ahead.
    horizon: usize,
}

/// What is known after them.
#[derive(Serialize)]
pub(super) struct Answer {
    t: u64,
    p: BTreeMap<String, f32>,
    alarm: BTreeMap<String, u8>,
}

/// Follows the series of one run.
#[derive(Default)]
pub(super) struct Scorer {
    warnings: BTreeMap<String, Warning>,
    fleet: Fleet,
    /// Ticks of the longest day.
    day: usize,
    ticks: usize,
}

impl Scorer {
    pub(super) fn answer(&mut self, line: &str) -> Result<Option<Answer>, Problem> {
        match parse(line)? {
            Line::Series(description) => self.add(description).map(|()| None),
            Line::Tick(tick) => self.tick(tick).map(Some),
        }
    }

    fn add(&mut self, description: Description) -> Result<(), Problem> {
        let Description { id, step, limit, direction, horizon } = description;
        let day = if step > 0 && DAY.is_multiple_of(step) { DAY / step } else { 0 };
        let problem = match () {
            () if day < 24 => Some(format!("step is {step}: it must divide a day and be an hour at most")),
            () if !(1..=day as usize).contains(&horizon) => {
                Some(format!("horizon is {horizon}: from 1 to {day} steps, a day, can be looked ahead"))
            }
            () if self.warnings.len() >= SERIES_MAX => {
                Some(format!("more than {SERIES_MAX} series: split them over several runs"))
            }
            () => None,
        };
        if let Some(error) = problem {
            return Err(Problem::of(&id, error));
        }
        self.day = self.day.max(day as usize);
        self.warnings.insert(id, Warning::new(limit, direction, day as usize, horizon));
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<Answer, Problem> {
        tick.known(&self.warnings)?;
        let mut answer = Answer { t: tick.t, p: BTreeMap::new(), alarm: BTreeMap::new() };
        for (id, value) in tick.v {
            let Some(warning) = self.warnings.get_mut(&id) else { continue };
            let outlook = warning.push(value);
            self.fleet.meet(warning);
            let probability = match outlook {
                Outlook::Probability(probability) => probability,
                Outlook::Broken => 1.0,
                Outlook::Unknown => continue,
            };
            answer.alarm.insert(id.clone(), u8::from(probability >= ALARM));
            answer.p.insert(id, probability);
        }
        self.ticks += 1;
        if self.day > 0 && self.ticks.is_multiple_of(LEARNS_EVERY * self.day) {
            self.fleet.learn();
        }
        Ok(answer)
    }
}
