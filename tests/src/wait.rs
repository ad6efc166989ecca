//! Waits for conditions. It never waits for mere time.

use anyhow::{Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// Short against everything that is awaited here, long against the cost of asking.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Asks `condition` until it yields a value.
///
/// # Errors
/// When that takes longer than `within`; the message says for `what`.
pub async fn until<T>(what: &str, within: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    until_ok(what, within, async || Ok(condition().await)).await
}

/// Like [`until`], for a condition that can find out that waiting is in vain.
///
/// # Errors
/// The condition's own, or that it took longer than `within`.
pub async fn until_ok<T>(
    what: &str,
    within: Duration,
    mut condition: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s in vain for {what}", within.as_secs());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
