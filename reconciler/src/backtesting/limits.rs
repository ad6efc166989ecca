//! Limits of recorded signals: from a group, from options, and matched with what was recorded.

use anyhow::{Context as _, bail, ensure};
use jiff::SignedDuration;
use shadow_core::backtest::Recorded;
use shadow_core::history::Sample;
use shadow_core::model::Policy;
use shadow_core::model::signal::{Direction, SignalKind, SignalSpec};
use std::collections::BTreeMap;

/// Share of the samples that break a limit without a direction from which on the other side is
/// likely meant.
const BROKEN_SHARE_MAX: f64 = 0.5;

/// A recording may be this much coarser than the policy's step: jitter.
const STEP_FACTOR: f64 = 1.5;

/// A limit from the command line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LimitArg {
    signal: String,
    value: f64,
    direction: Option<Direction>,
}

/// Reads `SIGNAL=VALUE`, with `,above` or `,below`.
pub(super) fn parse(text: &str) -> anyhow::Result<LimitArg> {
    let form = "write it as SIGNAL=VALUE, SIGNAL=VALUE,above or SIGNAL=VALUE,below";
    let (signal, rest) = text.rsplit_once('=').with_context(|| format!("--limit {text:?} has no `=`: {form}"))?;
    ensure!(!signal.is_empty(), "--limit {text:?} names no signal: {form}");
    let (number, direction) = match rest.split_once(',') {
        None => (rest, None),
        Some((number, "above")) => (number, Some(Direction::Above)),
        Some((number, "below")) => (number, Some(Direction::Below)),
        Some((_, other)) => bail!("--limit {text:?}: {other:?} is no direction: {form}"),
    };
    let value: f64 = number
        .trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .with_context(|| format!("--limit {text:?}: {number:?} is no finite number: {form}"))?;
    Ok(LimitArg { signal: signal.to_owned(), value, direction })
}

/// Everything that is known of the signals, before a policy is held against it.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// With limits.
    pub(super) recorded: BTreeMap<String, Recorded>,
    /// What could not be read or matched; the exit code tells of them.
    pub(super) problems: Vec<String>,
    /// What was recorded and has no limit.
    pub(super) aside: Vec<String>,
}

/// What is recorded of a signal that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Its counts, as a file has them.
    Counts,
    /// Its rates, as queries answer them.
    Rates,
}

/// Growth a second between neighbours. A count that falls was begun anew at zero.
fn rates(counts: &[Sample]) -> Vec<Sample> {
    let rate = |pair: &[Sample]| {
        let (before, after) = (pair.first()?, pair.last()?);
        let grown = if after.value < before.value { after.value } else { after.value - before.value };
        Some(Sample { at: after.at, value: grown / after.at.duration_since(before.at).as_secs_f64() })
    };
    counts.windows(2).filter_map(rate).collect()
}

/// Gives each series its limit. A recording of one series and one limit are meant for each other.
pub(super) fn matched(
    mut series: BTreeMap<String, Vec<Sample>>,
    mut specs: BTreeMap<String, SignalSpec>,
    limits: &[LimitArg],
    mut problems: Vec<String>,
    counted: Counted,
) -> anyhow::Result<Gathered> {
    for limit in limits {
        let unit = specs.get(&limit.signal).map_or_else(|| "count".to_owned(), |spec| spec.unit.clone());
        let direction = limit.direction.unwrap_or_default();
        let (query, kind) = (String::new(), SignalKind::Gauge);
        specs.insert(
            limit.signal.clone(),
            SignalSpec { query, limit: limit.value, direction, unit, kind, resource: None },
        );
    }
    ensure!(
        !specs.is_empty(),
        "no limit is known: name a group with --group, or give limits as in --limit memory=900e6"
    );
    if let (1, 1, true) = (series.len(), specs.len(), series.keys().ne(specs.keys())) {
        series = specs.keys().cloned().zip(std::mem::take(&mut series).into_values()).collect();
    }
    let mut gathered = Gathered::default();
    for (name, spec) in specs {
        let Some(mut samples) = series.remove(&name) else {
            // A series that could not be read has a problem of its own.
            if !problems.iter().any(|problem| problem.contains(&format!("signal {name:?} is left out"))) {
                problems.push(format!("signal {name:?} has a limit and is not in the recording"));
            }
            continue;
        };
        if (spec.kind, counted) == (SignalKind::Counter, Counted::Counts) {
            samples = rates(&samples);
        }
        let stated = limits.iter().all(|limit| limit.signal != name || limit.direction.is_some());
        match doubt(&spec, &samples).filter(|_| !stated) {
            Some(doubt) => problems.push(format!("signal {name:?} is left out: {doubt}")),
            None => drop(gathered.recorded.insert(name, Recorded { spec, samples })),
        }
    }
    gathered.aside = series.into_keys().collect();
    gathered.problems = problems;
    Ok(gathered)
}

