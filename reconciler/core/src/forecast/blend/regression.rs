//! Weights of least absolute error, held near prior weights: a ridge regression that is repeated
//! with each row weighted down by its error (iteratively reweighted least squares), as in
//! Schlossmacher, "An iterative technique for absolute deviations curve fitting", 1973.
//!
//! Single precision in the sums, since it is what most of the time is spent on; every column is
//! brought to the same scale first. Never answers weights that are not finite.

use super::features::{COUNT, Features};
use crate::history::narrow;

/// Numbers that the processor adds at once; sums are laid out in such groups.
const LANES: usize = 4;

/// Groups that hold one row.
const GROUPS: usize = COUNT / LANES;

/// Rows that are added in one pass over the sums, which are far more than the processor's registers hold.
const ROWS_AT_ONCE: usize = 4;

/// Share of the mean error below which errors weigh alike, so that none weighs infinitely.
const ERROR_MIN: f32 = 0.05;

/// Share of the mean variance of the columns that every column gets: an empty one has no weight to learn.
const VARIANCE_MIN: f64 = 1e-6;

/// One forecast of the past.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) features: Features,
    /// What came minus the usual value.
    pub(super) came: f64,
    /// How much it counts.
    pub(super) weight: f64,
}

impl AsRef<Self> for Row {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Row {
    /// What came minus what the weights say.
    pub(super) fn error(&self, weights: &Features) -> f64 {
        self.came - dot(weights, &self.features)
    }
}

/// The sum of products, in lanes: one after another, each addition would wait for the last.
pub(super) fn dot(a: &Features, b: &Features) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        sums = std::array::from_fn(|lane| sums[lane] + a[lane] * b[lane]);
    }
    sums.iter().sum()
}

const _: () = assert!(COUNT.is_multiple_of(LANES), "rows are whole groups");

/// A row as the sums see it.
type Lanes = [[f32; LANES]; GROUPS];

/// The lower triangle of the normal equations, in groups of lanes, and their right-hand side.
struct Sums {
    matrix: [Lanes; COUNT],
    side: Lanes,
}

/// Weights of least absolute error over `rows`, beginning at `start`, held at `prior` as strongly
/// as `strength` rows would.
pub(super) fn fit<R: AsRef<Row>>(
    rows: &[R],
    start: &Features,
    prior: &Features,
    strength: f64,
    rounds: usize,
) -> Features {
    let scales = scales(rows);
    let shares = scales.map(|scale| 1.0 / scale);
    let each = || rows.iter().map(AsRef::as_ref);
    let total: f64 = each().map(|row| row.weight).sum();
    let squares: f64 = each().map(|row| row.weight * row.weight).sum();
    let unit = each().map(|row| row.weight * row.error(prior).abs()).sum::<f64>() / total;
    if !unit.is_finite() || unit <= 0.0 {
        return *prior;
    }
    let count = total * total / squares;
    let narrowed = |row: &Row| Narrow {
        lanes: lanes(&std::array::from_fn(|index| row.features[index] * shares[index])),
        missed: narrow(row.error(prior) / unit),
        weight: narrow(row.weight / total * count),
    };
    let narrowed: Vec<Narrow> = each().map(narrowed).collect();
    let mut moved: Features = std::array::from_fn(|index| (start[index] - prior[index]) * scales[index] / unit);
    for _ in 0..rounds {
        let before = lanes(&moved);
        let mut sums = Sums { matrix: [[[0.0; LANES]; GROUPS]; COUNT], side: [[0.0; LANES]; GROUPS] };
        let (blocks, rest) = narrowed.as_chunks::<ROWS_AT_ONCE>();
        blocks.iter().for_each(|rows| sums.add(rows, &before));
        rest.iter().for_each(|row| sums.add(std::array::from_ref(row), &before));
        let Some(next) = sums.solve(strength / count) else { break };
        moved = next;
    }
    std::array::from_fn(|index| prior[index] + moved[index] * unit / scales[index])
}

/// A row as the sums see it: in scaled columns, relative to what the prior weights say.
struct Narrow {
    lanes: Lanes,
    missed: f32,
    weight: f32,
}

/// Root mean square of each column.
fn scales<R: AsRef<Row>>(rows: &[R]) -> Features {
    let mut scales = [0.0; COUNT];
    for row in rows {
        for (scale, value) in scales.iter_mut().zip(&row.as_ref().features) {
            *scale += value * value;
        }
    }
    scales.map(|sum| if sum > 0.0 { (sum / rows.len() as f64).sqrt() } else { 1.0 })
}

fn lanes(values: &Features) -> Lanes {
    std::array::from_fn(|group| std::array::from_fn(|lane| narrow(values[group * LANES + lane])))
}

