//! Early warnings learn from the signals of the whole process: what groups saw is gathered, and learned from on a
//! thread of its own while cycles go on. Lost in a restart, and gathered again when the kept histories are read.

use crate::app::App;
use jiff::Timestamp;
use shadow_core::score::Foresight;
use shadow_core::warning::{Fleets, Standing};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often it is looked at whether something is to be learned: the first time is due after an hour.
pub(crate) const LOOK: Duration = Duration::from_secs(60);

/// What was seen and learned. Locked to give and to copy, never while something is computed.
#[derive(Debug, Default)]
pub struct Teaching(Mutex<Fleets>);

impl Teaching {
    /// Takes what these signals have taught, and lets them answer by what was learned.
    pub(crate) fn meet<'a>(&self, signals: impl Iterator<Item = &'a mut Foresight>, now: Timestamp) {
        let mut fleets = self.fleets();
        signals.for_each(|foresight| foresight.meet(&mut fleets, now));
    }

    /// What answers, by kind of signals.
    pub fn standings(&self) -> Vec<Standing> {
        self.fleets().standings()
    }

    fn fleets(&self) -> MutexGuard<'_, Fleets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Learns what is due, one kind of signals after another. It waits for its turn among the forecasts, of which one
/// less can be made meanwhile.
pub async fn learn_if_due(app: &App, now: Timestamp) {
    loop {
        // Of its own, so that the lock is not held while something is learned.
        let due = app.teaching.fleets().due(now);
        let Some((kind, study)) = due else { return };
        // The semaphore is never closed.
        let _permit = app.forecasts.acquire().await.ok();
        match tokio::task::spawn_blocking(move || study.challenge()).await {
            Ok(Some(challenge)) => {
                let verdict = challenge.verdict();
                tracing::info!(
                    steps_a_day = kind.day,
                    steps_ahead = kind.horizon,
                    lessons = verdict.lessons,
                    compared = verdict.compared,
                    loss_shipped = verdict.shipped,
                    loss_learned = verdict.learned,
                    answers = if verdict.takes_over() { "learned" } else { "shipped" },
                    "early warnings have learned"
                );
                app.teaching.fleets().adopt(kind, challenge, now);
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "learning ended in a panic: please report it"),
        }
    }
}
