//! The samples of the newest steps, whose means may still move. Never holds more than a few hundred.

/// Steps that take late samples: an hour of five minutes, longer than any scrape or push is late.
const STEPS: i64 = 12;

/// Most samples kept: twelve steps of five minutes at four a minute have half as many, and with these
/// eight kilobytes a history of four weeks stays below 48.
const SAMPLES_MAX: usize = 512;

/// What came in the newest steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Open {
    /// When, in milliseconds since the Unix epoch, and what; ordered by time.
    pub(super) samples: Vec<(i64, f64)>,
    /// Steps before this one are closed.
    pub(super) from: i64,
}

/// The step of a time, both in milliseconds, counted from the Unix epoch.
pub(super) fn step_of(at: i64, step_ms: i64) -> i64 {
    at.div_euclid(step_ms)
}

impl Open {
    /// Whether what came in a step is known no more.
    pub(super) fn is_closed(&self, step: i64) -> bool {
        !self.samples.is_empty() && step < self.from
    }

    /// Takes a sample, in steps of so many milliseconds; answers the mean of its step. A second one of the same time takes
    /// the place of the first.
    pub(super) fn push(&mut self, (at, value): (i64, f64), step_ms: i64, newest_step: i64) -> f64 {
        let step = step_of(at, step_ms);
        if self.is_closed(step) {
            return value;
        }
        match self.samples.binary_search_by_key(&at, |(known, _)| *known) {
            Ok(known) => self.samples.splice(known..=known, [(at, value)]).for_each(drop),
            Err(place) => self.samples.insert(place, (at, value)),
        }
        let mean = self.mean(step, step_ms).unwrap_or(value);
        self.close(newest_step - STEPS + 1, step_ms);
        self.shorten(step_ms);
        mean
    }

    fn mean(&self, step: i64, step_ms: i64) -> Option<f64> {
        let first = self.before(step, step_ms);
        let of_step = self.samples.iter().skip(first).take_while(|(at, _)| step_of(*at, step_ms) == step);
        let (sum, count) = of_step.fold((0.0, 0.0), |(sum, count), (_, value)| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// How many samples are from before a step.
    fn before(&self, step: i64, step_ms: i64) -> usize {
        self.samples.partition_point(|(at, _)| step_of(*at, step_ms) < step)
    }

    fn close(&mut self, before: i64, step_ms: i64) {
        self.from = if self.samples.len() == 1 { before } else { self.from.max(before) };
        self.samples.drain(..self.before(before, step_ms));
    }

    /// Closes the oldest step when there are too many samples. Of a step that alone has too many every
    /// second one is dropped: its mean stays where it was.
    fn shorten(&mut self, step_ms: i64) {
        if self.samples.len() <= SAMPLES_MAX {
            return;
        }
        let ends = self.samples.first().zip(self.samples.last());
        match ends.map(|(first, last)| (step_of(first.0, step_ms), step_of(last.0, step_ms))) {
            Some((oldest, newest)) if oldest < newest => self.close(oldest + 1, step_ms),
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

    /// Five minutes.
    const STEP_MS: i64 = 300_000;

    #[test]
    fn a_step_with_very_many_samples_keeps_its_mean() {
        let mut open = Open::default();
        let push = |at: i64| open.push((at, (at % 10) as f64), STEP_MS, 0);
        let mean = (0..3_000).map(push).last().unwrap();
        assert!((mean - 4.5).abs() < 0.6, "{mean}");
        assert!(open.samples.len() <= SAMPLES_MAX);
    }

    #[test]
    fn the_oldest_step_is_closed_first() {
        let mut open = Open::default();
        for second in 0..1_200 {
            open.push((1_000 * second, 1.0), STEP_MS, second / 300);
        }
        assert!(open.samples.len() <= SAMPLES_MAX && open.is_closed(1) && !open.is_closed(3), "from {}", open.from);
    }
}
