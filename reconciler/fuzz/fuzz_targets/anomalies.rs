//! Lines for `anomalies --jsonl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shadow_reconciler::fuzzing::anomalies(data));
