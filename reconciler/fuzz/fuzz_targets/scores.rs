//! Lines for `score --jsonl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shadow_reconciler::fuzzing::scores(data));
