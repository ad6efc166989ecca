//! The command `backtest`: what a policy would have done with recorded telemetry. It reads files and
//! asks the reconciler or Prometheus for the past; it changes nothing anywhere.

mod arithmetic;
mod checks;
mod documents;
mod limits;
mod picture;
mod report;
mod source;

pub use checks::{CheckArgs, ExitWith};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use documents::{group_of, policy_of};
pub(crate) use source::parts;

use crate::client::Client;
use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use report::Report;
use shadow_core::backtest::{
    Asked, Backtest, Breach, Outcome, Progress, Recorded, Replay, Setting, outcome, replay, suggest,
};
use shadow_core::events::Expected;
use shadow_core::model::Policy;
use shadow_core::model::calendar::Calendar;
use source::Source;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds of forecasts at most: 28 days at a round a minute, and with ten signals at some milliseconds
/// each, half an hour of one core.
const ROUNDS_MAX: usize = 40_000;

/// Greatest `shadowing_threshold` proposed where the policy sets no bounds: `critical_threshold` needs room above it.
const SHADOWING_MAX: f64 = 0.9;

/// Time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// What is replayed, by which policy, and what is wanted of it.
#[derive(Debug, clap::Args)]
pub struct BacktestArgs {
    /// The policy, as JSON or as HCL with a `shadow_policy` of literal values; that of the group when
    /// left out with `--history GROUP`.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Recorded telemetry: a CSV, JSON-lines or Prometheus file, or the name of a group of a running reconciler.
    #[arg(long, value_name = "FILE|GROUP", required_unless_present = "prometheus")]
    history: Option<String>,
    /// Base URL of a Prometheus that the signals of `--group` are taken from.
    #[arg(long, value_name = "URL", conflicts_with = "history", requires = "group")]
    prometheus: Option<String>,
    /// The group whose signals have the limits: a file as for `--policy`, or the name of a declared group.
    #[arg(long, value_name = "FILE|GROUP")]
    group: Option<String>,
    /// A limit: SIGNAL=VALUE, SIGNAL=VALUE,above or SIGNAL=VALUE,below; may be repeated.
    #[arg(long = "limit", value_name = "SIGNAL=VALUE[,below]")]
    limits: Vec<String>,
    /// Events that were known before they came: a file as for `--policy`, with a `shadow_calendar`; may be repeated. Those
    /// that affect the group when left out with `--history GROUP`.
    #[arg(long = "calendar", value_name = "FILE")]
    calendars: Vec<PathBuf>,
    /// First look: an RFC 3339 time, or seconds since 1970. What was recorded before is known then.
    #[arg(long, value_name = "TIME", value_parser = crate::recording::parse_time)]
    from: Option<Timestamp>,
    /// Last look; the end of the recording when left out.
    #[arg(long, value_name = "TIME", value_parser = crate::recording::parse_time)]
    to: Option<Timestamp>,
    /// Cost of a shadow for an hour, in a currency of your choice.
    #[arg(long, value_name = "COST", default_value_t = 0.0)]
    hourly_cost: f64,
    /// Another policy, whose outcome is set against that of `--policy`.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Propose thresholds for --false-alarms-per-week.
    #[arg(long)]
    suggest: bool,
    /// False alarms a week that proposed thresholds may lead to.
    #[arg(long, value_name = "COUNT", default_value_t = 1.0, requires = "suggest")]
    false_alarms_per_week: f64,
    /// Write a picture as SVG: signals, limits, score, actions.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    checks: CheckArgs,
}

/// Where and how the command runs.
#[derive(Debug)]
pub struct Surroundings {
    /// The reconciler, for groups.
    pub client: Client,
    /// In which times are told.
    pub zone: TimeZone,
    /// The time at which it runs.
    pub now: Timestamp,
    /// Whether the answer is JSON.
    pub json: bool,
    /// Whether somebody watches the progress.
    pub watched: bool,
}

/// One policy with its replay.
#[derive(Debug)]
struct Played {
    policy: Policy,
    replay: Replay,
}

impl Played {
    /// The same recording by another policy, without another forecast; `None` where that one forecasts otherwise.
    fn with(&self, other: &Policy, args: &BacktestArgs) -> Option<Self> {
        let alike = |policy: &Policy| {
            (policy.step, policy.history, policy.interval, policy.horizons.clone(), policy.time_zone.clone())
        };
        let Replay { found, looks } = &self.replay;
        let outcome = outcome(other, args.hourly_cost, looks, &found.breaches);
        let policy = outcome.filter(|_| alike(other) == alike(&self.policy))?;
        let found = Backtest { policy, ..found.clone() };
        Some(Self { policy: other.clone(), replay: Replay { found, looks: looks.clone() } })
    }
}

