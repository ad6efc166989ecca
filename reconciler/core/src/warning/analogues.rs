//! What came of the moments of the signal's own past that were most like this one: in level, in
//! recent movement and, for one of the answers, in time of day.

use super::view::{Ahead, View};

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

/// Moments that are added up at a time: the compiler makes one instruction of them.
const LANES: usize = 4;

/// How much the moments of the past are like one moment, whatever is looked ahead.
pub(super) struct Alike {
    /// The moment that comes first here, as a number of strides.
    first: usize,
    /// The level at each moment; 0 where it is not known what the moment is like.
    levels: Vec<f32>,
    /// From 0, where that is not known, to 1.
    near: Vec<f32>,
    /// The same, when the time of day counts too.
    near_then: Vec<f32>,
}

impl Alike {
    /// Compares every moment with the newest one; `spread` is how far the level usually moves in a step.
    pub(super) fn new(view: &View<'_>, spread: f32) -> Self {
        let hour = view.hour();
        let (half, hours) = ((hour / 2).max(1), 3 * hour);
        let first = hours.div_ceil(STRIDE);
        let scale = (1.0 / (UNIT_MIN + STEPS * spread)).powi(2);
        let now = [view.ago(0), view.ago(half), view.ago(hours)];
        let [at, before, long_before] =
            [0, half, hours].map(|back| strides(view.levels.get(STRIDE * first - back..).unwrap_or_default()));
        let shapes = at.iter().zip(before).zip(long_before).map(|((at, half), hours)| [at[0], half[0], hours[0]]);
        let distances: Vec<f32> = shapes.map(|then| scale * distance(&then, &now)).collect();
        // Times of day come again after so many moments as a day has steps.
        let (per_step, period) = (1.0 / (hour as f32 * HOURS_APART), view.day.min(distances.len()).max(1));
        let apart = |moment: usize| (view.apart(STRIDE * moment) as f32 * per_step).powi(2);
        let apart: Vec<f32> = (first..first + period).map(apart).collect();
        let apart = apart.repeat(distances.len().div_ceil(period));
        let known = |(level, distance): (&[f32; STRIDE], &f32)| if distance.is_nan() { 0.0 } else { level[0] };
        Self {
            first,
            levels: at.iter().zip(&distances).map(known).collect(),
            near: distances.iter().map(|distance| near(*distance)).collect(),
            near_then: distances.iter().zip(&apart).map(|(distance, apart)| near(distance + apart)).collect(),
        }
    }
}

/// Sums over moments, weighted by how much they are like this one.
#[derive(Default)]
struct Sums<N> {
    all: N,
    broke: N,
    rose: N,
}

/// The same of what came.
#[derive(Default)]
struct Came<N> {
    came: N,
    rise: N,
    rise_squared: N,
}

type Lanes = [f32; LANES];

impl Sums<Lanes> {
    fn add(&mut self, lane: usize, near: f32, broke: bool, rose: bool) {
        self.all[lane] += near;
        self.broke[lane] += if broke { near } else { 0.0 };
        self.rose[lane] += if rose { near } else { 0.0 };
    }

    fn sums(&self) -> Sums<f32> {
        Sums { all: sum(self.all), broke: sum(self.broke), rose: sum(self.rose) }
    }
}

impl Came<Lanes> {
    fn add(&mut self, lane: usize, near: f32, ahead: f32, rise: f32) {
        self.came[lane] += near * ahead.clamp(-CAME_MAX, CAME_MAX);
        self.rise[lane] += near * rise;
        self.rise_squared[lane] += near * rise * rise;
    }

    fn sums(&self) -> Came<f32> {
        Came { came: sum(self.came), rise: sum(self.rise), rise_squared: sum(self.rise_squared) }
    }
}

fn sum(lanes: Lanes) -> f32 {
    lanes.iter().sum()
}

impl Sums<f32> {
    /// `some` of all, where the base rate stands for what is not known.
    fn share(&self, some: f32, base_rate: f32) -> f32 {
        (some + HELD * base_rate) / (self.all + HELD)
    }
}

