//! States as JSON, with numbers of any length.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| terraform_provider_framework::fuzzing::states(data));
