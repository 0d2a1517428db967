//! The AV1 aggregation header (RTP Payload Format For AV1, §4.4), as far as a
//! server must look into frames that are one opaque open bitstream unit each.

/// What a packet's aggregation header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AggregationHeader {
    /// The packet does not go on with a unit of the packet before (`Z`).
    pub starts_unit: bool,
    /// The packet starts a coded video sequence, which is a key frame (`N`).
    pub starts_sequence: bool,
    /// Bytes from the payload's start to the content of the first unit, if it
    /// starts here.
    pub content: Option<u16>,
}

impl AggregationHeader {
    /// Reads the header at the start of `payload`; `None` if it is cut short
    /// or contradicts itself.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let starts_unit = first & CONTINUES == 0;
        let starts_sequence = first & NEW_SEQUENCE != 0;
        if starts_sequence && !starts_unit {
            return None;
        }
        payload.get(1)?;
        Some(Self {
            starts_unit,
            starts_sequence,
            content: starts_unit
                .then(|| content(payload, first & COUNT == ONE_UNIT))
                .flatten(),
        })
    }
}

/// Where the content of the packet's first unit is. Unless that is said to be
/// the only one, its length is before it.
fn content(payload: &[u8], is_alone: bool) -> Option<u16> {
    let mut offset = 1;
    if !is_alone {
        offset += length_of_size(payload.get(offset..)?)?;
    }
    let unit = *payload.get(offset)?;
    offset += 1;
    if unit & UNIT_HAS_EXTENSION != 0 {
        offset += 1;
    }
    if unit & UNIT_HAS_SIZE != 0 {
        offset += length_of_size(payload.get(offset..)?)?;
    }
    u16::try_from(offset).ok()
}

/// How many bytes a number takes (`leb128()`, AV1 specification §4.10.5).
fn length_of_size(bytes: &[u8]) -> Option<usize> {
    let last = bytes.iter().take(8).position(|byte| byte & 0x80 == 0)?;
    Some(last + 1)
}

const CONTINUES: u8 = 0x80;
const COUNT: u8 = 0x30;
const ONE_UNIT: u8 = 0x10;
const NEW_SEQUENCE: u8 = 0x08;
const UNIT_HAS_EXTENSION: u8 = 0x04;
const UNIT_HAS_SIZE: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    fn content_of(payload: &[u8]) -> Option<u16> {
        AggregationHeader::parse(payload)?.content
    }

    #[test]
    fn a_units_content_is_found_behind_every_form_of_header() {
        assert_eq!(content_of(&[0x10, 0x30, 0xAA]), Some(2));
        assert_eq!(content_of(&[0x00, 0x83, 0x01, 0x30, 0xAA]), Some(4));
        assert_eq!(content_of(&[0x20, 0x02, 0x30, 0xAA, 0x10]), Some(3));
        assert_eq!(content_of(&[0x10, 0x36, 0x08, 0x81, 0x01, 0xAA]), Some(5));
    }

    #[test]
    fn a_packet_that_goes_on_has_no_content_to_find() {
        let header = AggregationHeader::parse(&[0x90, 0xAA]).expect("a header");

        assert!(!header.starts_unit);
        assert_eq!(header.content, None);
    }

    #[test]
    fn a_key_frame_is_seen() {
        let key = AggregationHeader::parse(&[0x18, 0x08, 0xAA]).expect("a header");
        let other = AggregationHeader::parse(&[0x10, 0x30, 0xAA]).expect("a header");

        assert!(key.starts_sequence && !other.starts_sequence);
        assert_eq!(AggregationHeader::parse(&[0x98, 0x08]), None);
    }

    #[test]
    fn what_is_cut_short_has_no_content() {
        assert_eq!(AggregationHeader::parse(&[]), None);
        assert_eq!(AggregationHeader::parse(&[0x10]), None);
        for payload in [&[0x00, 0x80][..], &[0x00, 0x01], &[0x10, 0x32, 0x80]] {
            assert_eq!(content_of(payload), None, "{payload:x?}");
        }
    }
}
