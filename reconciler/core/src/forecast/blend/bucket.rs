//! Lead times that are forecast alike: single steps at first, longer and longer stretches later.

/// Last lead time of each bucket, in steps; beyond them each is twice the one before.
pub(super) const ENDS: [usize; 10] = [1, 2, 4, 7, 12, 24, 48, 96, 192, 288];

/// The golden ratio's fractional part: its multiples fall evenly into any interval.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A stretch of lead times, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Bucket {
    pub(super) fn middle(self) -> f64 {
        f64::midpoint(self.first as f64, self.last as f64)
    }

    /// A lead time in it, another one for each `turn`.
    pub(super) fn lead(self, turn: usize) -> usize {
        let share = (turn as f64 * GOLDEN).fract();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
        let offset = (share * (self.last - self.first + 1) as f64) as usize;
        (self.first + offset).min(self.last)
    }
}

/// The buckets of every lead time up to `horizon`.
pub(super) fn buckets(horizon: usize) -> Vec<Bucket> {
    let longest = ENDS.last().copied().unwrap_or(1);
    let beyond = std::iter::successors(Some(2 * longest), |end| Some(2 * end));
    let mut first = 1;
    let mut buckets = Vec::new();
    for end in ENDS.into_iter().chain(beyond) {
        if first > horizon {
            break;
        }
        buckets.push(Bucket { first, last: end.min(horizon) });
        first = end + 1;
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_lead_time_once() {
        for horizon in [1, 3, 12, 72, 288, 289, 2016] {
            let covered: Vec<usize> = buckets(horizon).iter().flat_map(|bucket| bucket.first..=bucket.last).collect();
            assert_eq!(covered, (1..=horizon).collect::<Vec<usize>>());
        }
    }

    #[test]
    fn leads_stay_in_their_bucket_and_reach_both_ends() {
        let bucket = Bucket { first: 25, last: 48 };
        let leads: Vec<usize> = (0..200).map(|turn| bucket.lead(turn)).collect();
        assert!(leads.iter().all(|lead| (25..=48).contains(lead)));
        assert!(leads.contains(&25) && leads.contains(&48));
    }
}
