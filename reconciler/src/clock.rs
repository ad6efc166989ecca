//! The one place that reads the clock for decisions and records.

use jiff::Timestamp;

/// The present time, in whole milliseconds so that it reads the same after it was stored.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