impl Narrow {
    /// How much it counts, weighted down by what `moved` weights leave of its error.
    fn weight(&self, moved: &Lanes) -> f32 {
        let products = self.lanes.iter().zip(moved).fold([0.0; LANES], |sums: [f32; LANES], (values, weights)| {
            std::array::from_fn(|lane| sums[lane] + values[lane] * weights[lane])
        });
        let error = (self.missed - products.iter().sum::<f32>()).abs();
        self.weight / error.max(ERROR_MIN)
    }
}

impl Sums {
    /// Adds rows, each weighted down by what `moved` weights leave of its error.
    fn add<const ROWS: usize>(&mut self, rows: &[Narrow; ROWS], moved: &Lanes) {
        let weighted: [Lanes; ROWS] = std::array::from_fn(|row| {
            let weight = rows[row].weight(moved);
            rows[row].lanes.map(|values| values.map(|value| weight * value))
        });
        for (row, values) in rows.iter().zip(&weighted) {
            for (target, values) in self.side.iter_mut().zip(values) {
                *target = std::array::from_fn(|lane| target[lane] + row.missed * values[lane]);
            }
        }
        for (index, target) in self.matrix.iter_mut().enumerate() {
            let factors: [f32; ROWS] = std::array::from_fn(|row| weighted[row].as_flattened()[index]);
            for (group, target) in target.iter_mut().take(index / LANES + 1).enumerate() {
                for (row, factor) in rows.iter().zip(factors) {
                    *target = std::array::from_fn(|lane| target[lane] + factor * row.lanes[group][lane]);
                }
            }
        }
    }

    /// The change of the weights, by Cholesky's decomposition.
    fn solve(&self, ridge: f64) -> Option<Features> {
        let mut matrix = [[0.0_f64; COUNT]; COUNT];
        for (row, lanes) in matrix.iter_mut().zip(&self.matrix) {
            for (value, sum) in row.iter_mut().zip(lanes.as_flattened()) {
                *value = f64::from(*sum);
            }
        }
        let trace: f64 = (0..COUNT).map(|i| matrix[i][i]).sum();
        let least = VARIANCE_MIN * trace / COUNT as f64;
        for (index, row) in matrix.iter_mut().enumerate() {
            row[index] += ridge * row[index] + least;
        }
        let mut solution: Features = [0.0; COUNT];
        for (value, sum) in solution.iter_mut().zip(self.side.as_flattened()) {
            *value = f64::from(*sum);
        }
        decompose(&mut matrix)?;
        substitute(&matrix, &mut solution);
        solution.iter().all(|value| value.is_finite()).then_some(solution)
    }
}

/// Replaces the lower triangle by that of Cholesky; `None` when the matrix is not positive.
fn decompose(matrix: &mut [Features; COUNT]) -> Option<()> {
    for j in 0..COUNT {
        let known = |row: &Features, other: &Features| row.iter().zip(other).take(j).map(|(a, b)| a * b).sum::<f64>();
        let pivot_row = matrix[j];
        let pivot = pivot_row[j] - known(&pivot_row, &pivot_row);
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        let root = pivot.sqrt();
        for row in matrix.iter_mut().skip(j + 1) {
            row[j] = (row[j] - known(row, &pivot_row)) / root;
        }
        matrix[j][j] = root;
    }
    Some(())
}

/// Solves both triangles in place.
fn substitute(triangle: &[Features; COUNT], side: &mut Features) {
    for i in 0..COUNT {
        let known: f64 = (0..i).map(|k| triangle[i][k] * side[k]).sum();
        side[i] = (side[i] - known) / triangle[i][i];
    }
    for i in (0..COUNT).rev() {
        let known: f64 = (i + 1..COUNT).map(|k| triangle[k][i] * side[k]).sum();
        side[i] = (side[i] - known) / triangle[i][i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in which the first column counts double and the second takes one away.
    fn rows(outlier: f64) -> Vec<Row> {
        let row = |index: u32| {
            let mut features = [0.0; COUNT];
            (features[0], features[1]) = (f64::from(index % 11) - 5.0, f64::from(index % 7) - 3.0);
            let came = 2.0 * features[0] - features[1] + if index.is_multiple_of(10) { outlier } else { 0.0 };
            Row { features, came, weight: 1.0 }
        };
        (0..300).map(row).collect()
    }

    #[test]
    fn weights_are_found_in_spite_of_outliers() {
        let start = [0.0; COUNT];
        for outlier in [0.0, 1000.0] {
            let weights = fit(&rows(outlier), &start, &start, 0.01, 12);
            assert!((weights[0] - 2.0).abs() < 0.05 && (weights[1] + 1.0).abs() < 0.05, "{weights:?}");
        }
    }

    #[test]
    fn few_rows_leave_the_prior_and_none_change_nothing() {
        let prior = [0.5; COUNT];
        assert_eq!(fit::<Row>(&[], &prior, &prior, 1.0, 2).map(f64::to_bits), prior.map(f64::to_bits));
        let held = fit(&rows(0.0), &prior, &prior, 1e9, 2);
        assert!((held[0] - 0.5).abs() < 1e-3, "{held:?}");
    }
}
