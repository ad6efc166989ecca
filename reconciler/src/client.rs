//! The API as the command line uses it, and its answers as text for people.

use crate::api::{Explanation, GroupForecast, HoldBody, JournalPage, RetireBody, SignalHistory, Status};
use crate::backtesting::parts;
use crate::http::{ErrorBody, Token};
use crate::store::{Page, Stored};
use anyhow::{Context, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shadow_core::feedback::FeedbackView;
use shadow_core::history::Sample;
use shadow_core::model::calendar::CalendarSpec;
use shadow_core::model::policy::PolicySpec;
use shadow_core::model::{GroupSpec, name};
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Records asked for at once: a page arrives within the timeout also over a slow line.
const JOURNAL_PAGE: u32 = 500;

/// Steps of a signal's past asked for at once: some 600 kB.
const HISTORY_PAGE: i32 = 10_000;

/// A client of a reconciler's API.
#[derive(Debug)]
pub struct Client {
    endpoint: String,
    token: Option<Token>,
    http: reqwest::Client,
}

/// Prints a text and a line end. That nobody reads it any more is not an error.
pub fn print(to: &mut impl Write, text: &str) {
    drop(writeln!(to, "{}", text.trim_end()));
}

impl Client {
    /// A client for that base URL.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(endpoint: &str, token: Option<Token>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), token, http })
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.endpoint));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| {
            format!(
                "the reconciler at {} cannot be reached: is it running? set --endpoint or SHADOW_ENDPOINT",
                self.endpoint
            )
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        match answer.json::<ErrorBody>().await {
            Ok(body) if body.problems.is_empty() => bail!("{}", body.error),
            Ok(body) => {
                let problems: Vec<String> = body.problems.iter().map(|problem| format!("\n  {problem}")).collect();
                bail!("{}:{}", body.error, problems.concat())
            }
            Err(_not_ours) => bail!("{} answered {status}: is it a reconciler? set --endpoint", self.endpoint),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.send::<()>(Method::GET, path, None).await?;
        answer
            .json()
            .await
            .with_context(|| format!("the answer to {path} cannot be read: is the reconciler of another version?"))
    }

    /// How one group or all groups are.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn status(&self, group: Option<&str>, json: bool) -> anyhow::Result<String> {
        let names = match group {
            Some(group) => vec![group.to_owned()],
            None => self.group_names().await?,
        };
        let mut all = Vec::new();
        for name in names {
            all.push(self.get::<Status>(&address(&name, "status")?).await?);
        }
        if json {
            return Ok(serde_json::to_string_pretty(&all)?);
        }
        let texts: Vec<String> = all.iter().map(status_text).collect();
        Ok(if texts.is_empty() { "no group is declared".to_owned() } else { texts.join("\n") })
    }

    /// Names of all groups, page by page.
    async fn group_names(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.all::<GroupSpec>("groups").await?.into_iter().map(|group| group.name).collect())
    }

    /// Every declaration of a kind, page by page.
    async fn all<T: DeserializeOwned>(&self, kind: &str) -> anyhow::Result<Vec<T>> {
        let mut all = Vec::new();
        let mut address = format!("/v1/{kind}");
        loop {
            let page: Page<T> = self.get(&address).await?;
            all.extend(page.items.into_iter().map(|item| item.spec));
            match page.next {
                Some(last) => address = format!("/v1/{kind}?after={last}"),
                None => return Ok(all),
            }
        }
    }

    /// Why a group did or did not act.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn explain(&self, group: &str, json: bool) -> anyhow::Result<String> {
        let explanation: Explanation = self.get(&address(group, "explain")?).await?;
        if json {
            return Ok(serde_json::to_string_pretty(&explanation)?);
        }
        explanation_text(&explanation)
    }

    /// What a group's signals will probably do.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn group_forecast(&self, group: &str) -> anyhow::Result<GroupForecast> {
        self.get(&address(group, "forecast")?).await
    }

    /// A declared group.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn group(&self, group: &str) -> anyhow::Result<GroupSpec> {
        Ok(self.get::<Stored<GroupSpec>>(&format!("/v1/groups/{}", valid(group)?)).await?.spec)
    }

    /// A declared policy.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn policy(&self, policy: &str) -> anyhow::Result<PolicySpec> {
        ensure!(name::is_valid(policy), "{policy:?} is not the name of a policy: {}", name::RULE);
        Ok(self.get::<Stored<PolicySpec>>(&format!("/v1/policies/{policy}")).await?.spec)
    }

    /// Every declared calendar.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn calendars(&self) -> anyhow::Result<Vec<CalendarSpec>> {
        self.all("calendars").await
    }

    /// What was measured of a signal of a group's primary in a span of time, at the step of the group's policy.
    ///
    /// # Errors
    /// When the reconciler cannot be reached, refuses or cannot read it.
    pub async fn samples(
        &self,
        group: &str,
        signal: &str,
        span: (Timestamp, Timestamp),
        step: SignedDuration,
    ) -> anyhow::Result<Vec<Sample>> {
        let mut samples: Vec<Sample> = Vec::new();
        for (start, end) in parts(span, step, HISTORY_PAGE) {
            let path = format!("{}?start={start}&end={end}", address(group, &format!("history/{signal}"))?);
            samples.extend(self.get::<SignalHistory>(&path).await?.samples);
        }
        Ok(samples)
    }

    /// What forecasts, scores and alarms of a group were worth.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn accuracy(&self, group: &str, json: bool) -> anyhow::Result<String> {
        let view: FeedbackView = self.get(&address(group, "feedback")?).await?;
        if json {
            return Ok(serde_json::to_string_pretty(&view)?);
        }
        feedback_text(&view)
    }

    /// Leaves a group alone.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn hold(&self, group: &str, reason: &str, duration: Option<&str>) -> anyhow::Result<String> {
        let body = HoldBody { reason: reason.to_owned(), duration: duration.map(str::to_owned) };
        self.send(Method::POST, &address(group, "hold")?, Some(&body)).await?;
        Ok(accepted(group, "hold"))
    }

    /// Asks for something that needs no more words.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn tell(&self, group: &str, action: &str) -> anyhow::Result<String> {
        self.send::<()>(Method::POST, &address(group, action)?, None).await?;
        Ok(accepted(group, action))
    }

    /// Takes away what was made for a group.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn retire(&self, group: &str, remove_route: bool) -> anyhow::Result<String> {
        let body = RetireBody { remove_route };
        self.send(Method::POST, &address(group, "retire")?, Some(&body)).await?;
        Ok(accepted(group, "retire"))
    }

    /// What happened.
    ///
    /// # Errors
    /// When the reconciler cannot be reached or refuses.
    pub async fn journal(&self, group: Option<&str>, after: i64, limit: u32, json: bool) -> anyhow::Result<String> {
        let page = self.pages(group, after, limit).await?;
        if json {
            return Ok(serde_json::to_string_pretty(&page)?);
        }
        let line = |record: &crate::journal::Record| {
            format!(
                "{:>6}  {}  {:<16}  {:?}  {}",
                record.id, record.at, record.group, record.entry.kind, record.entry.message
            )
        };
        Ok(page.records.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// The pages of the journal after an id as one page of at most `limit` records.
    async fn pages(&self, group: Option<&str>, after: i64, limit: u32) -> anyhow::Result<JournalPage> {
        let of_group = group.map(valid).transpose()?.map(|group| format!("&group={group}")).unwrap_or_default();
        let mut whole = JournalPage { records: Vec::new(), next: Some(after) };
        let mut left = limit;
        while let Some(after) = whole.next.filter(|_| left > 0) {
            let ask = left.min(JOURNAL_PAGE);
            let page: JournalPage = self.get(&format!("/v1/journal?after={after}&limit={ask}{of_group}")).await?;
            left -= ask;
            whole.records.extend(page.records);
            whole.next = page.next;
        }
        Ok(whole)
    }
}

/// The address of something that a group has.
fn address(group: &str, part: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/groups/{}/{part}", valid(group)?))
}

/// A group's name, unless it cannot be one: it would become part of another address.
fn valid(group: &str) -> anyhow::Result<&str> {
    ensure!(name::is_valid(group), "{group:?} is not the name of a group: {}", name::RULE);
    Ok(group)
}

fn accepted(group: &str, action: &str) -> String {
    format!("{action} of {group} is taken up in its next cycle; `shadow-reconciler status {group}` shows it")
}

fn status_text(status: &Status) -> String {
    let mut text = String::new();
    let held = if status.held { "  HELD" } else { "" };
    let mut line = |label: &str, value: &str| text.push_str(&format!("  {label:<9} {value}\n"));
    line("phase", &format!("{}{held}", status.phase));
    line("reason", &status.reason);
    if let Some(primary) = &status.primary {
        line("primary", primary.as_str());
    }
    let weights = status
        .weights
        .as_ref()
        .map(|weights| weights.iter().map(|(slot, weight)| format!("{slot}={weight}")).collect::<Vec<_>>().join(" "));
    line("weights", weights.as_deref().unwrap_or("unknown"));
    for horizon in status.score.iter().flat_map(|score| &score.horizons) {
        let bounds = format!("{:.2} ({:.2} to {:.2})", horizon.probability, horizon.lower, horizon.upper);
        line("score", &format!("{bounds} within {:#}", horizon.horizon));
    }
    for (label, texts) in [("waits", &status.waiting), ("alert", &status.alerts)] {
        texts.iter().for_each(|text| line(label, text));
    }
    if let Some(error) = &status.error {
        line("error", error);
    }
    format!("{}\n{text}", status.group)
}

fn feedback_text(view: &FeedbackView) -> anyhow::Result<String> {
    let mut text =
        String::from("forecasts beside what came (loss beside that of the value a day before: below 1 is better)\n");
    for row in &view.forecasts {
        let loss = row.loss_ratio.map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.2}"));
        let (inner, outer) = (100.0 * row.coverage_80, 100.0 * row.coverage_95);
        writeln!(
            text,
            "  {} at {:.0} s ({}): loss {loss}, {inner:.0} % within the 80 % interval, {outer:.0} % within 95 %, {} compared",
            row.signal, row.horizon_seconds, row.model, row.compared
        )?;
    }
    writeln!(text, "scores beside what came")?;
    for of in &view.scores {
        let skill = of.skill.map_or_else(|| "unknown".to_owned(), |skill| format!("{skill:.2}"));
        writeln!(
            text,
            "  within {:.0} s: Brier skill {skill}, {} looks, {} broke",
            of.horizon_seconds, of.looks, of.broke
        )?;
    }
    writeln!(text, "alarms and broken limits")?;
    for (label, count) in &view.counts {
        writeln!(text, "  {}: {count}", label.name())?;
    }
    for (what, dated) in [("in effect", &view.thresholds_in_effect), ("on trial", &view.thresholds_on_trial)] {
        if let Some(dated) = dated {
            let (shadowing, critical) = (dated.thresholds.shadowing, dated.thresholds.critical);
            writeln!(text, "thresholds {what} since {}: {shadowing} and {critical}: {}", dated.since, dated.reason)?;
        }
    }
    Ok(text)
}

