//! Learns a prior from many series.
//!
//! Never sees what a series did after its last value: give it series that end where they are to be
//! forecast.

use super::bucket::{Bucket, ENDS, buckets};
use super::features::{self, Features};
use super::ground::{Checked, Ground, PRIOR_ROWS};
use super::prior::{LeadPrior, Prior};
use super::regression::{Row, fit};
use super::spread::{self, Weights};

/// Rows of each series that the pooled regression sees.
const ROWS_PER_SERIES: usize = 60;

/// Rounds of the pooled regression.
const ROUNDS: usize = 10;

/// A series to learn from.
pub struct Lesson<'a> {
    /// One value per step, NaN for a gap.
    pub values: &'a [f64],
    /// Steps in a day.
    pub day: usize,
}

/// Learns the prior of lead times up to a day.
pub fn train(lessons: &[Lesson<'_>], trained_on: &str) -> Prior {
    let day = ENDS.last().copied().unwrap_or(1);
    let flat = |bucket: &Bucket| LeadPrior {
        lead: bucket.middle() / day as f64,
        weights: [0.0; features::COUNT],
        spread: [0.0; spread::COUNT],
    };
    let buckets = buckets(day);
    let mut prior = Prior { trained_on: trained_on.to_owned(), leads: buckets.iter().map(flat).collect() };
    for (index, bucket) in buckets.iter().enumerate() {
        let weights = weights(lessons, *bucket, &prior.leads[index]);
        prior.leads[index].weights = weights;
        let spread = causes(lessons, *bucket, &prior.leads[index]);
        prior.leads[index].spread = spread;
    }
    prior
}

fn checked(lesson: &Lesson<'_>, bucket: Bucket, prior: &LeadPrior) -> Vec<Checked> {
    let ground = Ground::new(lesson.values, lesson.day);
    ground.checked(bucket, &prior.weights)
}

/// Every series counts alike, whatever it is measured in and however long it is.
fn weights(lessons: &[Lesson<'_>], bucket: Bucket, prior: &LeadPrior) -> Features {
    let mut pooled: Vec<Row> = Vec::new();
    for lesson in lessons {
        let rows: Vec<Row> = checked(lesson, bucket, prior).into_iter().map(|checked| checked.row).collect();
        if rows.is_empty() {
            continue;
        }
        let total: f64 = rows.iter().map(|row| row.weight).sum();
        let own = fit(&rows, &prior.weights, &prior.weights, 1.0, ROUNDS);
        let unit = rows.iter().map(|row| row.weight * row.error(&own).abs()).sum::<f64>() / total;
        if unit > 0.0 {
            let scaled = |row: &Row| Row {
                features: row.features.map(|value| value / unit),
                came: row.came / unit,
                weight: row.weight / total,
            };
            pooled.extend(rows.iter().step_by(rows.len().div_ceil(ROWS_PER_SERIES)).map(scaled));
        }
    }
    fit(&pooled, &prior.weights, &prior.weights, 1.0, ROUNDS)
}

/// Least squares of the logarithm of the errors on those of the causes, each relative to its mean
/// over the series.
fn causes(lessons: &[Lesson<'_>], bucket: Bucket, prior: &LeadPrior) -> Weights {
    let mut sums = [[0.0; spread::COUNT + 1]; spread::COUNT];
    let mut count = 0.0;
    for lesson in lessons {
        let ground = Ground::new(lesson.values, lesson.day);
        let checked = ground.checked(bucket, &prior.weights);
        let weights = fit(&checked, &prior.weights, &prior.weights, PRIOR_ROWS, ROUNDS);
        let mut logs: Vec<[f64; spread::COUNT + 1]> = checked
            .iter()
            .map(|checked| {
                let mut row = [0.0; spread::COUNT + 1];
                row[..spread::COUNT].copy_from_slice(&checked.causes.logs);
                row[spread::COUNT] = ground.past.log(checked.row.error(&weights).abs());
                row
            })
            .collect();
        centre(&mut logs);
        for row in &logs {
            for (sums, value) in sums.iter_mut().zip(row) {
                for (sum, other) in sums.iter_mut().zip(row) {
                    *sum += value * other;
                }
            }
        }
        count += logs.len() as f64;
    }
    solve(sums, 0.01 * count)
}

fn centre(rows: &mut [[f64; spread::COUNT + 1]]) {
    let count = rows.len() as f64;
    for column in 0..=spread::COUNT {
        let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
        rows.iter_mut().for_each(|row| row[column] -= mean);
    }
}

/// Gauss' elimination; the last column is the right-hand side.
fn solve(mut sums: [[f64; spread::COUNT + 1]; spread::COUNT], ridge: f64) -> Weights {
    for pivot in 0..spread::COUNT {
        sums[pivot][pivot] += ridge;
        let row = sums[pivot];
        for other in sums.iter_mut().skip(pivot + 1) {
            let factor = other[pivot] / row[pivot];
            other.iter_mut().zip(&row).for_each(|(value, known)| *value -= factor * known);
        }
    }
    let mut solution = [0.0; spread::COUNT];
    for index in (0..spread::COUNT).rev() {
        let known: f64 = (index + 1..spread::COUNT).map(|k| sums[index][k] * solution[k]).sum();
        solution[index] = (sums[index][spread::COUNT] - known) / sums[index][index];
    }
    solution
}
