//! The figures of a benchmark, as a table and as `target/bench/noop.json`. It never measures.

use crate::tools;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What one scenario cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Its name.
    pub(super) scenario: String,
    /// Time over which all of this was measured.
    pub(super) seconds: f64,
    /// What the policy asks for, over all groups.
    pub(super) wanted_cycles_per_second: f64,
    /// What was reached.
    pub(super) cycles_per_second: f64,
    /// Cycles that failed.
    pub(super) cycle_errors: f64,
    /// Mean duration of a cycle, waiting included.
    pub(super) cycle_milliseconds: f64,
    /// Groups that had a score at the end.
    pub(super) scored_groups: u64,
    /// CPU seconds of the reconciler in a second.
    pub(super) cpu_per_second: f64,
    /// CPU time of the reconciler in a cycle.
    pub(super) cpu_milliseconds_per_cycle: f64,
    /// Memory of the reconciler, in MiB.
    pub(super) resident_mib: f64,
    /// CPU seconds of Prometheus in a second: it scrapes these series and answers these queries.
    pub(super) prometheus_cpu_per_second: f64,
    /// Memory of Prometheus, in MiB.
    pub(super) prometheus_resident_mib: f64,
    /// Terraform runs that the reconciler counted since its start; must be 0.
    pub(super) terraform_runs: f64,
    /// Processes of any kind that it was seen to start; must be 0.
    pub(super) processes_started: usize,
}

/// All figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    groups: u32,
    /// Cargo's profile: figures of different profiles do not compare.
    profile: &'static str,
    cores: usize,
    scenarios: Vec<Figures>,
}

impl Report {
    pub(super) fn new(groups: u32, scenarios: Vec<Figures>) -> Self {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self { groups, profile, cores, scenarios }
    }

    /// Whether groups were looked at and nothing was started for them.
    pub(super) fn held(&self) -> bool {
        self.scenarios
            .iter()
            .all(|of| of.cycles_per_second > 0.0 && of.terraform_runs == 0.0 && of.processes_started == 0)
    }

    /// For people: a line for each figure, a column for each scenario.
    pub(super) fn table(&self) -> String {
        let mut text = format!("\n{} idle groups, {} profile, {} cores\n\n", self.groups, self.profile, self.cores);
        self.row(&mut text, "", |of| of.scenario.clone());
        self.row(&mut text, "cycles per second", |of| format!("{:.1}", of.cycles_per_second));
        self.row(&mut text, "  of those the policy wants", |of| {
            percent(of.cycles_per_second, of.wanted_cycles_per_second)
        });
        self.row(&mut text, "failed cycles", |of| format!("{}", of.cycle_errors));
        self.row(&mut text, "groups with a score", |of| of.scored_groups.to_string());
        self.row(&mut text, "duration of a cycle, ms", |of| format!("{:.1}", of.cycle_milliseconds));
        self.row(&mut text, "CPU of a cycle, ms", |of| format!("{:.2}", of.cpu_milliseconds_per_cycle));
        self.row(&mut text, "CPU, s per s", |of| format!("{:.3}", of.cpu_per_second));
        self.row(&mut text, "  of Prometheus", |of| format!("{:.3}", of.prometheus_cpu_per_second));
        self.row(&mut text, "  ratio", |of| format!("{:.2}", of.cpu_per_second / of.prometheus_cpu_per_second));
        self.row(&mut text, "memory, MiB", |of| format!("{:.0}", of.resident_mib));
        self.row(&mut text, "  of Prometheus", |of| format!("{:.0}", of.prometheus_resident_mib));
        self.row(&mut text, "Terraform runs", |of| format!("{}", of.terraform_runs));
        self.row(&mut text, "processes started", |of| of.processes_started.to_string());
        text.push('\n');
        text
    }

    fn row(&self, text: &mut String, title: &str, cell: impl Fn(&Figures) -> String) {
        let cells: String = self.scenarios.iter().map(|of| format!("{:>18}", cell(of))).collect();
        // Writing to a string cannot fail.
        writeln!(text, "{title:<28}{cells}").ok();
    }

    /// Writes `target/bench/noop.json` and answers where it is.
    pub(super) fn write(&self) -> Result<PathBuf> {
        let folder = tools::repository().join("target/bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join("noop.json");
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.0} %", 100.0 * part / whole)
}
