//! The agent's metrics for Prometheus, built anew from what is true at the moment of the scrape:
//! what is not known has no series, and nothing outlives its cause.

use super::supervisor::View;
use super::usage::{self, Usage};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shadow_core::model::process::{ProcessState, ProcessStatus};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

/// Media type of [`exposition`].
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(String, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter<f64, AtomicU64>>;

/// The text that Prometheus scrapes. Reads `/proc`, so it may block for some milliseconds.
pub(super) fn exposition(views: &[View], strays: usize) -> Result<String, std::fmt::Error> {
    let mut sheet = Sheet::default();
    add_processes(&mut sheet, views);
    add_probes(&mut sheet, views);
    add_node(&mut sheet);
    add_agent(&mut sheet, strays);
    let mut text = String::new();
    encode(&mut text, &sheet.0)?;
    Ok(text)
}

/// Metrics under construction.
#[derive(Debug, Default)]
struct Sheet(Registry);

impl Sheet {
    /// Adds a gauge with a series for each value that is known.
    fn gauge(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (Labels, Option<f64>)>) {
        let family = Gauges::default();
        for (labels, value) in series {
            if let Some(value) = value {
                family.get_or_create(&labels).set(value);
            }
        }
        self.0.register(name, help, family);
    }

    /// Adds a counter, to whose name `_total` is appended, with a series for each value that is known.
    fn counter(&mut self, name: &str, help: &str, series: impl IntoIterator<Item = (Labels, Option<f64>)>) {
        let family = Counters::default();
        for (labels, value) in series {
            if let Some(value) = value {
                family.get_or_create(&labels).inc_by(value);
            }
        }
        self.0.register(name, help, family);
    }

    /// Adds a gauge of one series without labels, if its value is known.
    fn single_gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            self.0.register(name, help, gauge);
        }
    }

    /// Adds a counter of one series without labels, if its value is known.
    fn single_counter(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            let counter = Counter::<f64, AtomicU64>::default();
            counter.inc_by(value);
            self.0.register(name, help, counter);
        }
    }
}

fn add_processes(sheet: &mut Sheet, views: &[View]) {
    let each = |value: fn(&ProcessStatus) -> f64| {
        views.iter().map(move |view| (labels_of(&view.status), Some(value(&view.status)))).collect::<Vec<_>>()
    };
    sheet.gauge("shadow_process_up", "Whether the process runs", each(|status| f64::from(u8::from(is_up(status)))));
    sheet.counter(
        "shadow_process_restarts",
        "Times the process was started again after it ended by itself",
        each(|status| f64::from(status.restarts)),
    );

    let usages = usages_of(views);
    let used = |value: fn(&Usage) -> Option<f64>| {
        usages.iter().map(move |(labels, usage)| (labels.clone(), value(usage))).collect::<Vec<_>>()
    };
    sheet.counter(
        "shadow_process_cpu_seconds",
        "CPU time of the process and its children",
        used(|usage| Some(usage.cpu_seconds)),
    );
    sheet.gauge(
        "shadow_process_resident_memory_bytes",
        "Resident memory of the process and its children",
        used(|usage| Some(usage.memory_bytes as f64)),
    );
    sheet.counter(
        "shadow_process_io_read_bytes",
        "Bytes that the process read from disk",
        used(|usage| usage.read_bytes.map(|bytes| bytes as f64)),
    );
    sheet.counter(
        "shadow_process_io_written_bytes",
        "Bytes that the process wrote to disk",
        used(|usage| usage.written_bytes.map(|bytes| bytes as f64)),
    );
    sheet.gauge(
        "shadow_process_open_files",
        "Open files of the process and its children",
        used(|usage| usage.open_files.map(|files| files as f64)),
    );
}

fn usages_of(views: &[View]) -> Vec<(Labels, Usage)> {
    let pid_of = |view: &View| view.status.pid.filter(|_| is_up(&view.status)).and_then(|pid| i32::try_from(pid).ok());
    let leaders: BTreeSet<i32> = views.iter().filter_map(pid_of).collect();
    let usages = usage::of_groups(&leaders);
    views.iter().filter_map(|view| Some((labels_of(&view.status), *usages.get(&pid_of(view)?)?))).collect()
}

fn is_up(status: &ProcessStatus) -> bool {
    matches!(status.state, ProcessState::Running | ProcessState::Stopping)
}

fn add_probes(sheet: &mut Sheet, views: &[View]) {
    let each = |value: fn(&View) -> Option<f64>| {
        views.iter().map(move |view| (labels_of(&view.status), value(view))).collect::<Vec<_>>()
    };
    sheet.gauge(
        "shadow_probe_success",
        "Whether the newest probe was answered well",
        each(|view| view.reading.newest.map(|answer| f64::from(u8::from(answer.success)))),
    );
    sheet.gauge(
        "shadow_probe_duration_seconds",
        "Time until the newest probe was answered",
        each(|view| view.reading.newest?.duration.map(|duration| duration.as_secs_f64())),
    );
    sheet.gauge(
        "shadow_probe_connect_seconds",
        "Time until the connection of the newest probe stood",
        each(|view| view.reading.newest?.connect.map(|connect| connect.as_secs_f64())),
    );
    sheet.counter(
        "shadow_probe_failures",
        "Probes without a good answer",
        each(|view| view.reading.newest.map(|_answer| view.reading.failures as f64)),
    );
}

fn add_node(sheet: &mut Sheet) {
    let by_mode = |(mode, seconds): (&str, f64)| (vec![("mode".to_owned(), mode.to_owned())], Some(seconds));
    sheet.counter("shadow_node_cpu_seconds", "CPU time of the host", usage::node_cpu().into_iter().map(by_mode));

    let memory = usage::node_memory();
    let total = memory.map(|(total, _available)| total as f64);
    let available = memory.and_then(|(_total, available)| available).map(|bytes| bytes as f64);
    sheet.single_gauge("shadow_node_memory_total_bytes", "Memory of the host", total);
    sheet.single_gauge("shadow_node_memory_available_bytes", "Memory that is to be had", available);

    let disks = usage::node_disks();
    let labels = |disk: &str| vec![("device".to_owned(), disk.to_owned())];
    let read = disks.iter().map(|(disk, read, _written)| (labels(disk), Some(*read as f64)));
    sheet.counter("shadow_node_disk_read_bytes", "Bytes read from the disk", read);
    let written = disks.iter().map(|(disk, _read, written)| (labels(disk), Some(*written as f64)));
    sheet.counter("shadow_node_disk_written_bytes", "Bytes written to the disk", written);
}

fn add_agent(sheet: &mut Sheet, strays: usize) {
    let own = usage::of_self();
    let cpu = own.map(|usage| usage.cpu_seconds);
    let memory = own.map(|usage| usage.memory_bytes as f64);
    sheet.single_counter("shadow_agent_cpu_seconds", "CPU time of the agent itself", cpu);
    sheet.single_gauge("shadow_agent_resident_memory_bytes", "Memory of the agent itself", memory);
    let help = "Processes that run without a readable record";
    sheet.single_gauge("shadow_agent_unrecorded_processes", help, Some(strays as f64));
}

/// The name of the process, and its group and slot if it has them.
fn labels_of(status: &ProcessStatus) -> Labels {
    let spec = &status.spec;
    let tag = |label: &str, tag: &str| spec.tags.get(tag).map(|value| (label.to_owned(), value.clone()));
    let tags = [tag("group", "shadow:group"), tag("slot", "shadow:slot")];
    std::iter::once(("process".to_owned(), spec.name.clone())).chain(tags.into_iter().flatten()).collect()
}
