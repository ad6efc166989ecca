//! How odd a deviation is, judged by the signal's own past: what one signal does every hour is odd
//! in another. One number serves all signals.

use std::collections::VecDeque;

/// Deviations that are remembered: a week of five-minute steps.
const REMEMBERED: usize = 2_016;

/// Deviations without which nothing can be said: below, the highest percent is a single one.
const NEEDED: usize = 100;

/// Deviations after which the scale is found anew: an hour of five-minute steps, a hundredth of what
/// it is found from.
const REFRESHED_EVERY: u32 = 12;

/// Parts of the scale. A deviation of the size that one in ten has is ordinary; what one in a hundred
/// has counts in part, so that a signal with bursts has to surpass them. Found by trial on labelled
/// series; within a factor of two it changes little.
const TENTH: f64 = 1.0;
const HUNDREDTH: f64 = 0.5;

/// Steps of the logarithmic scale on which deviations are remembered, per factor of e: 3 % apart.
const LOG_STEPS: f64 = 32.0;

/// Most that is told: the scale of a signal that never moved is next to nothing.
const SEVERITY_MAX: f64 = 100.0;

/// What deviations are measured by.
#[derive(Debug, Clone, Copy)]
struct Scale {
    unit: f64,
    largest: f64,
}

/// How odd a deviation is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Oddity {
    /// In units of what the signal does of itself; comparable from signal to signal.
    pub(super) severity: f64,
    /// Whether the week has seen nothing as large.
    pub(super) unheard_of: bool,
}

/// The past of one kind of deviation.
#[derive(Debug, Clone, Default)]
pub(super) struct Rarity {
    /// Logarithms of absolute deviations, the newest last.
    seen: VecDeque<i16>,
    scale: Option<Scale>,
    since_refresh: u32,
}

impl Rarity {
    /// How odd a deviation is. `noise` is what makes no difference. `None` as long as too little is
    /// known. It is then part of the past.
    pub(super) fn judge(&mut self, deviation: f64, noise: f64) -> Option<Oddity> {
        let oddity = self.oddity(deviation, noise);
        self.remember(deviation.abs());
        oddity
    }

    /// How odd a deviation would be.
    pub(super) fn oddity(&self, deviation: f64, noise: f64) -> Option<Oddity> {
        let scale = self.scale?;
        let size = deviation.abs();
        let severity = (size / (scale.unit + noise).max(f64::MIN_POSITIVE)).min(SEVERITY_MAX);
        Some(Oddity { severity, unheard_of: size > scale.largest })
    }

    fn remember(&mut self, size: f64) {
        self.seen.push_back(logarithm(size));
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
        self.since_refresh += 1;
        if self.since_refresh >= REFRESHED_EVERY {
            self.since_refresh = 0;
            self.scale = self.found();
        }
    }

    fn found(&self) -> Option<Scale> {
        if self.seen.len() < NEEDED {
            return None;
        }
        let mut sizes: Vec<i16> = self.seen.iter().copied().collect();
        let last = sizes.len() - 1;
        let mut at = |rank: usize| size(*sizes.select_nth_unstable(rank).1);
        let unit = HUNDREDTH * at(last - last / 100) + TENTH * at(last - last / 10);
        Some(Scale { unit, largest: at(last) })
    }
}

fn logarithm(size: f64) -> i16 {
    let steps = (size.ln() * LOG_STEPS).round().clamp(f64::from(i16::MIN), f64::from(i16::MAX));
    #[expect(clippy::cast_possible_truncation, reason = "it was clamped")]
    let logarithm = steps as i16;
    logarithm
}

fn size(logarithm: i16) -> f64 {
    if logarithm == i16::MIN { 0.0 } else { (f64::from(logarithm) / LOG_STEPS).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oddity of a deviation after many of at most 1 and one that is given.
    fn oddity_after(largest: f64, deviation: f64) -> Oddity {
        let mut rarity = Rarity::default();
        for step in 0..1_000 {
            let size = if step == 500 { largest } else { f64::from(step % 100) / 100.0 };
            rarity.judge(size, 0.0);
        }
        rarity.judge(deviation, 0.0).unwrap()
    }

    #[test]
    fn the_ordinary_is_not_odd_and_the_unheard_of_is() {
        let ordinary = oddity_after(1.0, 0.5);
        assert!(ordinary.severity < 0.5 && !ordinary.unheard_of, "{ordinary:?}");
        let odd = oddity_after(1.0, 10.0);
        assert!(odd.severity > 5.0 && odd.unheard_of, "{odd:?}");
        assert!(!oddity_after(50.0, 10.0).unheard_of, "it was worse this week");
    }

    #[test]
    fn bursts_have_to_be_surpassed() {
        let mut rarity = Rarity::default();
        for step in 0..1_000 {
            rarity.judge(if step % 50 == 0 { 20.0 } else { 1.0 }, 0.0);
        }
        assert!(rarity.judge(20.0, 0.0).unwrap().severity < oddity_after(1.0, 20.0).severity / 5.0);
    }

    #[test]
    fn the_unit_does_not_matter() {
        let of_unit = |unit: f64| {
            let mut rarity = Rarity::default();
            for step in 0..500 {
                rarity.judge(unit * f64::from(step % 37), 0.0);
            }
            rarity.judge(unit * 100.0, 0.0).unwrap().severity
        };
        for unit in [1e-12, 1e12] {
            assert!((of_unit(unit) / of_unit(1.0) - 1.0).abs() < 0.05, "{unit}");
        }
    }

    #[test]
    fn with_too_little_past_nothing_is_said() {
        let mut rarity = Rarity::default();
        assert!((0..99).all(|_| rarity.judge(1.0, 0.0).is_none()));
    }

    #[test]
    fn zeros_stay_zeros() {
        assert_eq!((logarithm(0.0), size(i16::MIN)), (i16::MIN, 0.0));
    }
}
