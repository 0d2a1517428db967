#![no_main]

use fuzz_entries::stun;

libfuzzer_sys::fuzz_target!(|data: &[u8]| stun::run(data));
