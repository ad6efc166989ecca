//! Files of recorded telemetry: CSV, JSON lines, answers of Prometheus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shadow_reconciler::fuzzing::recordings(data));
