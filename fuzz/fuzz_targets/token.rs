#![no_main]

use fuzz_entries::token;

libfuzzer_sys::fuzz_target!(|data: &[u8]| token::run(data));
