//! Values as MessagePack: read by several types, written, and read again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| terraform_provider_framework::fuzzing::values(data));
