//! Random numbers of the operating system.

use std::fmt::Write;

use ring::rand::{SecureRandom, SystemRandom};

/// # Panics
/// The system gives no random numbers.
pub fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random numbers");
    bytes
}

pub fn number() -> u32 {
    u32::from_be_bytes(bytes())
}

/// So many random bytes in hexadecimal.
pub fn hex(count: usize) -> String {
    let mut text = String::with_capacity(count * 2);
    for _ in 0..count {
        // Writing to a string does not fail.
        let _ = write!(text, "{:02x}", bytes::<1>()[0]);
    }
    text
}
