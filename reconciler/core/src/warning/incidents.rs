//! When a limit counts as broken: a quarter of an hour's mean at or past it, until an hour has
//! passed below it. Never looks at a forecast.

use std::ops::Range;

/// Steps over which a value is averaged: one odd sample is no incident.
pub const SMOOTHED: usize = 3;

/// Steps in a row below the limit after which an incident is over.
const CALM: usize = 12;

/// From its first step to the one after its last.
#[derive(Debug, Clone, Copy)]
pub struct Incident {
    pub begin: u32,
    pub end: u32,
}

impl Incident {
    /// Its steps, counted from `first`; those before that are left out.
    pub fn since(self, first: usize) -> Range<usize> {
        let since_first = |step: u32| (step as usize).saturating_sub(first);
        since_first(self.begin)..since_first(self.end)
    }
}

/// Follows one signal, normalised so that a limit is at or below what breaks it.
#[derive(Debug, Clone, Default)]
pub struct Incidents {
    calm: usize,
    open: bool,
}

impl Incidents {
    /// Takes whether the newest mean is past the limit; answers whether an incident begins with it.
    pub fn push(&mut self, breaks: bool) -> bool {
        let begins = breaks && !self.open;
        self.calm = if breaks { 0 } else { self.calm + 1 };
        self.open = if self.open { self.calm < CALM } else { begins };
        begins
    }

    /// The same for the step of that number, with what begins or goes on noted among those that are `known`.
    pub fn note(&mut self, step: u32, breaks: bool, known: &mut Vec<Incident>) {
        if self.push(breaks) {
            known.push(Incident { begin: step, end: step });
        }
        let open = if self.open { known.last_mut() } else { None };
        if let Some(incident) = open {
            incident.end = step.saturating_add(1);
        }
    }

    /// Whether there is an incident now.
    pub fn open(&self) -> bool {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_ends_after_an_hour_below_the_limit() {
        let mut incidents = Incidents::default();
        assert!(!incidents.push(false) && incidents.push(true) && incidents.open());
        for _ in 0..11 {
            assert!(!incidents.push(false));
        }
        assert!(incidents.open() && !incidents.push(true), "still the same incident");
        for _ in 0..12 {
            incidents.push(false);
        }
        assert!(!incidents.open() && incidents.push(true));
    }
}
