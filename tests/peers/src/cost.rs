//! What our forecasts cost: a whole fit, one new sample, and many series at once in memory and time.

use anyhow::Context;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shadow_core::forecast::forecast;
use shadow_core::history::{History, Sample};
use shadow_core::model::signal::SignalSpec;
use shadow_core::score::{Foresight, Reading, score_group};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Seconds of a step, and steps of a day and of the four weeks that a history holds.
const STEP: i64 = 300;
const DAY: i64 = 288;
const WINDOW: i64 = 28 * DAY;

/// Steps of an hour, in which a forecast learns once.
const HOUR: usize = 12;

/// Numbers of series that are followed at once.
const FLEETS: [usize; 2] = [1_000, 10_000];

const HORIZONS: [SignedDuration; 3] =
    [SignedDuration::from_hours(1), SignedDuration::from_hours(6), SignedDuration::from_hours(24)];

/// Measures and prints all of it.
pub(crate) fn report() -> anyhow::Result<()> {
    println!("\nwhat ours costs, on one thread");
    for points in [7 * DAY, WINDOW] {
        let history = history(points);
        let now = at(points);
        let fits = (0..50).map(|_| timed(|| forecast(&history, &HORIZONS, now).is_ok()));
        println!("{:<58} {:>9.2} ms", format!("full fit of {points} points, 288 steps ahead"), 1e3 * middle(fits.collect()));
    }
    let learned = Followed::read()?;
    let mut one = learned.clone();
    let (learning, between): (Vec<Look>, Vec<Look>) = (0..20 * HOUR).map(|_| one.look()).partition(|look| look.learns);
    let micros = |looks: Vec<Look>| 1e6 * middle(looks.into_iter().map(|look| look.spent.as_secs_f64()).collect());
    let one = "one new sample: history, three horizons, score";
    println!("{one:<58} {:>9.1} us", micros(between));
    println!("{:<58} {:>9.1} us", "the same once an hour, when it learns", micros(learning));
    FLEETS.into_iter().try_for_each(|series| fleet(&learned, series))
}

/// Follows so many series for an hour, in which each learns for itself.
fn fleet(learned: &Followed, series: usize) -> anyhow::Result<()> {
    let before = resident()?;
    let mut fleet = vec![learned.clone(); series];
    let looks: Vec<Look> = (0..HOUR + 1).flat_map(|_| fleet.iter_mut().map(Followed::look).collect::<Vec<_>>()).collect();
    let megabytes = (resident()? - before) as f64 / 1e6;
    let seconds = looks.iter().map(|look| look.spent).sum::<Duration>().as_secs_f64();
    println!(
        "{:<58} {:>9.1} MB {:>7.1} kB each, {:>6.2} ms each",
        format!("{series} series for an hour: thirteen samples each"),
        megabytes,
        1e3 * megabytes / series as f64,
        1e3 * seconds / series as f64
    );
    Ok(())
}

/// A series that is followed sample by sample, as the reconciler does.
#[derive(Clone)]
struct Followed {
    spec: SignalSpec,
    history: History,
    foresight: Foresight,
    next: i64,
}

struct Look {
    spent: Duration,
    learns: bool,
}

impl Followed {
    /// With four weeks of past, read by forecast and early warning.
    fn read() -> anyhow::Result<Self> {
        let spec = serde_json::json!({"query": "x{i=\"$instance\"}", "limit": 90.0, "unit": "ratio"});
        let spec = serde_json::from_value(spec).context("a signal")?;
        let mut followed = Self { spec, history: history(WINDOW), foresight: Foresight::default(), next: WINDOW };
        while followed.foresight.is_behind(&followed.history) {
            followed.foresee(Reading::Past);
        }
        Ok(followed)
    }

    fn look(&mut self) -> Look {
        let sample = Sample { at: at(self.next), value: value(self.next) };
        let begun = Instant::now();
        self.history.push(sample, sample.at);
        self.next += 1;
        self.foresee(Reading::Present);
        let now = at(self.next);
        let view = self.foresight.view("load", &self.spec, &self.history, None);
        let score = score_group(&[view], &HORIZONS, now, &TimeZone::UTC);
        let spent = begun.elapsed();
        std::hint::black_box(score);
        // It learns from the steps of whole hours once the next one has come.
        Look { spent, learns: (self.next - 2) % HOUR as i64 == 0 }
    }

    fn foresee(&mut self, reading: Reading) {
        let Self { spec, history, foresight, next } = self;
        foresight.look(("load", spec), history, &HORIZONS, &Arc::default(), reading, at(*next));
    }
}

fn history(points: i64) -> History {
    let mut history = History::new(SignedDuration::from_secs(STEP), SignedDuration::from_secs(STEP * WINDOW));
    for step in 0..points {
        history.push(Sample { at: at(step), value: value(step) }, at(step));
    }
    history
}

fn at(step: i64) -> Timestamp {
    Timestamp::from_second(STEP * step).unwrap_or_default()
}

/// A daily wave from 20 to 60 with noise, which is the same for each step.
fn value(step: i64) -> f64 {
    let mixed = step.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let noise = (mixed >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
    40.0 + 20.0 * (step as f64 / DAY as f64 * std::f64::consts::TAU).sin() + 10.0 * noise
}

/// Seconds that something took.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    std::hint::black_box(work());
    begun.elapsed().as_secs_f64()
}

fn middle(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

/// Memory of this process, in bytes.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>()?;
    Ok(1_024 * kilobytes)
}