/// Why a limit without a direction may be meant the other way round.
fn doubt(spec: &SignalSpec, samples: &[Sample]) -> Option<String> {
    let broken = samples.iter().filter(|sample| spec.breaks(sample.value)).count();
    let share = broken as f64 / samples.len().max(1) as f64;
    (share > BROKEN_SHARE_MAX).then(|| {
        format!(
            "its limit of {} has no direction, and {:.0} % of the samples are at or above it: write it with `,below`, or \
             with `,above` if that is meant",
            spec.limit,
            100.0 * share
        )
    })
}

/// Signals that a policy can look at.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    /// With limits.
    pub(super) recorded: BTreeMap<String, Recorded>,
    /// What could not be read, matched or looked at.
    pub(super) problems: Vec<String>,
    /// What was recorded and has no limit.
    pub(super) aside: Vec<String>,
}

impl Gathered {
    /// The signals whose steps are not longer than those of a policy.
    pub(super) fn fitting(&self, policy: &Policy) -> anyhow::Result<Fitting> {
        let mut fitting = Fitting { problems: self.problems.clone(), aside: self.aside.clone(), ..Fitting::default() };
        for (name, recorded) in &self.recorded {
            match usual_step(&recorded.samples) {
                Some(step) if step.as_secs_f64() > policy.step.as_secs_f64() * STEP_FACTOR => {
                    fitting.problems.push(format!(
                        "signal {name:?} is left out: it was recorded every {step:#}, and the policy {:?} takes a sample \
                         every {:#}, so that most would be missing: set its step to {step:#}",
                        policy.spec.name, policy.step
                    ));
                }
                Some(_) | None => drop(fitting.recorded.insert(name.clone(), recorded.clone())),
            }
        }
        if fitting.recorded.is_empty() {
            bail!("no signal is left to replay:\n  {}", fitting.problems.join("\n  "));
        }
        Ok(fitting)
    }
}

