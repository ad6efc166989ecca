//! Where the past comes from: a file, a group of a running reconciler, or a Prometheus.

use super::limits::{Counted, Gathered, LimitArg, matched, parse};
use super::{BacktestArgs, Surroundings, before, documents};
use crate::metrics::PrometheusSource;
use crate::recording;
use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use shadow_core::history::Sample;
use shadow_core::model::calendar::{Calendar, CalendarSpec};
use shadow_core::model::signal::SignalSpec;
use shadow_core::model::{Group, Policy, SlotId, name};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for one answer of Prometheus: a range of weeks takes longer than a cycle would wait.
const PROMETHEUS_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the samples are.
#[derive(Debug)]
enum Past {
    File(PathBuf),
    Reconciler(String),
    Prometheus(PrometheusSource),
}

/// Where samples and limits are.
#[derive(Debug)]
pub(super) struct Source {
    past: Past,
    group: Option<Group>,
    limits: Vec<LimitArg>,
}

impl Source {
    pub(super) async fn new(args: &BacktestArgs, surroundings: &Surroundings) -> anyhow::Result<Self> {
        let limits = args.limits.iter().map(|text| parse(text)).collect::<anyhow::Result<_>>()?;
        let past = past(args)?;
        let named = match &past {
            Past::Reconciler(group) => Some(group),
            Past::File(_) | Past::Prometheus(_) => None,
        };
        let group = match args.group.as_ref().or(named) {
            Some(group) => Some(group_of(group, surroundings).await?),
            None => None,
        };
        Ok(Self { past, group, limits })
    }

    /// The policy that is judged.
    pub(super) async fn policy(&self, args: &BacktestArgs, surroundings: &Surroundings) -> anyhow::Result<Policy> {
        match (&args.policy, &self.group) {
            (Some(path), _) => documents::policy(path),
            (None, Some(group)) => declared(&group.spec.policy, surroundings).await,
            (None, None) => bail!("it is not said which policy is to be judged: give its file with --policy"),
        }
    }

    /// The calendars that are given, or those of a group of the reconciler.
    pub(super) async fn calendars(
        &self,
        args: &BacktestArgs,
        surroundings: &Surroundings,
    ) -> anyhow::Result<Vec<Calendar>> {
        let (Past::Reconciler(_), Some(group), []) = (&self.past, &self.group, &*args.calendars) else {
            return args.calendars.iter().map(|path| documents::calendar(path)).collect();
        };
        let declared = surroundings.client.calendars().await?.into_iter();
        let checked: Vec<Calendar> = declared.map(CalendarSpec::check).collect::<Result<_, _>>()?;
        Ok(checked.into_iter().filter(|calendar| calendar.affects(&group.spec)).collect())
    }

    pub(super) async fn gather(
        &self,
        args: &BacktestArgs,
        surroundings: &Surroundings,
        policy: &Policy,
    ) -> anyhow::Result<Gathered> {
        let specs = self.group.as_ref().map(|group| group.spec.signals.clone()).unwrap_or_default();
        let end = args.to.unwrap_or(surroundings.now).min(surroundings.now);
        // With a first look, what is known at it; else as much as the policy remembers.
        let start = before(args.from.unwrap_or(end).min(end), policy.history);
        let (series, problems) = match &self.past {
            Past::File(path) => {
                let recording = recording::open(path)?;
                (recording.series, recording.problems.iter().map(ToString::to_string).collect())
            }
            Past::Reconciler(group) => {
                asked(&specs, async |signal, _| {
                    let slice = self.slice(surroundings).await?;
                    let samples = surroundings.client.samples(group, signal, (start, end), slice).await?;
                    Ok(recording::when_known(samples, slice))
                })
                .await
            }
            Past::Prometheus(prometheus) => {
                let group = self.group.as_ref().context("--prometheus needs --group")?;
                let (slot, instance) = (SlotId::next_after([]), &group.spec.primary.instance_id);
                asked(&specs, async |_, spec| {
                    let query = spec.query_for(&group.name, &slot, instance);
                    let samples = prometheus.steps(&query, start, end, policy.step).await?;
                    let samples = samples.into_iter().map(|(at, value)| Sample { at, value }).collect();
                    Ok(recording::when_known(samples, policy.step))
                })
                .await
            }
        };
        let counted = match &self.past {
            Past::File(_) => Counted::Counts,
            Past::Reconciler(_) | Past::Prometheus(_) => Counted::Rates,
        };
        matched(series, specs, &self.limits, problems, counted)
    }