impl Came<f32> {
    /// How many times its spread a rise of `gap` is above the mean one of moments that weigh `all` together.
    fn needed(&self, all: f32, gap: f32) -> f32 {
        let mean = self.rise / all;
        (gap - mean) / ((self.rise_squared / all - mean * mean).max(0.0).sqrt() + SPREAD_MIN)
    }
}

impl Analogues {
    /// Looks back on every moment of which is known what came.
    pub(super) fn new(view: &View<'_>, ahead: &Ahead<'_>, alike: &Alike) -> Self {
        let gap = 1.0 - view.ago(0);
        let ([any, then, ever], came) = sums(ahead, alike, gap);
        let all = then.all.max(f32::MIN_POSITIVE);
        Self {
            broke: any.share(any.broke, ahead.base_rate),
            broke_then: then.share(then.broke, ahead.base_rate),
            came: came.came / all,
            rose: any.share(any.rose, ahead.base_rate),
            rose_then: then.share(then.rose, ahead.base_rate),
            rose_ever: ever.share(ever.rose, ahead.base_rate),
            needed: came.needed(all, gap),
        }
    }
}

/// Of moments alike, of those alike at this time of day, and of all; and what came after the second.
fn sums(ahead: &Ahead<'_>, alike: &Alike, gap: f32) -> ([Sums<f32>; 3], Came<f32>) {
    let [mut any, mut then, mut ever] = [Sums::default(), Sums::default(), Sums::default()];
    let mut came_then = Came::default();
    let mut add = |lane: usize, ahead: f32, level: f32, near: f32, near_then: f32| {
        let is_known = ahead > f32::NEG_INFINITY;
        let (counts, ahead, rise) = if is_known { (1.0, ahead, ahead - level) } else { (0.0, 0.0, 0.0) };
        let (broke, rose) = (ahead >= 1.0, rise >= gap);
        any.add(lane, near * counts, broke, rose);
        then.add(lane, near_then * counts, broke, rose);
        ever.add(lane, if near > 0.0 { counts } else { 0.0 }, broke, rose);
        came_then.add(lane, near_then * counts, ahead, rise);
    };
    let came = ahead.greatest.get(alike.first..).unwrap_or_default();
    let count = came.len().min(alike.levels.len());
    let (came, came_rest) = came[..count].as_chunks::<LANES>();
    let (levels, levels_rest) = alike.levels[..count].as_chunks::<LANES>();
    let (near, near_rest) = alike.near[..count].as_chunks::<LANES>();
    let (near_then, near_then_rest) = alike.near_then[..count].as_chunks::<LANES>();
    for (((came, level), near), near_then) in came.iter().zip(levels).zip(near).zip(near_then) {
        for lane in 0..LANES {
            add(lane, came[lane], level[lane], near[lane], near_then[lane]);
        }
    }
    for (lane, came) in came_rest.iter().enumerate() {
        add(lane, *came, levels_rest[lane], near_rest[lane], near_then_rest[lane]);
    }
    ([any.sums(), then.sums(), ever.sums()], came_then.sums())
}

/// Whole strides, each from its moment on.
fn strides(levels: &[f32]) -> &[[f32; STRIDE]] {
    levels.as_chunks().0
}

/// Falls with the distance slowly, so that the nearest count even where none is near; 0 for an unknown one.
fn near(distance: f32) -> f32 {
    let near = 1.0 / (1.0 + distance);
    if near.is_nan() { 0.0 } else { near * near }
}

fn distance(then: &Shape, now: &Shape) -> f32 {
    then.iter().zip(now).zip(COUNTS).map(|((then, now), counts)| (counts * (then - now)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::past::peaks;
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
                peaks: &peaks(&levels),
                newest: [level(end - 1); 2],
                day: 288,
                onsets: &[],
                tail: [0.0; 3],
            };
            let ahead = Ahead { horizon: 12, greatest: &ahead, base_rate: 0.02 };
            Analogues::new(&view, &ahead, &Alike::new(&view, 0.01)).broke
        };
        let (before, calm) = (known(20 * 72 + 64), known(20 * 72 + 30));
        assert!(before > 0.5 && calm < 0.1, "{before} before it breaks, {calm} at rest");
    }
}