/// The usual distance of two samples.
fn usual_step(samples: &[Sample]) -> Option<SignedDuration> {
    let distance = |pair: &[Sample]| Some(pair.last()?.at.duration_since(pair.first()?.at));
    let mut distances: Vec<SignedDuration> = samples.windows(2).filter_map(distance).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use shadow_core::model::policy::PolicySpec;

    #[test]
    fn limits_of_the_command_line() {
        let limit = |text: &str| parse(text).map(|it| (it.signal, it.value, it.direction)).map_err(|it| it.to_string());
        assert_eq!(limit("memory=900e6"), Ok(("memory".to_owned(), 900e6, None)));
        assert_eq!(limit("free=10,below"), Ok(("free".to_owned(), 10.0, Some(Direction::Below))));
        assert_eq!(limit("cpu{pod=\"a\"}=1,above"), Ok(("cpu{pod=\"a\"}".to_owned(), 1.0, Some(Direction::Above))));
        for (text, expected) in [
            ("memory", "has no `=`"),
            ("=5", "names no signal"),
            ("m=much", "\"much\" is no finite number"),
            ("m=inf", "\"inf\" is no finite number"),
            ("m=5,", "\"\" is no direction"),
            ("m=5,sideways", "\"sideways\" is no direction"),
        ] {
            assert!(limit(text).unwrap_err().contains(expected), "{text}");
        }
    }

    fn series(name: &str, step: i64, value: f64) -> BTreeMap<String, Vec<Sample>> {
        let sample = |nth: i64| Sample { at: Timestamp::from_second(step * nth).unwrap(), value };
        [(name.to_owned(), (0..100).map(sample).collect())].into()
    }

    fn gathered(series: BTreeMap<String, Vec<Sample>>, limits: &[&str]) -> anyhow::Result<Gathered> {
        let limits: Vec<LimitArg> = limits.iter().map(|text| parse(text).unwrap()).collect();
        matched(series, BTreeMap::new(), &limits, Vec::new(), Counted::Counts)
    }

    #[test]
    fn series_and_limits_find_each_other() {
        let one = gathered(series("node_load1{}", 60, 1.0), &["load=5"]).unwrap();
        assert_eq!(one.recorded.keys().collect::<Vec<_>>(), ["load"], "the only series has the only limit");
        let mut two = series("a", 60, 1.0);
        two.extend(series("b", 60, 1.0));
        let found = gathered(two, &["a=5", "c=1"]).unwrap();
        assert_eq!(found.recorded.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(found.aside, ["b"]);
        assert_eq!(found.problems, ["signal \"c\" has a limit and is not in the recording"]);
        assert!(gathered(series("a", 60, 1.0), &[]).unwrap_err().to_string().contains("no limit is known"));
    }

    #[test]
    fn counts_of_a_file_become_rates() {
        let counts = [(0, 5.0), (10, 25.0), (20, 25.0), (30, 3.0)];
        let counts = counts.map(|(second, value)| Sample { at: Timestamp::from_second(second).unwrap(), value });
        let told = |samples: &[Sample]| samples.iter().map(|it| (it.at.as_second(), it.value)).collect::<Vec<_>>();
        assert_eq!(told(&rates(&counts)), [(10, 2.0), (20, 0.0), (30, 0.3)]);
        let (query, unit) = ("requests_total".to_owned(), "per_second".to_owned());
        let spec = SignalSpec {
            query,
            limit: 9.0,
            direction: Direction::Above,
            unit,
            kind: SignalKind::Counter,
            resource: None,
        };
        let gathered = |counted| {
            let (series, specs) = ([("r".to_owned(), counts.to_vec())].into(), [("r".to_owned(), spec.clone())].into());
            matched(series, specs, &[], Vec::new(), counted).unwrap().recorded["r"].samples.len()
        };
        assert_eq!((gathered(Counted::Counts), gathered(Counted::Rates)), (3, 4));
    }

    #[test]
    fn a_limit_without_a_direction_is_doubted_when_it_is_mostly_broken() {
        let check = |limit: &str, doubts: usize| {
            assert_eq!(gathered(series("free", 60, 50.0), &[limit]).unwrap().problems.len(), doubts, "{limit}");
        };
        check("free=10", 1);
        check("free=10,below", 0);
        check("free=10,above", 0);
        check("free=100", 0);
    }

    #[test]
    fn a_step_that_is_shorter_than_the_recording_is_told() {
        let policy = |step: &str| {
            let mut spec = PolicySpec::named("p");
            (spec.step, spec.history, spec.horizons) = (step.into(), "7d".into(), vec!["1h".into()]);
            spec.check().unwrap()
        };
        let gathered = gathered(series("a", 300, 1.0), &["a=5"]).unwrap();
        assert_eq!(gathered.fitting(&policy("5m")).unwrap().recorded.len(), 1);
        assert_eq!(gathered.fitting(&policy("10m")).unwrap().recorded.len(), 1);
        let error = gathered.fitting(&policy("1m")).unwrap_err().to_string();
        assert!(error.contains("it was recorded every 5m") && error.contains("set its step to 5m"), "{error}");
    }
}
