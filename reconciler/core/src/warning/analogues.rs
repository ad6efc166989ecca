//! What came of the moments of the signal's own past that were most like this one: in level, in
//! recent movement and, for one of the answers, in time of day.

use super::view::View;

/// Every so many steps is a moment that is looked back on.
pub(super) const STRIDE: usize = 4;

/// What the analogues tell.
pub(super) struct Analogues {
    /// Share of them in which the limit broke, by level and movement alone.
    pub(super) broke: f32,
    /// The same, when the time of day counts too.
    pub(super) broke_then: f32,
    /// Mean of the greatest level that came, when the time of day counts.
    pub(super) came: f32,
    /// Share in which the level rose as far as the limit is now away, with the time of day and without.
    pub(super) rose_then: f32,
    pub(super) rose: f32,
    /// How many times its spread the rise would have to be above its mean.
    pub(super) needed: f32,
    /// Share of all moments, alike or not, in which it rose as far.
    pub(super) rose_ever: f32,
}

/// Levels by which moments are compared: at the moment, half an hour and three hours before.
type Shape = [f32; 3];

/// How much each of them counts.
const COUNTS: Shape = [1.0, 0.5, 0.25];

/// Hours apart in time of day that count as much as one unit of level.
const HOURS_APART: f32 = 2.0;

/// Least unit of levels, as a share of the way to the limit.
const UNIT_MIN: f32 = 0.03;

/// Usual steps that make a unit.
const STEPS: f32 = 3.0;

/// How strongly the base rate holds where few moments are alike.
const HELD: f32 = 0.3;

/// Least spread of rises, as a share of the way to the limit.
const SPREAD_MIN: f32 = 0.02;

/// Levels beyond which what came counts no further.
const CAME_MAX: f32 = 3.0;

/// Sums over moments, weighted by how much they are like this one.
#[derive(Default)]
struct Sums {
    all: f32,
    broke: f32,
    rose: f32,
    came: f32,
    rise: f32,
    rise_squared: f32,
}

impl Sums {
    fn add(&mut self, near: f32, ahead: f32, rise: f32, rose: bool) {
        self.all += near;
        self.broke += near * f32::from(u8::from(ahead >= 1.0));
        self.rose += near * f32::from(u8::from(rose));
        self.came += near * ahead.clamp(-CAME_MAX, CAME_MAX);
        self.rise += near * rise;
        self.rise_squared += near * rise * rise;
    }

    /// `some` of all, where the base rate stands for what is not known.
    fn share(&self, some: f32, base_rate: f32) -> f32 {
        (some + HELD * base_rate) / (self.all + HELD)
    }

    /// How many times its spread a rise of `gap` is above the mean one.
    fn needed(&self, gap: f32) -> f32 {
        let all = self.all.max(f32::MIN_POSITIVE);
        let mean = self.rise / all;
        (gap - mean) / ((self.rise_squared / all - mean * mean).max(0.0).sqrt() + SPREAD_MIN)
    }
}

impl Analogues {
    /// Looks back on every kept moment; `spread` is how far the level usually moves in a step.
    pub(super) fn new(view: &View<'_>, spread: f32) -> Self {
        let hour = view.hour();
        let (half, hours) = ((hour / 2).max(1), 3 * hour);
        let now = [view.ago(0), view.ago(half), view.ago(hours)];
        let gap = 1.0 - now[0];
        let scale = 1.0 / (UNIT_MIN + STEPS * spread);
        let per_step = 1.0 / (hour as f32 * HOURS_APART);
        let (mut alike, mut alike_then, mut ever) = (Sums::default(), Sums::default(), Sums::default());
        for (index, ahead) in view.ahead.iter().enumerate().skip(hours.div_ceil(STRIDE)) {
            let at = index * STRIDE;
            let Some(past) = view.levels.get(at - hours..=at) else { break };
            let then = [past[hours], past[hours - half], past[0]];
            let apart = view.apart(at) as f32 * per_step;
            let distance = distance(&then, &now) * scale * scale;
            if ahead.is_nan() || distance.is_nan() {
                continue;
            }
            let rise = ahead - then[0];
            alike.add(near(distance), *ahead, rise, rise >= gap);
            alike_then.add(near(distance + apart * apart), *ahead, rise, rise >= gap);
            ever.add(1.0, *ahead, rise, rise >= gap);
        }
        Self {
            broke: alike.share(alike.broke, view.base_rate),
            broke_then: alike_then.share(alike_then.broke, view.base_rate),
            came: alike_then.came / alike_then.all.max(f32::MIN_POSITIVE),
            rose: alike.share(alike.rose, view.base_rate),
            rose_then: alike_then.share(alike_then.rose, view.base_rate),
            rose_ever: ever.share(ever.rose, view.base_rate),
            needed: alike_then.needed(gap),
        }
    }
}

/// Falls with the distance slowly, so that the nearest count even where none is near.
fn near(distance: f32) -> f32 {
    let near = 1.0 / (1.0 + distance);
    near * near
}

fn distance(then: &Shape, now: &Shape) -> f32 {
    then.iter().zip(now).zip(COUNTS).map(|((then, now), counts)| (counts * (then - now)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_the_same_shape_is_found_again() {
        // Every six hours the level climbs for half an hour and then breaks; at other times it rests.
        let phase = |step: usize| step % 72;
        let level = |step: usize| match phase(step) {
            60..66 => 0.1 * (phase(step) - 59) as f32,
            66..70 => 1.2,
            _ => 0.0,
        };
        let known = |end: usize| {
            let levels: Vec<f32> = (0..end).map(level).collect();
            let window = |at: usize| (at + 1..=at + 12).map(level).fold(f32::NAN, f32::max);
            let ahead: Vec<f32> = (0..end.saturating_sub(12)).step_by(STRIDE).map(window).collect();
            let view = View {
                levels: &levels,
                newest: [level(end - 1); 2],
                day: 288,
                onsets: &[],
                ahead: &ahead,
                tail: [0.0; 3],
                base_rate: 0.02,
            };
            Analogues::new(&view, 0.01).broke
        };
        let (before, calm) = (known(20 * 72 + 64), known(20 * 72 + 30));
        assert!(before > 0.5 && calm < 0.1, "{before} before it breaks, {calm} at rest");
    }
}
