//! What a run of the demo found: the figures of `report.json`, the targets that they are held against, and how both
//! are shown. It never measures.

use crate::load::Failure;
use crate::terraform::TerraformRun;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Everything that a run found. Absent figures are unknown, never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `leak` or `kill`.
    pub fault: String,
    /// Whether every check passed.
    pub passed: bool,
    /// What was held against a target.
    pub checks: Vec<Check>,
    /// Requests sent.
    pub requests_total: u64,
    /// Those that failed.
    pub requests_failed: u64,
    /// Failures by kind.
    pub failures_by_kind: BTreeMap<Failure, u64>,
    /// Time between the first and the last failed request, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures_span_seconds: Option<f64>,
    /// 99th percentile of latency, in milliseconds.
    pub latency_p99_ms: Latency,
    /// Median of latency, in milliseconds.
    pub latency_p50_ms: Latency,
    /// Longest time by which a request was sent later than due: how exact the load was.
    pub send_delay_ms_max: f64,
    /// From the end of the hand-over to the crash of the old primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_time_seconds: Option<f64>,
    /// From the decision to hand over until the data plane reported the new weights.
    pub switch_seconds: Option<f64>,
    /// From the kill to the decision to hand over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect_seconds: Option<f64>,
    /// From the kill until the data plane reported that all traffic goes to the healthy side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_seconds: Option<f64>,
    /// Phases of the group in the order in which they were entered.
    pub phases: Vec<Phase>,
    /// Every run of Terraform, the user's and the reconciler's.
    pub terraform_runs: Vec<TerraformRun>,
    /// Processes and locks left behind; absent when the run ended before they could be counted.
    pub orphans: Option<usize>,
    /// Which ones.
    pub orphans_found: Vec<String>,
    /// Versions of every real part.
    pub versions: BTreeMap<String, String>,
    /// Time from the start of the parts to their end.
    pub seconds: f64,
    /// What stopped the run, if something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A percentile before the fault, from the fault to the end of the hand-over, and after it, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Before the fault.
    pub before: Option<f64>,
    /// From the fault to the end of the hand-over.
    pub during: Option<f64>,
    /// After it.
    pub after: Option<f64>,
}

/// A phase that the group was in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// In snake case, as the API has it.
    pub name: String,
    /// When it was entered.
    pub start: Timestamp,
    /// The score that it was entered on, if one played a part.
    pub score: Option<f64>,
    /// Why it was entered.
    pub reason: String,
}

/// A figure held against its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was measured.
    pub what: String,
    /// What it should be.
    pub target: String,
    /// What it was.
    pub measured: String,
    /// Whether it was as it should be.
    pub passed: bool,
    /// Whether it is about how long something took: a figure of the machine as well, so the demo
    /// judges it and the tests only print it.
    pub is_time: bool,
}

impl Report {
    /// Writes the report as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing the report as JSON")?;
        std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }

    /// The report as people read it.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_summary(&mut text).ok();
        text
    }

    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nPhases")?;
        for phase in &self.phases {
            let start = phase.start.strftime("%H:%M:%S");
            writeln!(out, "  {start}  {:<16} score {:<5} {}", phase.name, figure(phase.score), phase.reason)?;
        }
        writeln!(out, "\nTerraform runs")?;
        for TerraformRun { root, action, seconds, changes } in &self.terraform_runs {
            let changes = changes.map_or("-".to_owned(), |count| count.to_string());
            writeln!(out, "  {root:<10} {action:<8} {seconds:>6.1} s   changes {changes}")?;
        }
        let Latency { before, during, after } = self.latency_p99_ms;
        writeln!(out, "\nRequests    {} sent, {} failed", self.requests_total, self.requests_failed)?;
        let [before, during, after] = [before, during, after].map(figure);
        writeln!(out, "p99         {before} ms before, {during} ms during, {after} ms after")?;
        if let Some(detect) = self.detect_seconds {
            writeln!(out, "Detection   {detect:.1} s after the kill")?;
        }
        writeln!(out, "Versions")?;
        for (part, version) in &self.versions {
            writeln!(out, "  {part:<26} {version}")?;
        }
        writeln!(out, "\nTargets")?;
        for Check { what, target, measured, passed, .. } in &self.checks {
            let mark = if *passed { "pass" } else { "FAIL" };
            writeln!(out, "  {mark}  {what:<44} {measured:<26} (target: {target})")?;
        }
        for orphan in &self.orphans_found {
            writeln!(out, "  left behind: {orphan}")?;
        }
        if let Some(error) = &self.error {
            writeln!(out, "\nStopped by: {error}")?;
        }
        writeln!(out, "\n{}", if self.passed { "Everything held." } else { "Not everything held." })
    }
}

/// A figure to one hundredth, or a dash.
fn figure(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.2}"))
}
