//! The RTP header as a view over a packet's bytes (RFC 3550 §5.1).

use super::extensions::Extensions;
use super::{PayloadType, Ssrc, Timestamp};

/// The fixed header's length in bytes.
pub const FIXED_LENGTH: usize = 12;

/// What a packet's header says, and where its payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub marker: bool,
    pub payload_type: PayloadType,
    pub sequence_number: u16,
    pub timestamp: Timestamp,
    pub ssrc: Ssrc,
    /// Bytes from the packet's start to its payload.
    pub length: usize,
    padding: bool,
    extension: Option<ExtensionBlock>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ExtensionBlock {
    profile: u16,
    start: usize,
}

impl Header {
    /// Reads the header of `packet`, or `None` if it isn't a whole RTP
    /// header. Only the header is looked at: the rest may still be encrypted.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; FIXED_LENGTH] = packet.first_chunk()?;
        if fixed[0] >> 6 != VERSION {
            return None;
        }
        let mut length = FIXED_LENGTH + 4 * usize::from(fixed[0] & 0x0F);
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let block = packet.get(length..length + 4)?;
            let words = u16::from_be_bytes([block[2], block[3]]);
            extension = Some(ExtensionBlock {
                profile: u16::from_be_bytes([block[0], block[1]]),
                start: length + 4,
            });
            length += 4 + 4 * usize::from(words);
        }
        if packet.len() < length {
            return None;
        }
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: PayloadType(fixed[1] & 0x7F),
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: Timestamp(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])),
            ssrc: Ssrc(u32::from_be_bytes([
                fixed[8], fixed[9], fixed[10], fixed[11],
            ])),
            length,
            padding: fixed[0] & 0x20 != 0,
            extension,
        })
    }

    /// The header extension elements of `packet`, from which this header was
    /// read.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        match self.extension {
            Some(block) => Extensions::new(block.profile, &packet[block.start..self.length]),
            None => Extensions::none(),
        }
    }

    /// The payload of the decrypted `packet` without its padding, or `None`
    /// if the padding's length is impossible.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.length..)?;
        if !self.padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 {
            return None;
        }
        payload.get(..payload.len().checked_sub(padding)?)
    }
}

/// What a header to be sent says; there are no contributing sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    pub marker: bool,
    pub payload_type: PayloadType,
    pub sequence_number: u16,
    pub timestamp: Timestamp,
    pub ssrc: Ssrc,
    pub has_extensions: bool,
    pub has_padding: bool,
}

impl Outgoing {
    /// The fixed header; extensions, if any, follow it.
    pub fn to_bytes(self) -> [u8; FIXED_LENGTH] {
        let mut bytes = [0; FIXED_LENGTH];
        bytes[0] =
            VERSION << 6 | u8::from(self.has_padding) << 5 | u8::from(self.has_extensions) << 4;
        bytes[1] = u8::from(self.marker) << 7 | (self.payload_type.0 & 0x7F);
        bytes[2..4].copy_from_slice(&self.sequence_number.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.ssrc.0.to_be_bytes());
        bytes
    }
}

const VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0xE0, 0x12, 0x34, 0, 0, 0, 9, 0xAA, 0xBB, 0xCC, 0xDD];
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn fields_are_read_where_the_rfc_puts_them() {
        let bytes = packet(0x80, &[1, 2, 3]);

        let header = Header::parse(&bytes).expect("a whole header");

        assert!(header.marker);
        assert_eq!(header.payload_type, PayloadType(96));
        assert_eq!(header.sequence_number, 0x1234);
        assert_eq!(header.timestamp, Timestamp(9));
        assert_eq!(header.ssrc, Ssrc(0xAABB_CCDD));
        assert_eq!(header.payload(&bytes), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn contributing_sources_and_extensions_are_stepped_over() {
        let bytes = packet(
            0x91,
            &[0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0, 7, 8],
        );

        let header = Header::parse(&bytes).expect("a whole header");

        assert_eq!(header.payload(&bytes), Some(&[7, 8][..]));
        assert_eq!(header.extensions(&bytes).find(1), Some(&[0x55][..]));
    }

    #[test]
    fn padding_is_taken_off_and_a_lie_about_it_refused() {
        let honest = packet(0xA0, &[1, 2, 0, 0, 3]);
        let too_long = packet(0xA0, &[1, 2, 0, 0, 6]);
        let zero = packet(0xA0, &[1, 2, 0, 0, 0]);

        let read = |bytes: &[u8]| {
            let header = Header::parse(bytes).expect("a whole header");
            header.payload(bytes).map(<[u8]>::to_vec)
        };

        assert_eq!(read(&honest), Some(vec![1, 2]));
        assert_eq!(read(&too_long), None);
        assert_eq!(read(&zero), None);
    }

    #[test]
    fn truncated_packets_are_refused() {
        let whole = packet(0x91, &[0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0]);

        for length in 0..whole.len() {
            assert_eq!(Header::parse(&whole[..length]), None, "{length}");
        }
        assert!(Header::parse(&whole).is_some());
    }

    #[test]
    fn a_written_header_reads_back() {
        let outgoing = Outgoing {
            marker: true,
            payload_type: PayloadType(111),
            sequence_number: 65_535,
            timestamp: Timestamp(0xDEAD_BEEF),
            ssrc: Ssrc(7),
            has_extensions: false,
            has_padding: false,
        };

        let bytes = outgoing.to_bytes();
        let header = Header::parse(&bytes).expect("a whole header");

        assert!(header.marker);
        assert_eq!(header.payload_type, outgoing.payload_type);
        assert_eq!(header.sequence_number, outgoing.sequence_number);
        assert_eq!(header.timestamp, outgoing.timestamp);
        assert_eq!(header.ssrc, outgoing.ssrc);
    }
}
