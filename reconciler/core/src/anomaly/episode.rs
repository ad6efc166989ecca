//! From odd samples to an anomaly: when it begins, when it is grave, when it is over.

use super::detector::Finding;
use super::{Grade, Kind, MAJOR, MINOR};
use jiff::Timestamp;

/// Samples without anything odd after which an anomaly is over: an hour at five-minute steps.
const QUIET_STEPS: usize = 12;

/// Samples that must be gravely odd before an anomaly is major: one alone may be an error of
/// measuring.
const MAJOR_STEPS: usize = 2;

/// An anomaly of one signal that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Episode {
    pub(super) since: Timestamp,
    pub(super) grade: Grade,
    pub(super) severity: f64,
    /// What it began with, or what made it major.
    pub(super) first: Finding,
    quiet: usize,
    grave: usize,
}

impl Episode {
    /// The anomaly that an odd sample begins, if it is odd enough.
    pub(super) fn begins(since: Timestamp, finding: &Finding) -> Option<Self> {
        (finding.severity >= MINOR).then(|| {
            let severity = finding.severity;
            let mut episode = Self { since, grade: Grade::Minor, severity, first: *finding, quiet: 0, grave: 0 };
            episode.weigh(finding);
            episode
        })
    }

    /// Takes the next sample: what was found in it, and how odd it is beside what was usual when the
    /// anomaly began. Answers whether the anomaly goes on.
    pub(super) fn goes_on(&mut self, found: Option<Finding>, beside_the_first: Option<f64>) -> bool {
        let lasting = beside_the_first.map(|severity| Finding { severity, ..self.first });
        let worst = [lasting, found].into_iter().flatten().max_by(|a, b| a.severity.total_cmp(&b.severity));
        match worst.filter(|finding| finding.severity >= MINOR) {
            Some(finding) => {
                self.quiet = 0;
                self.severity = self.severity.max(finding.severity);
                self.weigh(&finding);
            }
            None => self.quiet += 1,
        }
        self.quiet < QUIET_STEPS
    }

    /// Whether what lasts can still be told from what is usual: after a while a new level is.
    pub(super) fn is_recent(&self, steps: usize) -> bool {
        self.first.kind == Kind::Deviation && steps < QUIET_STEPS
    }

    fn weigh(&mut self, finding: &Finding) {
        if finding.severity < MAJOR || !finding.unheard_of {
            return;
        }
        self.grave += 1;
        if self.grave >= MAJOR_STEPS {
            self.grade = Grade::Major;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: f64) -> Finding {
        Finding { kind: Kind::Deviation, severity, unheard_of: true, value: 9.0, usual: 1.0 }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn little_is_no_anomaly() {
        assert_eq!(Episode::begins(at(0), &finding(MINOR / 2.0)), None);
    }

    #[test]
    fn one_grave_sample_is_minor_and_two_are_major() {
        let mut episode = Episode::begins(at(0), &finding(MAJOR)).unwrap();
        assert_eq!(episode.grade, Grade::Minor);
        assert!(episode.goes_on(None, Some(MAJOR)), "the value stays where it is");
        assert_eq!((episode.grade, episode.since), (Grade::Major, at(0)));
    }

    #[test]
    fn what_the_week_has_seen_before_is_never_major() {
        let known = Finding { unheard_of: false, ..finding(50.0) };
        let mut episode = Episode::begins(at(0), &known).unwrap();
        for _ in 0..5 {
            episode.goes_on(Some(known), Some(50.0));
        }
        assert_eq!(episode.grade, Grade::Minor);
    }

    #[test]
    fn it_is_over_after_an_hour_of_quiet_and_a_gap_is_quiet() {
        let mut episode = Episode::begins(at(0), &finding(2.0)).unwrap();
        assert!((0..11).all(|_| episode.goes_on(None, None)));
        assert!(episode.goes_on(Some(finding(2.0)), None), "it comes again");
        assert!((0..11).all(|_| episode.goes_on(Some(finding(0.1)), None)));
        assert!(!episode.goes_on(None, None));
    }
}
