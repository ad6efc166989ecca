//! Work that ends: by itself, because its time is over, or because Terraform asks to stop. Work that
//! is told to end has a while to return what is there; then it is given up.

use crate::diagnostics::{Diagnostic, Diagnostics};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Time that work has to return what is there once it is told to end: enough for a last request to a
/// slow server, and less than users wait before they interrupt again.
pub(super) const GRACE: Duration = Duration::from_secs(20);

/// Why work was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    OutOfTime(Duration),
    Interrupted,
}

/// How work ended.
pub(super) struct Ended<T> {
    /// None when it was given up.
    pub(super) result: Option<T>,
    /// None when it ended by itself.
    pub(super) reason: Option<Reason>,
}

impl<T> Ended<Result<T, Diagnostics>> {
    /// What the work returned, or why it was given up.
    pub(super) fn done(self) -> Result<T, Diagnostics> {
        self.result.unwrap_or_else(|| Err(self.reason.map(Reason::diagnostic).into_iter().collect()))
    }
}

/// Runs `work` for at most `limit`, or until `cancellation`, which it cancels when the time is over.
pub(super) async fn bounded<T>(
    cancellation: &CancellationToken,
    limit: Option<Duration>,
    grace: Duration,
    work: impl Future<Output = T>,
) -> Ended<T> {
    tokio::pin!(work);
    let reason = tokio::select! {
        result = &mut work => return Ended { result: Some(result), reason: None },
        () = cancellation.cancelled() => Reason::Interrupted,
        over = out_of_time(limit) => over,
    };
    cancellation.cancel();
    Ended { result: timeout(grace, work).await.ok(), reason: Some(reason) }
}

async fn out_of_time(limit: Option<Duration>) -> Reason {
    let Some(limit) = limit else { return std::future::pending().await };
    sleep(limit).await;
    Reason::OutOfTime(limit)
}

impl Reason {
    /// What to tell about work that did not get done.
    pub(super) fn diagnostic(self) -> Diagnostic {
        match self {
            Self::OutOfTime(limit) => {
                let detail =
                    format!("It was given {limit:?}. Find out why it takes so long, or raise the time in timeouts.");
                Diagnostic::error("Out of time", detail)
            }
            Self::Interrupted => {
                Diagnostic::error("Interrupted", "It was stopped before it was done. Apply again to go on from here.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn work_that_listens_returns_what_is_there() {
        let token = CancellationToken::new();
        let work = async {
            token.cancelled().await;
            "half"
        };
        let ended = bounded(&token, Some(SHORT), GRACE, work).await;
        assert_eq!((ended.result, ended.reason), (Some("half"), Some(Reason::OutOfTime(SHORT))));
    }

    #[tokio::test]
    async fn work_that_does_not_listen_is_given_up() {
        let token = CancellationToken::new();
        token.cancel();
        let ended = bounded(&token, None, SHORT, std::future::pending::<()>()).await;
        assert_eq!((ended.result, ended.reason), (None, Some(Reason::Interrupted)));
    }

    #[tokio::test]
    async fn work_that_is_done_is_done() {
        let ended = bounded(&CancellationToken::new(), Some(GRACE), GRACE, async { 7 }).await;
        assert_eq!((ended.result, ended.reason), (Some(7), None));
    }
}
