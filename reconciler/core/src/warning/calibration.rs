//! How far the stated probabilities came true: of the looks that were given about so much, so many
//! were followed by an incident.

use serde::{Deserialize, Serialize};

/// Where the bins begin: narrow where most looks are.
const EDGES: [f32; BINS] = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

/// Bins.
const BINS: usize = 10;

/// Record of stated probabilities and what came. Sums only, so that records can be added up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    looks: [u32; BINS],
    broke: [u32; BINS],
    stated: [f64; BINS],
    /// Sum of squared errors of what was stated.
    missed: f64,
    /// The same for the share of windows so far in which the limit broke.
    missed_by_rate: f64,
}

/// Looks that were given about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Least probability of the bin, from 0 to 1.
    pub from: f32,
    /// Looks in it whose outcome is known.
    pub looks: u32,
    /// Mean of the stated probabilities.
    pub stated: f64,
    /// Share that was followed by an incident within the horizon.
    pub came: f64,
}

impl Calibration {
    /// Takes a stated probability, the rate of incidents that was known then, and what came.
    pub(crate) fn learn(&mut self, stated: f32, rate: f32, broke: bool) {
        let bin = EDGES.partition_point(|edge| *edge <= stated).clamp(1, BINS) - 1;
        let came = f64::from(u8::from(broke));
        self.looks[bin] = self.looks[bin].saturating_add(1);
        self.broke[bin] = self.broke[bin].saturating_add(u32::from(broke));
        self.stated[bin] += f64::from(stated);
        self.missed += (f64::from(stated) - came).powi(2);
        self.missed_by_rate += (f64::from(rate) - came).powi(2);
    }

    /// Adds another signal's record.
    pub fn add(&mut self, other: &Self) {
        for bin in 0..BINS {
            self.looks[bin] = self.looks[bin].saturating_add(other.looks[bin]);
            self.broke[bin] = self.broke[bin].saturating_add(other.broke[bin]);
            self.stated[bin] += other.stated[bin];
        }
        self.missed += other.missed;
        self.missed_by_rate += other.missed_by_rate;
    }

    /// The bins that have looks, least probability first.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        (0..BINS).filter(|bin| self.looks[*bin] > 0).map(|bin| {
            let looks = f64::from(self.looks[bin]);
            let (stated, came) = (self.stated[bin] / looks, f64::from(self.broke[bin]) / looks);
            Bin { from: EDGES[bin], looks: self.looks[bin], stated, came }
        })
    }

    /// Looks whose outcome is known.
    pub fn looks(&self) -> u64 {
        self.looks.iter().copied().map(u64::from).sum()
    }

    /// Mean distance of the stated probabilities from what came, over all looks (expected calibration
    /// error); `None` before any outcome is known.
    pub fn error(&self) -> Option<f64> {
        let looks = self.looks() as f64;
        let distance: f64 = self.bins().map(|bin| f64::from(bin.looks) * (bin.stated - bin.came).abs()).sum();
        (looks > 0.0).then(|| distance / looks)
    }

    /// Brier skill: 1 is perfect, 0 no better than stating the rate of incidents so far; `None`
    /// before any outcome is known.
    pub fn skill(&self) -> Option<f64> {
        (self.missed_by_rate > 0.0).then(|| 1.0 - self.missed / self.missed_by_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_as_often_as_stated_is_well_calibrated() {
        let mut calibration = Calibration::default();
        assert_eq!((calibration.error(), calibration.skill()), (None, None));
        for look in 0..100 {
            calibration.learn(0.25, 0.02, look % 4 == 0);
        }
        assert!(calibration.error().unwrap() < 1e-6 && calibration.skill().unwrap() > 0.0);
        let bins: Vec<Bin> = calibration.bins().collect();
        assert_eq!(bins, [Bin { from: 0.2, looks: 100, stated: 0.25, came: 0.25 }]);
    }

    #[test]
    fn too_sure_is_an_error_and_records_add_up() {
        let (mut sure, mut right) = (Calibration::default(), Calibration::default());
        for look in 0..100 {
            sure.learn(1.0, 0.5, look % 2 == 0);
            right.learn(0.5, 0.5, look % 2 == 0);
        }
        assert!(sure.error().unwrap() > 0.49 && sure.skill().unwrap() < 0.0);
        right.add(&sure);
        assert_eq!((right.looks(), right.bins().count()), (200, 2));
        assert!((right.error().unwrap() - 0.25).abs() < 1e-6);
    }
}
