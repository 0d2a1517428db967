#![no_main]

use fuzz_entries::turn;

libfuzzer_sys::fuzz_target!(|data: &[u8]| turn::run(data));
