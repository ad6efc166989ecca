//! The figures as a table and as `target/bench/provider.json`, beside the targets. It never measures.

use super::contestant::Contestant;
use super::runs::Times;
use super::start::Start;
use crate::tools;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// From the start of the process to the handshake line, in milliseconds.
const START_MILLISECONDS_MAX: f64 = 5.0;

/// The same, as a part of what the provider in Go takes.
const START_RATIO_MAX: f64 = 1.0 / 6.0;

/// Memory at that point, in MiB.
const RESIDENT_MIB_MAX: f64 = 8.0;

/// Size of the static program, in millions of bytes.
const PROGRAM_MB_MAX: f64 = 8.0;

/// Requests to the reconciler for a refresh of a thousand resources.
const REQUESTS_MAX: u64 = 10;

/// Time of a run as a part of what the provider in Go takes: above a thousand resources Terraform itself is the cost.
fn ratio_max(resources: usize) -> f64 {
    if resources < 1_000 { 0.6 } else { 1.0 }
}

/// Everything that was measured.
pub(super) struct Report {
    load_before: f32,
    pub(super) load_after: f32,
    /// Of the provider and of the one in Go.
    pub(super) starts: [Vec<Start>; 2],
    pub(super) programs: [PathBuf; 2],
    pub(super) measured: Vec<Measured>,
    /// Resources, and requests for a refresh of them.
    pub(super) requests: Option<(usize, u64)>,
}

/// One turn.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Measured {
    pub(super) contestant: Contestant,
    pub(super) resources: usize,
    #[serde(flatten)]
    pub(super) times: Times,
}

