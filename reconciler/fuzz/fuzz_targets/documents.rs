//! Policies and groups, as JSON and as HCL.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| shadow_reconciler::fuzzing::documents(data));
