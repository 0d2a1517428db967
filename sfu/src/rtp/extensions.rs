//! RTP header extensions (RFC 8285).

/// A session's numbering of the header extensions the server knows, each 1 to
/// 255; an absent one was not negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 9143).
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    pub transport_sequence_number: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    pub absolute_send_time: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id` (RFC 8852).
    pub stream_id: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id` (RFC 8852).
    pub repaired_stream_id: Option<u8>,
    /// The Dependency Descriptor (RTP Payload Format For AV1, appendix A).
    pub dependency_descriptor: Option<u8>,
}

/// The elements of one packet's header extension.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    form: Form,
    bytes: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// The elements in `bytes`, in the form that `profile` names; any other
    /// profile holds none.
    pub(super) fn new(profile: u16, bytes: &'a [u8]) -> Self {
        let form = match profile {
            ONE_BYTE_PROFILE => Form::OneByte,
            profile if profile & 0xFFF0 == TWO_BYTE_PROFILE => Form::TwoByte,
            _ => return Self::none(),
        };
        Self { form, bytes }
    }

    pub(super) fn none() -> Self {
        Self {
            form: Form::OneByte,
            bytes: &[],
        }
    }

    /// The data of the first element numbered `id`.
    pub fn find(mut self, id: u8) -> Option<&'a [u8]> {
        Iterator::find(&mut self, |&(element, _)| element == id).map(|(_, data)| data)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.bytes.split_first()?;
            if first == 0 {
                self.bytes = rest;
                continue;
            }
            let (id, length, data) = match self.form {
                Form::OneByte if first >> 4 == STOP_ID => return None,
                Form::OneByte => (first >> 4, usize::from(first & 0x0F) + 1, rest),
                Form::TwoByte => {
                    let (&length, data) = rest.split_first()?;
                    (first, usize::from(length), data)
                }
            };
            let (element, rest) = data.split_at_checked(length)?;
            self.bytes = rest;
            return Some((id, element));
        }
    }
}

/// The bytes of a header extension with one one-byte element, numbered 1 to
/// 14, as RFC 8285 §4.2 has it.
pub fn single_byte_element(id: u8, data: u8) -> [u8; SINGLE_BYTE_ELEMENT_LENGTH] {
    let [profile_high, profile_low] = ONE_BYTE_PROFILE.to_be_bytes();
    [profile_high, profile_low, 0, 1, id << 4, data, 0, 0]
}

/// The length of [`single_byte_element`]'s bytes.
pub const SINGLE_BYTE_ELEMENT_LENGTH: usize = 8;

/// Appends a header extension with one element, in the shorter of the two
/// forms that takes it: one-byte (RFC 8285 §4.2) for up to 16 bytes under a
/// number up to 14, else two-byte (§4.3). `data` has at most 255 bytes.
pub fn write_element(id: u8, data: &[u8], bytes: &mut Vec<u8>) {
    let length = element_length(id, data.len());
    let start = bytes.len();
    let words = u16::try_from(length / 4 - 1).unwrap_or(u16::MAX);
    if takes_one_byte(id, data.len()) {
        bytes.extend_from_slice(&ONE_BYTE_PROFILE.to_be_bytes());
        bytes.extend_from_slice(&words.to_be_bytes());
        bytes.push(id << 4 | (data.len() - 1) as u8);
    } else {
        bytes.extend_from_slice(&TWO_BYTE_PROFILE.to_be_bytes());
        bytes.extend_from_slice(&words.to_be_bytes());
        bytes.extend_from_slice(&[id, data.len() as u8]);
    }
    bytes.extend_from_slice(data);
    bytes.resize(start + length, 0);
}

/// How many bytes [`write_element`] appends.
pub fn element_length(id: u8, data_length: usize) -> usize {
    let head = if takes_one_byte(id, data_length) {
        1
    } else {
        2
    };
    4 + (head + data_length).next_multiple_of(4)
}

fn takes_one_byte(id: u8, data_length: usize) -> bool {
    (1..=14).contains(&id) && (1..=16).contains(&data_length)
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// In the one-byte form this number ends the elements (RFC 8285 §4.2).
const STOP_ID: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_elements_and_padding_are_told_apart() {
        let bytes = [0x10, 0xAA, 0, 0, 0x31, 1, 2, 0];

        let elements: Vec<_> = Extensions::new(ONE_BYTE_PROFILE, &bytes).collect();

        assert_eq!(elements, [(1, &[0xAA][..]), (3, &[1, 2][..])]);
    }

    #[test]
    fn two_byte_elements_may_be_empty_or_long() {
        let mut bytes = vec![5, 0, 200, 20];
        bytes.extend([9; 20]);

        let elements: Vec<_> = Extensions::new(0x1000, &bytes).collect();

        assert_eq!(elements, [(5, &[][..]), (200, &[9; 20][..])]);
    }

    #[test]
    fn an_element_past_the_end_is_not_read() {
        assert_eq!(Extensions::new(ONE_BYTE_PROFILE, &[0x13, 1]).find(1), None);
        assert_eq!(Extensions::new(0x1000, &[1, 200, 1]).find(1), None);
        assert_eq!(Extensions::new(0x1000, &[1]).find(1), None);
    }

    #[test]
    fn the_stop_number_ends_the_one_byte_form() {
        let bytes = [0xF0, 0x10, 0x10, 0xAA];

        assert_eq!(Extensions::new(ONE_BYTE_PROFILE, &bytes).find(1), None);
    }

    #[test]
    fn a_written_element_reads_back() {
        let bytes = single_byte_element(7, 0x85);

        let elements = Extensions::new(u16::from_be_bytes([bytes[0], bytes[1]]), &bytes[4..]);

        assert_eq!(elements.find(7), Some(&[0x85][..]));
    }

    #[test]
    fn elements_of_every_length_read_back() {
        for id in [1, 14, 15, 200] {
            for length in 1..=255 {
                let data = vec![0xA5; length];
                let mut bytes = vec![9];

                write_element(id, &data, &mut bytes);

                assert_eq!(bytes.len() - 1, element_length(id, length));
                let words = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
                assert_eq!(bytes.len(), 1 + 4 + 4 * words);
                let profile = u16::from_be_bytes([bytes[1], bytes[2]]);
                let elements: Vec<_> = Extensions::new(profile, &bytes[5..]).collect();
                assert_eq!(elements, [(id, &data[..])]);
            }
        }
    }
}