/// One of the three runs of a turn.
type Step = (&'static str, fn(&Times) -> f64);

const STEPS: [Step; 3] =
    [("plan", |times| times.plan), ("apply", |times| times.apply), ("plan, no change", |times| times.plan_again)];

impl Report {
    pub(super) fn new(load: f32, programs: [PathBuf; 2]) -> Self {
        Self {
            load_before: load,
            load_after: load,
            starts: [Vec::new(), Vec::new()],
            programs,
            measured: Vec::new(),
            requests: None,
        }
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut text =
            format!("\n{cores} cores, load {:.1} before and {:.1} after\n\n", self.load_before, self.load_after);
        row(&mut text, ["", "shadow", "null", "builtin", "ratio", "target"]);
        self.start_rows(&mut text);
        for resources in self.sizes() {
            for step in STEPS {
                self.run_row(&mut text, resources, step);
            }
        }
        if let Some((resources, requests)) = self.requests {
            let target = verdict(requests <= REQUESTS_MAX, &format!("at most {REQUESTS_MAX}"));
            let title = format!("requests, refresh of {resources}");
            row(&mut text, [&title, &requests.to_string(), "", "", "", &target]);
        }
        text.push('\n');
        text
    }

    fn start_rows(&self, text: &mut String) {
        let [shadow, null] = self.starts.each_ref().map(|starts| median(starts.iter().map(milliseconds)));
        let met = shadow <= START_MILLISECONDS_MAX && shadow / null <= START_RATIO_MAX;
        let target = format!("at most {START_MILLISECONDS_MAX} ms and {START_RATIO_MAX:.2}");
        let cells = [format!("{shadow:.2} ms"), format!("{null:.2} ms"), ratio(shadow, null), verdict(met, &target)];
        row(text, ["start to handshake", &cells[0], &cells[1], "", &cells[2], &cells[3]]);

        let [shadow, null] = self.starts.each_ref().map(|starts| median(starts.iter().map(resident_mib)));
        let target = verdict(shadow <= RESIDENT_MIB_MAX, &format!("at most {RESIDENT_MIB_MAX} MiB"));
        let cells = [format!("{shadow:.1} MiB"), format!("{null:.1} MiB"), ratio(shadow, null), target];
        row(text, ["memory at that point", &cells[0], &cells[1], "", &cells[2], &cells[3]]);

        let [shadow, null] = self.program_megabytes();
        let target = verdict(shadow <= PROGRAM_MB_MAX, &format!("at most {PROGRAM_MB_MAX} MB"));
        let cells = [format!("{shadow:.2} MB"), format!("{null:.2} MB"), ratio(shadow, null), target];
        row(text, ["size of the program", &cells[0], &cells[1], "", &cells[2], &cells[3]]);
    }

    fn run_row(&self, text: &mut String, resources: usize, step: Step) {
        let [shadow, null, builtin] =
            [Contestant::Shadow, Contestant::Null, Contestant::Builtin].map(|it| self.seconds(it, resources, step));
        let max = ratio_max(resources);
        let target = verdict(shadow / null <= max, &format!("at most {max:.1} of null"));
        let [a, b, c] = [shadow, null, builtin].map(|seconds| format!("{seconds:.2} s"));
        row(text, [&format!("{} of {resources}", step.0), &a, &b, &c, &ratio(shadow, null), &target]);
    }

    fn seconds(&self, contestant: Contestant, resources: usize, (_, of): Step) -> f64 {
        let turns = self.measured.iter().filter(|it| it.contestant == contestant && it.resources == resources);
        median(turns.map(|it| of(&it.times)))
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.measured.iter().map(|it| it.resources).collect();
        sizes.dedup();
        sizes
    }

    fn program_megabytes(&self) -> [f64; 2] {
        self.programs.each_ref().map(|program| program.metadata().map_or(f64::NAN, |file| megabytes(file.len())))
    }

    /// Writes `target/bench/provider.json` and answers where it is.
    pub(super) fn write(&self) -> Result<PathBuf> {
        let folder = tools::repository().join("target/bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join("provider.json");
        std::fs::write(&path, format!("{:#}\n", self.json())).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    fn json(&self) -> Value {
        let starts = self.starts.each_ref().map(|starts| starts.iter().map(milliseconds).collect::<Vec<_>>());
        let resident = self.starts.each_ref().map(|starts| median(starts.iter().map(resident_mib)));
        json!({
            "load": [self.load_before, self.load_after],
            "start_milliseconds": {"shadow": starts[0], "null": starts[1]},
            "resident_mib": {"shadow": resident[0], "null": resident[1]},
            "program_megabytes": {"shadow": self.program_megabytes()[0], "null": self.program_megabytes()[1]},
            "runs": self.measured,
            "requests_of_a_refresh": self.requests.map(|(resources, requests)| json!({"resources": resources, "requests": requests})),
        })
    }
}

fn row(text: &mut String, [title, shadow, null, builtin, ratio, target]: [&str; 6]) {
    // Writing to a string cannot fail.
    writeln!(text, "{title:<26}{shadow:>12}{null:>12}{builtin:>12}{ratio:>8}  {target}").ok();
}

fn verdict(met: bool, target: &str) -> String {
    format!("{target}: {}", if met { "met" } else { "missed" })
}

fn ratio(part: f64, whole: f64) -> String {
    format!("{:.2}", part / whole)
}

fn milliseconds(start: &Start) -> f64 {
    start.time.as_secs_f64() * 1e3
}

fn resident_mib(start: &Start) -> f64 {
    megabytes(start.resident_bytes) * 1e6 / 1024.0 / 1024.0
}

fn megabytes(bytes: u64) -> f64 {
    // Sizes of programs are far below 2^53, up to which this is exact.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let bytes = bytes as f64;
    bytes / 1e6
}

/// The middle value, or the mean of the two in the middle; not a number when there are none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(value), 1) => *value,
        (Some(upper), _) => values.get(middle.wrapping_sub(1)).map_or(*upper, |lower| f64::midpoint(*lower, *upper)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(contestant: Contestant, seconds: f64) -> Measured {
        Measured { contestant, resources: 100, times: Times { plan: seconds, apply: seconds, plan_again: seconds } }
    }

    #[test]
    fn the_middle_is_neither_the_best_nor_the_worst() {
        assert_eq!(median([3.0, 1.0, 9.0].into_iter()).to_string(), "3");
        assert_eq!(median([4.0, 1.0].into_iter()).to_string(), "2.5");
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn the_table_compares_with_the_targets() {
        let mut report = Report::new(0.5, ["/nowhere".into(), "/nowhere".into()]);
        report.measured =
            vec![turn(Contestant::Shadow, 0.2), turn(Contestant::Null, 0.4), turn(Contestant::Builtin, 0.1)];
        report.requests = Some((100, 11));
        let table = report.table();
        assert!(table.contains("plan of 100                     0.20 s      0.40 s      0.10 s    0.50"), "{table}");
        assert!(table.contains("at most 0.6 of null: met") && table.contains("at most 10: missed"), "{table}");
    }
}
