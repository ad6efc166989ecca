//! When the limit broke before: how long ago, how regularly, and how often at this distance from the
//! last time.

use super::view::{Ahead, View};

/// What the times of incidents tell.
pub(super) struct Rhythm {
    /// Steps since the last one.
    pub(super) since: usize,
    /// That against the mean time between two.
    pub(super) against_interval: f32,
    /// Of the times between two that were longer than this one is, the share that ended within the
    /// horizon from here.
    pub(super) due: f32,
    /// The same, for times between any two: a job of every six hours breaks now and then.
    pub(super) echo: f32,
    /// Of a day, three and seven.
    pub(super) counts: [f32; 3],
}

/// Incidents looked back on for pairs.
const PAIRED: usize = 24;

/// Of these, the last ones that are taken for the beginning of an interval.
const LAST: usize = 3;

/// Horizons before and after an interval in which others are near it.
const NEIGHBOURS: usize = 4;

impl Rhythm {
    pub(super) fn new(view: &View<'_>, ahead: &Ahead<'_>) -> Self {
        let horizon = ahead.horizon;
        let end = view.levels.len();
        let since = view.onsets.last().map_or(end, |onset| end - onset);
        let within =
            |length: usize| view.onsets.iter().rev().take_while(|onset| end - **onset <= length).count() as f32;
        Self {
            since,
            against_interval: against_interval(view.onsets, since),
            due: due(view.onsets, since, horizon, ahead.base_rate),
            echo: echo(view.onsets, end, horizon),
            counts: [1, 3, 7].map(|days| within(days * view.day)),
        }
    }
}

fn against_interval(onsets: &[usize], since: usize) -> f32 {
    let (Some(first), Some(last)) = (onsets.first(), onsets.last()) else { return 0.0 };
    if onsets.len() < 3 {
        return 0.0;
    }
    let mean = (last - first) as f32 / (onsets.len() - 1) as f32;
    (since as f32 / mean.max(1.0)).min(5.0)
}

fn due(onsets: &[usize], since: usize, horizon: usize, base_rate: f32) -> f32 {
    let (mut longer, mut ended) = (0.0, 0.0);
    for pair in onsets.windows(2) {
        let interval = pair[1] - pair[0];
        longer += f32::from(u8::from(interval > since));
        ended += f32::from(u8::from(interval > since && interval <= since + horizon));
    }
    (ended + base_rate) / (longer + 1.0)
}

/// How often the distances from the last incidents to the coming window occurred between earlier
/// incidents, against distances a little shorter and longer.
fn echo(onsets: &[usize], end: usize, horizon: usize) -> f32 {
    let recent = onsets.get(onsets.len().saturating_sub(PAIRED)..).unwrap_or_default();
    let (mut hits, mut nearby) = (0.0_f32, 0.0_f32);
    let reach = NEIGHBOURS * horizon;
    for last in recent.iter().rev().take(LAST) {
        let distance = end - last;
        for apart in intervals(recent, *last) {
            hits += f32::from(u8::from(apart >= distance && apart < distance + horizon));
            nearby += f32::from(u8::from(apart + reach >= distance && apart < distance + horizon + reach));
        }
    }
    (hits + 0.1) / (nearby + 1.0)
}

/// Between any two incidents up to `last`.
fn intervals(onsets: &[usize], last: usize) -> impl Iterator<Item = usize> {
    let known = onsets.iter().enumerate().filter(move |(_, later)| **later <= last);
    known.flat_map(|(index, later)| onsets.iter().take(index).map(move |earlier| later - earlier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_every_three_hours_is_due() {
        let onsets: Vec<usize> = (0..40).map(|job| 36 * job).collect();
        let levels = vec![0.0; 39 * 36 + 30];
        let view = |levels| View { levels, peaks: &[], newest: [0.0; 2], day: 288, onsets: &onsets, tail: [0.0; 3] };
        let ahead = Ahead { horizon: 12, greatest: &[], base_rate: 0.1 };
        let due = Rhythm::new(&view(&levels), &ahead);
        let not_yet = Rhythm::new(&view(&levels[..39 * 36 + 6]), &ahead);
        assert!(due.due > 0.9 && not_yet.due < 0.1, "{} {}", due.due, not_yet.due);
        assert!(due.echo > 2.0 * not_yet.echo, "{} {}", due.echo, not_yet.echo);
    }
}