fn explanation_text(explanation: &Explanation) -> anyhow::Result<String> {
    let mut text = status_text(&explanation.status);
    writeln!(text, "\n  guards of the last decision")?;
    for guard in &explanation.guards {
        let mark = if guard.passed { "✓" } else { "✗" };
        writeln!(text, "    {mark} {}: {}", guard.name, guard.inputs)?;
    }
    let observation = explanation.observation.as_ref();
    if let Some(outage) = observation.and_then(|observation| observation.metrics_outage.as_ref()) {
        writeln!(text, "\n  metrics: {outage}")?;
    }
    if let Some(observation) = observation.filter(|observation| !observation.anomalies.is_empty()) {
        let expected = observation.expected_event.iter().map(|event| format!(" (expected: {event})"));
        writeln!(text, "\n  anomalies{}", expected.collect::<String>())?;
        for anomaly in &observation.anomalies {
            writeln!(text, "    {} (severity {:.1})", anomaly.text, anomaly.severity)?;
        }
    }
    if let Some(score) = observation.and_then(|observation| observation.score.as_ref()) {
        writeln!(text, "\n  parts of the score")?;
        for part in &score.parts {
            writeln!(text, "    {}", part.reason)?;
        }
        for missing in &score.missing {
            writeln!(text, "    {}: {}", missing.signal, missing.reason)?;
        }
    }
    Ok(text)
}
