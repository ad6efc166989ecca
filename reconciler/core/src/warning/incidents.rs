//! When a limit counts as broken: a quarter of an hour's mean at or past it, until an hour has
//! passed below it. Never looks at a forecast.

/// Steps over which a value is averaged: one odd sample is no incident.
pub const SMOOTHED: usize = 3;

/// Steps in a row below the limit after which an incident is over.
const CALM: usize = 12;

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
