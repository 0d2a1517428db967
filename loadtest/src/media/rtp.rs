//! RTP (RFC 3550 §5.1) with one-byte header extensions (RFC 8285 §4.2), as
//! bytes.

/// The numbers under which a session's header extensions go; `None` for those
/// not agreed upon.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionIds {
    pub mid: Option<u8>,
    pub rid: Option<u8>,
    /// The layer that a retransmission is of.
    pub repaired_rid: Option<u8>,
    pub audio_level: Option<u8>,
    pub transport_sequence_number: Option<u8>,
    pub dependency_descriptor: Option<u8>,
}

/// What a packet's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Bytes up to the payload.
    pub length: usize,
    has_padding: bool,
    has_extensions: bool,
}

impl Header {
    /// Reads the header of a packet; `None` if it is not RTP or cut short.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut length = 12 + usize::from(fixed[0] & 0x0F) * 4;
        let has_extensions = fixed[0] & 0x10 != 0;
        if has_extensions {
            let words = packet.get(length + 2..length + 4)?;
            length += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        }
        (packet.len() >= length).then_some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7F,
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            length,
            has_padding: fixed[0] & 0x20 != 0,
            has_extensions,
        })
    }

    /// The same with another number and source.
    pub fn renamed(self, sequence_number: u16, ssrc: u32) -> Self {
        Self {
            sequence_number,
            ssrc,
            ..self
        }
    }

    /// A decrypted packet's payload without its padding; `None` if the padding
    /// is longer than the payload.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.length..)?;
        let padding = if self.has_padding {
            usize::from(*payload.last()?)
        } else {
            0
        };
        payload.get(..payload.len().checked_sub(padding)?)
    }

    /// The data of one header extension.
    pub fn extension<'a>(&self, packet: &'a [u8], wanted: u8) -> Option<&'a [u8]> {
        if !self.has_extensions {
            return None;
        }
        let start = 12 + usize::from(packet[0] & 0x0F) * 4;
        if packet.get(start..start + 2)? != ONE_BYTE_PROFILE {
            return None;
        }
        let mut rest = packet.get(start + 4..self.length)?;
        while let Some((&first, after)) = rest.split_first() {
            match first >> 4 {
                0 => rest = after,
                15 => return None,
                id => {
                    let length = usize::from(first & 0x0F) + 1;
                    let data = after.get(..length)?;
                    if id == wanted {
                        return Some(data);
                    }
                    rest = &after[length..];
                }
            }
        }
        None
    }
}

/// What a new packet's header is to say.
#[derive(Clone, Copy, Debug)]
pub struct NewHeader<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Numbers and data; data of more than 16 bytes is left out.
    pub extensions: &'a [(u8, &'a [u8])],
}

impl NewHeader<'_> {
    /// Appends the header to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let has_extensions = !self.extensions.is_empty();
        out.push(0x80 | u8::from(has_extensions) << 4);
        out.push(u8::from(self.marker) << 7 | self.payload_type);
        out.extend(self.sequence_number.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        if !has_extensions {
            return;
        }
        out.extend(ONE_BYTE_PROFILE);
        let length_at = out.len();
        out.extend([0, 0]);
        for (id, data) in self.extensions {
            if let Ok(length @ 1..=16) = u8::try_from(data.len()) {
                out.push(id << 4 | (length - 1));
                out.extend(*data);
            }
        }
        while !(out.len() - length_at - 2).is_multiple_of(4) {
            out.push(0);
        }
        let words = (out.len() - length_at - 2) / 4;
        out[length_at + 1] = words as u8;
    }
}

/// Whether a datagram with an RTP version is RTCP (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

const ONE_BYTE_PROFILE: [u8; 2] = [0xBE, 0xDE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_header_is_read_back() {
        let mut packet = Vec::new();
        NewHeader {
            marker: true,
            payload_type: 96,
            sequence_number: 0xABCD,
            timestamp: 0x0102_0304,
            ssrc: 0x1122_3344,
            extensions: &[(4, b"v0"), (3, &[0xAA, 0xBB])],
        }
        .write(&mut packet);
        packet.extend(b"payload");

        let header = Header::parse(&packet).unwrap();

        assert!(header.marker);
        assert_eq!(header.payload_type, 96);
        assert_eq!(header.sequence_number, 0xABCD);
        assert_eq!(header.timestamp, 0x0102_0304);
        assert_eq!(header.ssrc, 0x1122_3344);
        assert_eq!(header.payload(&packet), Some(&b"payload"[..]));
        assert_eq!(header.extension(&packet, 4), Some(&b"v0"[..]));
        assert_eq!(header.extension(&packet, 3), Some(&[0xAA, 0xBB][..]));
        assert_eq!(header.extension(&packet, 5), None);
    }

    #[test]
    fn padding_is_taken_off_and_lies_about_it_are_noticed() {
        let mut packet = vec![0xA0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([9, 9, 0, 0, 3]);
        let header = Header::parse(&packet).unwrap();

        assert_eq!(header.payload(&packet), Some(&[9, 9][..]));
        packet[16] = 6;
        assert_eq!(header.payload(&packet), None);
    }

    #[test]
    fn what_is_cut_short_is_no_header() {
        let mut packet = Vec::new();
        NewHeader {
            marker: false,
            payload_type: 96,
            sequence_number: 1,
            timestamp: 2,
            ssrc: 3,
            extensions: &[(1, &[1, 2, 3])],
        }
        .write(&mut packet);

        for length in 0..packet.len() {
            assert_eq!(Header::parse(&packet[..length]), None, "{length}");
        }
    }
}
