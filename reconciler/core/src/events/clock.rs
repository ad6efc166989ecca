//! Days by the clock on the wall. Where a time zone changes its offset, the shape of a day moves on
//! the time axis: what came at seven comes at seven, an hour earlier or later than before.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The clock of a time zone, told relative to its offset at one time, in steps of a history.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: Option<TimeZone>,
    reference: i64,
    step_seconds: i64,
}

impl Clock {
    /// A clock that is never put forward or back.
    pub(super) fn steady() -> Self {
        Self { zone: None, reference: 0, step_seconds: 1 }
    }

    /// The clock of `zone`. Steady where its changes are no whole number of steps.
    pub(super) fn new(zone: &TimeZone, at: Timestamp, step: SignedDuration) -> Self {
        let seconds = step.as_secs();
        let whole = SignedDuration::from_secs(seconds) == step && seconds > 0 && SHIFT_GRAIN % seconds == 0;
        if !whole {
            return Self::steady();
        }
        Self { zone: Some(zone.clone()), reference: offset(zone, at), step_seconds: seconds }
    }

    /// Steps by which the clock is ahead at a time of where it was at the reference: 12 after it was
    /// put forward an hour, with steps of five minutes.
    pub(super) fn ahead(&self, at: Timestamp) -> i64 {
        self.zone.as_ref().map_or(0, |zone| (offset(zone, at) - self.reference) / self.step_seconds)
    }

    /// The same as a time.
    pub(super) fn shift(&self, at: Timestamp) -> SignedDuration {
        SignedDuration::from_secs(self.ahead(at) * self.step_seconds)
    }

    /// Whether it is put forward or back between two times.
    pub(super) fn changes(&self, from: Timestamp, to: Timestamp) -> bool {
        let Some(zone) = &self.zone else { return false };
        zone.following(from).take_while(|change| change.timestamp() <= to).any(|change| {
            let before = change.timestamp().checked_sub(SignedDuration::from_secs(1)).unwrap_or(from);
            self.ahead(before) != self.ahead(change.timestamp())
        })
    }
}

/// Zones change by an hour, with few exceptions; those that change by half of one need steps that divide it.
const SHIFT_GRAIN: i64 = 60 * 60;

fn offset(zone: &TimeZone, at: Timestamp) -> i64 {
    i64::from(zone.to_offset(at).seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: SignedDuration = SignedDuration::from_mins(5);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_is_ahead_by_what_it_was_put_forward() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let clock = Clock::new(&zone, at("2026-03-20T12:00:00Z"), STEP);
        let ahead = |text: &str| clock.ahead(at(text));
        assert_eq!(["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"].map(ahead), [0, 12]);
        assert_eq!(["2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z"].map(ahead), [12, 0]);
        assert!(clock.changes(at("2026-03-28T00:00:00Z"), at("2026-03-29T01:00:00Z")));
        assert!(!clock.changes(at("2026-03-30T00:00:00Z"), at("2026-10-01T00:00:00Z")));
    }

    #[test]
    fn a_clock_that_does_not_fit_the_steps_is_steady() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let clock = Clock::new(&zone, at("2026-03-20T12:00:00Z"), SignedDuration::from_hours(2));
        assert_eq!(clock.ahead(at("2026-07-01T00:00:00Z")), 0);
        assert!(!Clock::steady().changes(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
    }
}
