//! The end of each payload: who sent it, where it belongs, when it left, and
//! a checksum of what is before it. It stands where the end-to-end layer has
//! its tag, so no server can know or change it.

use crate::system::udp::WallTime;

/// What the end of a payload says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The publisher's stream.
    pub stream: u32,
    /// The frame's number in its stream.
    pub frame: u32,
    /// The packet's place in its frame.
    pub packet: u16,
    /// The packets of the frame.
    pub packets: u16,
    pub sent: WallTime,
}

/// Why a payload is not as it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    NoMark,
    Checksum,
}

impl Mark {
    /// Bytes at the end of each payload.
    pub const LENGTH: usize = 32;

    /// Writes the mark over the last bytes of `payload`. What is before
    /// `checked_from` may be changed by the server.
    pub fn write(self, payload: &mut [u8], checked_from: usize) {
        let at = payload.len() - Self::LENGTH;
        let (body, end) = payload.split_at_mut(at);
        end[..4].copy_from_slice(&self.stream.to_be_bytes());
        end[4..8].copy_from_slice(&self.frame.to_be_bytes());
        end[8..10].copy_from_slice(&self.packet.to_be_bytes());
        end[10..12].copy_from_slice(&self.packets.to_be_bytes());
        end[12..20].copy_from_slice(&self.sent.0.to_be_bytes());
        end[20..24].copy_from_slice(MAGIC);
        let sum = checksum(&body[checked_from..], &end[..24]);
        end[24..].copy_from_slice(&sum.to_be_bytes());
    }

    /// Reads the mark of a payload as it arrived.
    ///
    /// # Errors
    /// The payload has none, or its bytes from `checked_from` on were changed.
    pub fn read(payload: &[u8], checked_from: usize) -> Result<Self, Damage> {
        let at = payload
            .len()
            .checked_sub(Self::LENGTH)
            .filter(|at| *at >= checked_from)
            .ok_or(Damage::NoMark)?;
        let (body, end) = payload.split_at(at);
        if &end[20..24] != MAGIC {
            return Err(Damage::NoMark);
        }
        if checksum(&body[checked_from..], &end[..24]).to_be_bytes() != end[24..] {
            return Err(Damage::Checksum);
        }
        Ok(Self {
            stream: u32::from_be_bytes(end[..4].try_into().map_err(|_| Damage::NoMark)?),
            frame: u32::from_be_bytes(end[4..8].try_into().map_err(|_| Damage::NoMark)?),
            packet: u16::from_be_bytes([end[8], end[9]]),
            packets: u16::from_be_bytes([end[10], end[11]]),
            sent: WallTime(u64::from_be_bytes(
                end[12..20].try_into().map_err(|_| Damage::NoMark)?,
            )),
        })
    }
}

/// Not for secrecy: it must only be fast and notice changed bytes.
fn checksum(body: &[u8], end: &[u8]) -> u64 {
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    for part in [body, end] {
        let mut words = part.chunks_exact(8);
        for word in &mut words {
            let word = word.try_into().map_or(0, u64::from_be_bytes);
            sum = (sum ^ word)
                .wrapping_mul(0x0000_0100_0000_01B3)
                .rotate_left(23);
        }
        for &byte in words.remainder() {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    sum
}

const MAGIC: &[u8; 4] = b"load";

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark {
        stream: 7,
        frame: 99,
        packet: 2,
        packets: 8,
        sent: WallTime(1_790_000_000_123_456_789),
    };

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mut payload = vec![0xAA; 200];
        MARK.write(&mut payload, 5);
        payload[2] = 0;

        assert_eq!(Mark::read(&payload, 5), Ok(MARK));
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let mut payload = vec![0xAA; 201];
        MARK.write(&mut payload, 5);
        for at in (5..180).chain(193..201) {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            assert!(Mark::read(&changed, 5).is_err(), "{at}");
        }
    }

    #[test]
    fn short_and_foreign_payloads_have_no_mark() {
        for length in 0..40 {
            assert_eq!(Mark::read(&vec![0; length], 0), Err(Damage::NoMark));
        }
    }
}
