#![no_main]

use fuzz_entries::first_bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| first_bytes::run(data));