    /// The step at which the reconciler tells a group's past: that of the group's own policy.
    async fn slice(&self, surroundings: &Surroundings) -> anyhow::Result<jiff::SignedDuration> {
        let group = self.group.as_ref().context("the group is not known")?;
        Ok(declared(&group.spec.policy, surroundings).await?.step)
    }
}

/// The samples of each signal; one that cannot be had is told, and the others go on.
async fn asked(
    specs: &BTreeMap<String, SignalSpec>,
    mut ask: impl AsyncFnMut(&str, &SignalSpec) -> anyhow::Result<Vec<Sample>>,
) -> (BTreeMap<String, Vec<Sample>>, Vec<String>) {
    let (mut series, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, spec) in specs {
        match ask(name, spec).await {
            Ok(samples) => drop(series.insert(name.clone(), samples)),
            Err(error) => problems.push(format!("signal {name:?} is left out: {error:#}")),
        }
    }
    (series, problems)
}

fn past(args: &BacktestArgs) -> anyhow::Result<Past> {
    if let Some(url) = &args.prometheus {
        return Ok(Past::Prometheus(PrometheusSource::new(url, PROMETHEUS_TIMEOUT)?));
    }
    let history = args.history.as_deref().context("it is not said what is to be replayed: give --history")?;
    let path = Path::new(history);
    if path.exists() {
        return Ok(Past::File(path.to_owned()));
    }
    ensure!(
        name::is_valid(history),
        "there is no file {history:?}, and it cannot be the name of a group: {}",
        name::RULE
    );
    Ok(Past::Reconciler(history.to_owned()))
}

/// From a file, or declared at the reconciler.
async fn group_of(group: &str, surroundings: &Surroundings) -> anyhow::Result<Group> {
    if Path::new(group).exists() {
        return documents::group(Path::new(group));
    }
    let asked = surroundings.client.group(group).await;
    let spec = asked.with_context(|| format!("there is no file {group:?}, so it is taken for the name of a group"))?;
    Ok(spec.check(1)?)
}

async fn declared(policy: &str, surroundings: &Surroundings) -> anyhow::Result<Policy> {
    Ok(surroundings.client.policy(policy).await?.check()?)
}

/// Parts of a span of at most so many steps: the API bounds an answer.
pub(crate) fn parts(
    (start, end): (Timestamp, Timestamp),
    step: jiff::SignedDuration,
    steps_max: i32,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let length = step.saturating_mul(steps_max.max(1));
    let next = move |first: &Timestamp| first.checked_add(length.saturating_add(step)).ok().filter(|next| *next <= end);
    let starts = std::iter::successors(Some(start).filter(|start| *start <= end), next);
    starts.map(move |first| (first, first.checked_add(length).unwrap_or(end).min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn parts_cover_a_span_once() {
        let second = |second: i64| Timestamp::from_second(second).unwrap();
        let check = |end: i64, expected: &[(i64, i64)]| {
            let parts = parts((second(0), second(end)), SignedDuration::from_secs(10), 3);
            let parts: Vec<(i64, i64)> = parts.map(|(from, to)| (from.as_second(), to.as_second())).collect();
            assert_eq!(parts, expected, "{end}");
        };
        check(-1, &[]);
        check(0, &[(0, 0)]);
        check(30, &[(0, 30)]);
        check(95, &[(0, 30), (40, 70), (80, 95)]);
    }
}
