#![no_main]

use fuzz_entries::signaling;

libfuzzer_sys::fuzz_target!(|data: &[u8]| signaling::run(data));
