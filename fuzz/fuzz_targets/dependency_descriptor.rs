#![no_main]

use fuzz_entries::dependency_descriptor;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dependency_descriptor::run(data));
