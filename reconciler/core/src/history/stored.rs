//! A history as bytes, and back. Whoever keeps them sees to it that they are whole; what contradicts
//! itself is refused with the reason, since a wrong past makes wrong forecasts.

use super::open::{Open, step_of};
use super::{History, VALUE_MAX, count_as_i64};
use crate::model::policy::HISTORY_SAMPLES_MAX;
use jiff::{SignedDuration, Timestamp};

/// A stored history that contradicts itself; pulling the window again replaces it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored history is corrupt: {0}; it is pulled again")]
pub struct CorruptHistory(&'static str);

/// Stands for "there is no sample".
const NEVER: i64 = i64::MIN;

impl History {
    /// Everything but the skew, which belongs to samples that were refused.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 4 * self.values.len() + 24 * self.open.samples.len());
        let newest = self.newest_at.map_or(NEVER, Timestamp::as_millisecond);
        let numbers = [self.step_ms(), count_as_i64(self.capacity), self.first_step, newest, self.open.from];
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(count_as_i64(self.values.len()).to_le_bytes());
        self.values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        for (at, value) in &self.open.samples {
            bytes.extend(step_of(*at, self.step_ms()).to_le_bytes());
            bytes.extend(at.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// What [`Self::to_bytes`] made.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CorruptHistory> {
        let mut rest = Rest(bytes);
        let step_ms = rest.integer()?;
        let (capacity, first_step, newest, from) = (rest.count()?, rest.integer()?, rest.integer()?, rest.integer()?);
        let length = rest.count()?;
        let capacity_max = usize::try_from(HISTORY_SAMPLES_MAX).unwrap_or(usize::MAX);
        match () {
            () if step_ms < 1 => return Err(CorruptHistory("its step is not positive")),
            () if !(1..=capacity_max).contains(&capacity) => {
                return Err(CorruptHistory("its capacity is out of range"));
            }
            () if length > capacity => return Err(CorruptHistory("there are more values than fit")),
            () => {}
        }
        let values = (0..length).map(|_| rest.take().map(f32::from_le_bytes)).collect::<Result<Vec<f32>, _>>()?;
        let history = Self {
            step: SignedDuration::from_millis(step_ms),
            capacity,
            first_step,
            values,
            open: Open { samples: rest.samples(step_ms)?, from },
            newest_at: if newest == NEVER { None } else { Some(rest.time(newest)?) },
            skew: None,
        };
        history.consistent()
    }

    fn consistent(self) -> Result<Self, CorruptHistory> {
        let is_measurable = |value: &f32| value.is_nan() || f64::from(value.abs()) <= VALUE_MAX;
        let newest_step = |at: Timestamp| self.step_of(at).checked_sub(self.first_step);
        let is_last = |steps: i64| steps.checked_add(1) == Some(count_as_i64(self.values.len()));
        let problem = match self.newest_at {
            _ if !self.values.iter().all(is_measurable) => "a value is no measurement",
            _ if self.values.last().is_some_and(|value| value.is_nan()) => "the newest value is missing",
            None if !self.values.is_empty() => "the newest time is missing",
            Some(at) if !newest_step(at).is_some_and(is_last) => "the newest time is not in the last step",
            _ if !self.open.samples.iter().all(|(_, value)| value.is_finite()) => "a sample is no measurement",
            _ if !self.open.samples.is_sorted_by(|a, b| a.0 < b.0) => "its samples are out of order",
            _ => return Ok(self),
        };
        Err(CorruptHistory(problem))
    }

    /// Bytes that it takes, with what its lists have in reserve.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let samples = self.open.samples.capacity() * size_of::<(i64, f64)>();
        size_of::<Self>() + 4 * self.values.capacity() + samples
    }
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CorruptHistory> {
        let (head, tail) = self.0.split_first_chunk().ok_or(CorruptHistory("it ends too early"))?;
        self.0 = tail;
        Ok(*head)
    }

    fn integer(&mut self) -> Result<i64, CorruptHistory> {
        self.take().map(i64::from_le_bytes)
    }

    fn count(&mut self) -> Result<usize, CorruptHistory> {
        usize::try_from(self.integer()?).map_err(|_negative| CorruptHistory("a count is negative"))
    }

    fn time(&self, ms: i64) -> Result<Timestamp, CorruptHistory> {
        Timestamp::from_millisecond(ms).map_err(|_range| CorruptHistory("a time is out of range"))
    }

    fn samples(&mut self, step_ms: i64) -> Result<Vec<(i64, f64)>, CorruptHistory> {
        let mut samples = Vec::new();
        while !self.0.is_empty() {
            let (step, at, value) = (self.integer()?, self.integer()?, self.take().map(f64::from_le_bytes)?);
            if step_of(at, step_ms) != step {
                return Err(CorruptHistory("a sample is not in its step"));
            }
            samples.push((at, value));
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn waves(samples: i64) -> History {
        let mut history = History::new(SignedDuration::from_secs(10), SignedDuration::from_secs(4_000));
        for second in (1_000..).step_by(7).take(usize::try_from(samples).unwrap()).filter(|second| second % 5 != 0) {
            history.push(Sample { at: at(second), value: (second as f64 * 0.7).sin() / 3.0 }, at(second));
        }
        history
    }

    #[test]
    fn a_stored_history_is_the_same_and_goes_on_alike() {
        let mut known = waves(400);
        let mut restored = History::from_bytes(&known.to_bytes()).unwrap();
        assert_eq!(restored.to_bytes(), known.to_bytes());
        let newest = known.newest().unwrap().as_second();
        for history in [&mut known, &mut restored] {
            for second in [newest - 3, newest + 1, newest + 30] {
                history.push(Sample { at: at(second), value: 0.3 }, at(second));
            }
        }
        assert_eq!(restored.to_bytes(), known.to_bytes());
        let empty = History::new(SignedDuration::from_secs(1), SignedDuration::from_secs(9));
        assert_eq!(History::from_bytes(&empty.to_bytes()), Ok(empty));
    }

    #[test]
    fn corrupt_bytes_are_refused_with_the_reason() {
        let check = |position: usize, number: i64, expected: &str| {
            let mut bytes = waves(100).to_bytes();
            // The last sample ends with the bytes; what comes before it is counted from the beginning.
            let from = if position > 5 { bytes.len() - 24 } else { 8 * position };
            bytes[from..from + 8].copy_from_slice(&number.to_le_bytes());
            let error = History::from_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{position}: {error}");
        };
        check(0, 0, "step is not positive");
        check(1, 1_000_000, "capacity is out of range");
        check(1, 2, "more values than fit");
        check(2, i64::MIN, "not in the last step");
        check(3, NEVER, "newest time is missing");
        check(3, i64::MAX, "time is out of range");
        check(5, -1, "count is negative");
        let whole = waves(100).to_bytes();
        check(6, 7, "not in its step");
        for length in [0, 7, 47, 60, whole.len() - 1] {
            assert!(History::from_bytes(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