/// Replays, and answers the report; the exit code follows from the second value, if any.
///
/// # Errors
/// When there is nothing that could be replayed, with what to do.
pub async fn backtest(args: &BacktestArgs, surroundings: &Surroundings) -> anyhow::Result<(String, Option<ExitWith>)> {
    ensure!(args.hourly_cost >= 0.0 && args.hourly_cost.is_finite(), "--hourly-cost is not a number from 0 on");
    ensure!(args.false_alarms_per_week >= 0.0, "--false-alarms-per-week is not a number from 0 on");
    let source = Source::new(args, surroundings).await?;
    let policy = source.policy(args, surroundings).await?;
    let gathered = source.gather(args, surroundings, &policy).await?;
    let signals = gathered.fitting(&policy)?;
    let calendars = source.calendars(args, surroundings).await?;
    let play = |policy, recorded| play(policy, recorded, &calendars, args, surroundings);
    let played = play(policy, &signals.recorded)?;
    let other = match &args.compare {
        Some(path) => {
            let other = documents::policy(path)?;
            let fits = gathered.fitting(&other)?;
            ensure!(
                fits.recorded.len() == signals.recorded.len(),
                "{}: its step of {:#} does not fit signals that the other policy takes: compare policies of one step",
                path.display(),
                other.step
            );
            match played.with(&other, args) {
                Some(judged) => Some(judged),
                None => Some(play(other, &fits.recorded)?),
            }
        }
        None => None,
    };
    let suggestion = args
        .suggest
        .then(|| asked(args, &played))
        .and_then(|asked| suggest(&played.policy, &played.replay.looks, &played.replay.found.breaches, &asked));
    let checks = args.checks.checked(&played.replay.found.policy);
    if let Some(path) = &args.svg {
        let picture = picture::picture(&played, &signals.recorded, surroundings.zone.clone());
        std::fs::write(path, picture).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let exit = ExitWith::of(&checks, &signals.problems);
    let report = Report { played, other, suggestion, wanted: args.suggest, checks, signals };
    let text = if surroundings.json { report.json()? } else { report.text(&surroundings.zone) };
    Ok((text, exit))
}

fn play(
    policy: Policy,
    signals: &BTreeMap<String, Recorded>,
    calendars: &[Calendar],
    args: &BacktestArgs,
    surroundings: &Surroundings,
) -> anyhow::Result<Played> {
    let setting = Setting {
        hourly_cost: args.hourly_cost,
        rounds_max: ROUNDS_MAX,
        from: args.from,
        to: args.to,
        zone: surroundings.zone.clone(),
        expected: Arc::new(Expected::by(&policy, calendars.to_vec())),
    };
    let mut shown = Shown::new(surroundings.watched);
    let replay = replay(&policy, signals, &setting, |progress| shown.tell(progress));
    shown.end();
    let replay = replay.with_context(|| {
        format!(
            "the recording is too short for one look: a forecast needs {} samples at the policy's step of {:#}, before \
             --to and the end of the recording",
            shadow_core::forecast::SAMPLES_MIN,
            policy.step
        )
    })?;
    Ok(Played { policy, replay })
}

/// Within the bounds that the policy sets to what is learned, if it does.
fn asked(args: &BacktestArgs, played: &Played) -> Asked {
    let bounds = played.policy.spec.adaptive_thresholds;
    Asked {
        false_alarms_per_week: args.false_alarms_per_week,
        hourly_cost: args.hourly_cost,
        shadowing: bounds.map_or((0.0, SHADOWING_MAX), |bounds| (bounds.shadowing.min, bounds.shadowing.max)),
        critical: bounds.map_or((0.0, 1.0), |bounds| (bounds.critical.min, bounds.critical.max)),
    }
}

/// Progress as one line of a terminal that is written over.
struct Shown {
    watched: bool,
    begun: Instant,
    told: Option<Instant>,
}

impl Shown {
    fn new(watched: bool) -> Self {
        Self { watched, begun: Instant::now(), told: None }
    }

    fn tell(&mut self, progress: Progress) {
        let Progress { done, total } = progress;
        if !self.watched || self.told.is_some_and(|told| told.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let share = done as f64 / total.max(1) as f64;
        let left = self.begun.elapsed().as_secs_f64() * (1.0 - share) / share;
        // That nobody sees it is no reason to stop.
        drop(write!(std::io::stderr(), "\r\u{1b}[2K{done} of {total} looks, {:.0} %, {left:.0} s left", 100.0 * share));
    }

    fn end(&self) {
        if self.told.is_some() {
            drop(write!(std::io::stderr(), "\r\u{1b}[2K"));
        }
    }
}

/// The history that is known at `from`, and not the more that may be recorded.
fn before(at: Timestamp, history: SignedDuration) -> Timestamp {
    at.checked_sub(history).unwrap_or(Timestamp::MIN)
}

/// The methods in the order in which they are told.
fn methods(found: &shadow_core::backtest::Backtest) -> [(&'static str, &Outcome); 4] {
    [
        ("policy", &found.policy),
        ("static threshold", &found.static_threshold),
        ("predict_linear", &found.predict_linear),
        ("no policy", &found.no_policy),
    ]
}

/// The length of all breaches.
fn broken(breaches: &[Breach]) -> SignedDuration {
    breaches
        .iter()
        .map(|it| it.end.duration_since(it.start))
        .fold(SignedDuration::ZERO, |sum, it| sum.saturating_add(it))
}
