//! STUN messages (RFC 8489 §5), read where they lie and written in one go.

mod address;
mod attribute;
mod error_code;
mod integrity;
mod message;
#[cfg(test)]
mod vectors;
mod writer;

pub use address::read_xor_address;
pub use attribute::Attribute;
pub use error_code::ErrorCode;
pub use integrity::{Integrity, Key, PasswordAlgorithm};
pub use message::{Class, Message, Method, Transaction};
pub use writer::Writer;

/// What every message has in its second word.
const MAGIC_COOKIE: u32 = 0x2112_A442;
const HEADER: usize = 20;
/// Of the CRC in FINGERPRINT, "STUN" in ASCII (RFC 8489 §14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
