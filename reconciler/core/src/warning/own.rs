//! What a signal's own past adds to the model: a logistic regression on the model's answer and a few
//! of its numbers, held near "the model is right" and refitted once a day.
//!
//! Learns from outcomes alone, never from alarms: whether anybody acted does not matter.

use super::features::Features;

/// Numbers that it weighs.
pub(super) const COUNT: usize = 10;

/// Of the model's numbers, those that a series' own past may weigh otherwise: where it is now, its
/// hour, its slope, the maxima of other days from here, how often it broke at this time and when last.
const PICKED: [usize; COUNT - 2] = [0, 1, 9, 16, 17, 18, 22, 24];

/// Scales that bring them to about one.
const SCALES: [f32; COUNT - 2] = [0.5, 0.5, 0.3, 0.5, 0.3, 0.3, 0.5, 3.0];

/// Largest magnitude after scaling.
const MAX: f32 = 3.0;

/// Every so many calm looks one is kept, so that four weeks fit.
const CALM_KEPT: usize = 32;

/// Looks before an incident of which one is kept.
const BROKE_KEPT: usize = 3;

/// Looks that are kept at most, oldest dropped first.
const KEPT_MAX: usize = 256;

/// Strength with which weights are held. The dozen looks before one incident tell one thing, and so do
/// those of a calm hour; less let a signal's chance incidents outvote the model.
const HELD: f32 = 1000.0;

/// Rounds of Newton's method; it converges in a few.
const ROUNDS: usize = 4;

/// One look: a constant, the model's answer, and the picked numbers.
pub(super) type Numbers = [f32; COUNT];

/// Weights that say that the model is right.
const MODEL_IS_RIGHT: Numbers = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// What was learned of one signal and horizon.
#[derive(Debug, Clone)]
pub(super) struct Own {
    looks: Vec<(Numbers, bool)>,
    weights: Numbers,
    calm: usize,
    broke: usize,
}

impl Default for Own {
    fn default() -> Self {
        Self { looks: Vec::new(), weights: MODEL_IS_RIGHT, calm: 0, broke: 0 }
    }
}

impl Own {
    /// Logarithm of the odds.
    pub(super) fn log_odds(&self, numbers: &Numbers) -> f32 {
        dot(&self.weights, numbers)
    }

    /// Takes a look of which the outcome is known by now.
    pub(super) fn learn(&mut self, numbers: &Numbers, broke: bool) {
        let (count, every) = if broke { (&mut self.broke, BROKE_KEPT) } else { (&mut self.calm, CALM_KEPT) };
        *count += 1;
        if !(*count - 1).is_multiple_of(every) {
            return;
        }
        if self.looks.len() == KEPT_MAX {
            self.looks.remove(0);
        }
        self.looks.push((*numbers, broke));
    }

    /// Finds the weights anew.
    pub(super) fn refit(&mut self) {
        let mut weights = MODEL_IS_RIGHT;
        for _ in 0..ROUNDS {
            let Some(step) = self.newton(&weights) else { return };
            weights.iter_mut().zip(&step).for_each(|(weight, step)| *weight += step);
        }
        if weights.iter().all(|weight| weight.is_finite()) {
            self.weights = weights;
        }
    }

    fn newton(&self, weights: &Numbers) -> Option<Numbers> {
        let mut sums = [[0.0_f32; COUNT + 1]; COUNT];
        for (index, row) in sums.iter_mut().enumerate() {
            row[index] = HELD;
            row[COUNT] = HELD * (MODEL_IS_RIGHT[index] - weights[index]);
        }
        for (numbers, broke) in &self.looks {
            let share = if *broke { BROKE_KEPT } else { CALM_KEPT } as f32;
            let probability = probability(dot(weights, numbers));
            let missed = share * (f32::from(u8::from(*broke)) - probability);
            let curve = share * probability * (1.0 - probability);
            for (row, number) in sums.iter_mut().zip(numbers) {
                for (sum, other) in row.iter_mut().zip(numbers) {
                    *sum += curve * number * other;
                }
                row[COUNT] += missed * number;
            }
        }
        solve(sums)
    }
}

/// The probability of a logarithm of odds.
pub(super) fn probability(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// What is weighed of a look, from the model's log-odds and what it saw.
pub(super) fn numbers(model: f32, features: &Features) -> Numbers {
    let mut picked = PICKED.iter().zip(SCALES).map(|(index, scale)| {
        let value = features.get(*index).copied().unwrap_or(0.0) / scale;
        if *index == 24 { value - 1.0 } else { value }.clamp(-MAX, MAX)
    });
    std::array::from_fn(|index| match index {
        0 => 1.0,
        1 => model,
        _ => picked.next().unwrap_or(0.0),
    })
}

fn dot(a: &Numbers, b: &Numbers) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Gauss' elimination of a positive matrix; the last column is the right-hand side.
fn solve(mut sums: [[f32; COUNT + 1]; COUNT]) -> Option<Numbers> {
    for pivot in 0..COUNT {
        let row = sums[pivot];
        if row[pivot].is_nan() || row[pivot] <= 0.0 {
            return None;
        }
        for other in sums.iter_mut().skip(pivot + 1) {
            let factor = other[pivot] / row[pivot];
            other.iter_mut().zip(&row).for_each(|(value, known)| *value -= factor * known);
        }
    }
    let mut solution = [0.0; COUNT];
    for index in (0..COUNT).rev() {
        let known: f32 = (index + 1..COUNT).map(|k| sums[index][k] * solution[k]).sum();
        solution[index] = (sums[index][COUNT] - known) / sums[index][index];
    }
    Some(solution)
}
