//! States whose defaults are implied, as MessagePack: read, and read again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| terraform_provider_framework::fuzzing::refreshes(data));
