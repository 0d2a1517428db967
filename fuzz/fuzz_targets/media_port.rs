#![no_main]

use fuzz_entries::media_port;

libfuzzer_sys::fuzz_target!(|data: &[u8]| media_port::run(data));
