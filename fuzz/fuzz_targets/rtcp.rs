#![no_main]

use fuzz_entries::rtcp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rtcp::run(data));
