#![no_main]

use fuzz_entries::rtp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rtp::run(data));
