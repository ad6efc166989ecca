//! Steps of a history taken together to those that are judged. What is odd is counted per day: of finer
//! steps there are more, and each may be odd by chance.

use jiff::{SignedDuration, Timestamp};

/// Steps that are judged are at least so long: those of the labelled series by which the thresholds were
/// chosen.
const GRAIN_MIN: SignedDuration = SignedDuration::from_mins(5);

/// Means of a fixed number of steps, counted from the Unix epoch.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    step_ms: i64,
    grain_ms: i64,
    /// Number of the block that is being filled.
    open: Option<i64>,
    sum: f64,
    count: i64,
}

impl Blocks {
    /// For a history with that step.
    pub(super) fn new(step: SignedDuration) -> Self {
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let least = i64::try_from(GRAIN_MIN.as_millis()).unwrap_or(i64::MAX);
        let grain_ms = step_ms.max(least);
        Self { step_ms, grain_ms, open: None, sum: 0.0, count: 0 }
    }

    /// Length of a block.
    pub(super) fn grain(&self) -> SignedDuration {
        SignedDuration::from_millis(self.grain_ms)
    }

    /// Takes a step, given by its start, later than the one before. Answers the blocks that are complete, each
    /// with its start and its mean, if at least half of it was measured.
    pub(super) fn push(&mut self, at: Timestamp, value: Option<f64>) -> Vec<(Timestamp, Option<f64>)> {
        let number = at.as_millisecond().div_euclid(self.grain_ms);
        let mut complete = Vec::new();
        let mut open = self.open.unwrap_or(number);
        while open < number {
            complete.extend(self.close(open));
            open += 1;
        }
        if let Some(value) = value.filter(|_| open == number) {
            self.sum += value;
            self.count += 1;
        }
        let next_step = at.as_millisecond().saturating_add(self.step_ms);
        if open == number && next_step.div_euclid(self.grain_ms) > number {
            complete.extend(self.close(open));
            open += 1;
        }
        self.open = Some(open);
        complete
    }

    fn close(&mut self, number: i64) -> Option<(Timestamp, Option<f64>)> {
        let (sum, count) = (std::mem::take(&mut self.sum), std::mem::take(&mut self.count));
        let needed = (self.grain_ms / self.step_ms / 2).max(1);
        let start = Timestamp::from_millisecond(number.checked_mul(self.grain_ms)?).ok()?;
        Some((start, (count >= needed).then(|| sum / count as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts of the blocks in seconds, and their means.
    fn blocks(step: i64, values: &[(i64, Option<f64>)]) -> Vec<(i64, Option<f64>)> {
        let mut blocks = Blocks::new(SignedDuration::from_secs(step));
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let complete = values.iter().flat_map(|(second, value)| blocks.push(at(*second), *value));
        complete.map(|(at, value)| (at.as_second(), value)).collect()
    }

    #[test]
    fn long_steps_are_judged_at_once() {
        assert_eq!(blocks(300, &[(0, Some(1.0)), (300, None)]), [(0, Some(1.0)), (300, None)]);
        assert_eq!(blocks(3_600, &[(7_200, Some(1.0))]), [(7_200, Some(1.0))]);
    }

    #[test]
    fn short_steps_are_judged_when_five_minutes_are_full() {
        let values: Vec<(i64, Option<f64>)> = (0..12).map(|n| (n * 60, Some(n as f64))).collect();
        assert_eq!(blocks(60, &values), [(0, Some(2.0)), (300, Some(7.0))]);
    }

    #[test]
    fn of_a_block_half_must_be_measured_and_gaps_are_told() {
        let values = [(0, Some(1.0)), (60, None), (120, Some(3.0)), (720, Some(9.0)), (1_200, Some(5.0))];
        assert_eq!(blocks(60, &values), [(0, Some(2.0)), (300, None), (600, None), (900, None)]);
    }
}
