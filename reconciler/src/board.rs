//! What the newest cycle of each group saw and decided, for those who ask, and the bell that wakes
//! a group's next cycle. Lost in a restart and rebuilt by the first cycles.

use crate::sample::Foreseen;
use shadow_core::decision::{Decision, Fleet};
use shadow_core::feedback::FeedbackView;
use shadow_core::observation::Observation;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The newest cycle of one group.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// What it was decided from.
    pub observation: Option<Observation>,
    /// What was foreseen when it was decided.
    pub foreseen: Option<Arc<Foreseen>>,
    /// What forecasts and alarms were worth so far.
    pub feedback: Option<Arc<FeedbackView>>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Why the cycle failed, if it did.
    pub error: Option<String>,
    /// Whether the score is over the shadowing threshold, or a major anomaly seen, often enough.
    pub alarmed: bool,
    /// The policy's priority.
    pub priority: i64,
}

/// The newest cycle of every group.
#[derive(Debug, Default)]
pub struct Board {
    places: Mutex<BTreeMap<String, Arc<Place>>>,
}

#[derive(Debug, Default)]
struct Place {
    view: Mutex<View>,
    bell: Notify,
    changed: Notify,
}

impl Board {
    fn place(&self, group: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(group.to_owned()).or_default().clone()
    }

    /// The newest cycle of a group.
    pub fn view(&self, group: &str) -> View {
        self.place(group).view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows the newest cycle of a group.
    pub fn publish(&self, group: &str, view: View) {
        let place = self.place(group);
        *place.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
        place.changed.notify_waiters();
    }

    /// Shows that the newest cycle of a group failed; what was seen before stays.
    pub fn publish_error(&self, group: &str, error: String) {
        let place = self.place(group);
        place.view.lock().unwrap_or_else(PoisonError::into_inner).error = Some(error);
        place.changed.notify_waiters();
    }

    /// Forgets a group.
    pub fn remove(&self, group: &str) {
        let removed = self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
        if let Some(place) = removed {
            place.changed.notify_waiters();
            place.bell.notify_one();
        }
    }

    /// Wakes a group's next cycle. A bell that rings during a cycle is heard after it.
    pub fn wake(&self, group: &str) {
        self.place(group).bell.notify_one();
    }

    /// Waits for the bell of a group.
    pub async fn woken(&self, group: &str) {
        self.place(group).bell.notified().await;
    }

    /// Waits for the next cycle of a group to end.
    pub async fn changed(&self, group: &str) {
        self.place(group).changed.notified().await;
    }

    /// Every group's newest cycle.
    pub fn views(&self) -> Vec<(String, View)> {
        let places: Vec<_> = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.iter().map(|(name, place)| (name.clone(), place.clone())).collect()
        };
        let view = |place: Arc<Place>| place.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        places.into_iter().map(|(name, place)| (name, view(place))).collect()
    }

    /// The other groups as they limit this one.
    pub fn fleet(&self, group: &str, priority: i64) -> Fleet {
        let places: Vec<_> = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.iter().map(|(name, place)| (name == group, place.clone())).collect()
        };
        let mut fleet = Fleet { groups: places.len(), ..Fleet::default() };
        for (is_this, place) in places {
            let view = place.view.lock().unwrap_or_else(PoisonError::into_inner);
            let in_flight = view.decision.as_ref().is_some_and(|decision| decision.state.phase.is_in_flight());
            fleet.alarmed += usize::from(view.alarmed);
            if !is_this {
                fleet.in_flight += usize::from(in_flight);
                fleet.ahead += usize::from(view.alarmed && !in_flight && view.priority > priority);
            }
        }
        fleet
    }
}
