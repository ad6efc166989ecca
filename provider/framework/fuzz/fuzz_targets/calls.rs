//! Frames of calls, from the bytes of the message to the answer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| terraform_provider_framework::fuzzing::calls(data));
