//! Times as files write them.

use crate::metrics::RESOLUTION_MIN;
use jiff::{SignedDuration, Timestamp, Unit};
use shadow_core::history::Sample;

/// Numbers from here on are milliseconds: as seconds they would be after the year 5000, and as
/// milliseconds they are from 1973 on.
const MILLISECONDS_FROM: f64 = 1e11;

/// An RFC 3339 time, or seconds or milliseconds since 1970.
///
/// # Errors
/// What is expected.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let expected =
        || format!("{text:?} is no time: write it as 2026-11-27T06:00:00Z, or as seconds or milliseconds since 1970");
    match text.parse::<f64>() {
        Ok(number) => of_number(number).ok_or_else(expected),
        Err(_not_a_number) => text.parse::<Timestamp>().map_err(|_error| expected()),
    }
}

/// Seconds or milliseconds since 1970.
pub(super) fn of_number(number: f64) -> Option<Timestamp> {
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1_000.0 } else { number };
    let since_1970 = SignedDuration::try_from_secs_f64(seconds).ok()?;
    // What a binary fraction adds to milliseconds is noise.
    Timestamp::from_duration(since_1970).ok()?.round(Unit::Millisecond).ok()
}

/// Values of steps at the times at which they were known: a mean stands at the beginning of its step and is known at
/// its end.
pub(crate) fn when_known(mut samples: Vec<Sample>, step: SignedDuration) -> Vec<Sample> {
    if step > RESOLUTION_MIN {
        samples.iter_mut().for_each(|sample| sample.at = sample.at.checked_add(step).unwrap_or(sample.at));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_form() {
        for text in ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", "1800000000", "1800000000.0", "1800000000000"]
        {
            assert_eq!(parse_time(text).map(Timestamp::as_second), Ok(1_800_000_000), "{text}");
        }
        assert_eq!(parse_time("1800000000.123").map(Timestamp::as_millisecond), Ok(1_800_000_000_123));
        for text in ["", "soon", "2027-01-15", "2027-01-15 08:00", "NaN", "inf", "1e300"] {
            assert!(parse_time(text).is_err_and(|error| error.contains("is no time")), "{text}");
        }
    }
}
