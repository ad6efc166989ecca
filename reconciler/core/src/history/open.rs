//! The samples of the newest steps, whose means may still move. Never holds more than a few hundred.

use super::Sample;
use jiff::Timestamp;

/// Steps that take late samples: an hour of five minutes, longer than any scrape or push is late.
const STEPS: i64 = 12;

/// Most samples kept: twelve steps of five minutes at two a minute have half as many, and with these
/// eight kilobytes a history of four weeks stays below 48.
const SAMPLES_MAX: usize = 512;

/// What came in the newest steps, ordered by step and time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Open {
    pub(super) samples: Vec<(i64, Sample)>,
    /// Steps before this one are closed.
    pub(super) from: i64,
}

impl Open {
    /// Whether what came in a step is known no more.
    pub(super) fn is_closed(&self, step: i64) -> bool {
        !self.samples.is_empty() && step < self.from
    }

    /// Takes a sample; answers the mean of its step. A second one of the same time takes the place of the first.
    pub(super) fn push(&mut self, step: i64, sample: Sample, newest_step: i64) -> f64 {
        if self.is_closed(step) {
            return sample.value;
        }
        let time = |at: Timestamp| at.as_millisecond();
        let place =
            self.samples.binary_search_by_key(&(step, time(sample.at)), |(step, known)| (*step, time(known.at)));
        match place {
            Ok(known) => self.samples.splice(known..=known, [(step, sample)]).for_each(drop),
            Err(place) => self.samples.insert(place, (step, sample)),
        }
        let mean = self.mean(step).unwrap_or(sample.value);
        self.close(newest_step - STEPS + 1);
        self.shorten();
        mean
    }

    fn mean(&self, step: i64) -> Option<f64> {
        let first = self.samples.partition_point(|(other, _)| *other < step);
        let of_step = self.samples.iter().skip(first).take_while(|(other, _)| *other == step);
        let (sum, count) = of_step.fold((0.0, 0.0), |(sum, count), (_, sample)| (sum + sample.value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    fn close(&mut self, before: i64) {
        self.from = if self.samples.len() == 1 { before } else { self.from.max(before) };
        let closed = self.samples.partition_point(|(step, _)| *step < before);
        self.samples.drain(..closed);
    }

    /// Closes the oldest step when there are too many samples. Of a step that alone has too many every
    /// second one is dropped: its mean stays where it was.
    fn shorten(&mut self) {
        if self.samples.len() <= SAMPLES_MAX {
            return;
        }
        let ends = self.samples.first().zip(self.samples.last());
        match ends.map(|(first, last)| (first.0, last.0)) {
            Some((oldest, newest)) if oldest < newest => self.close(oldest + 1),
            Some(_) | None => {
                let mut keep = false;
                self.samples.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, value: f64) -> Sample {
        Sample { at: Timestamp::from_second(second).unwrap(), value }
    }

    #[test]
    fn a_step_with_very_many_samples_keeps_its_mean() {
        let mut open = Open::default();
        let mean = (0..3_000).map(|second| open.push(0, sample(second, (second % 10) as f64), 0)).last().unwrap();
        assert!((mean - 4.5).abs() < 0.6, "{mean}");
        assert!(open.samples.len() <= SAMPLES_MAX);
    }

    #[test]
    fn the_oldest_step_is_closed_first() {
        let mut open = Open::default();
        for second in 0..1_200 {
            open.push(second / 300, sample(second, 1.0), second / 300);
        }
        assert!(open.samples.len() <= SAMPLES_MAX && open.is_closed(1) && !open.is_closed(3), "from {}", open.from);
    }
}
