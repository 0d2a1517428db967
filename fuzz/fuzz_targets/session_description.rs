#![no_main]

use fuzz_entries::session_description;

libfuzzer_sys::fuzz_target!(|data: &[u8]| session_description::run(data));
