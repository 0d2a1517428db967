//! Making mutated STUN messages authentic (RFC 8489 §14.5, §14.7), so that
//! what lies behind the signatures is reached.

use ring::hmac;

/// Completes a header and attributes with MESSAGE-INTEGRITY, when there is a
/// password, and FINGERPRINT. Anything shorter than a header stays as it is.
pub fn seal(message: &mut Vec<u8>, password: Option<&str>) {
    if message.len() < HEADER || message.len() > LONGEST {
        return;
    }
    message.resize(message.len().next_multiple_of(4), 0);
    if let Some(password) = password {
        set_length(message, 24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let tag = hmac::sign(&key, message);
        message.extend([0x00, 0x08, 0, 20]);
        message.extend(tag.as_ref());
    }
    set_length(message, 8);
    let fingerprint = crc32(message) ^ 0x5354_554E;
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(fingerprint.to_be_bytes());
}

fn set_length(message: &mut [u8], more: usize) {
    let length = (message.len() - HEADER + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (crc >> 8) ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)]
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

const HEADER: usize = 20;
const LONGEST: usize = 60_000;
