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

/// Appends a header extension with these elements, in the shorter of the two
/// forms that takes them all: one-byte (RFC 8285 §4.2) for up to 16 bytes each
/// under numbers up to 14, else two-byte (§4.3). No element has more than 255
/// bytes.
pub fn write_elements<'a>(
    elements: impl Iterator<Item = (u8, &'a [u8])> + Clone,
    bytes: &mut Vec<u8>,
) {
    let lengths = elements.clone().map(|(id, data)| (id, data.len()));
    let length = elements_length(lengths.clone());
    let start = bytes.len();
    let words = u16::try_from((length / 4).saturating_sub(1)).unwrap_or(u16::MAX);
    let head = head_length(lengths);
    let profile = if head == 1 {
        ONE_BYTE_PROFILE
    } else {
        TWO_BYTE_PROFILE
    };
    bytes.extend_from_slice(&profile.to_be_bytes());
    bytes.extend_from_slice(&words.to_be_bytes());
    for (id, data) in elements {
        if head == 1 {
            bytes.push(id << 4 | (data.len() - 1) as u8);
        } else {
            bytes.extend_from_slice(&[id, data.len() as u8]);
        }
        bytes.extend_from_slice(data);
    }
    bytes.resize(start + length, 0);
}

/// What [`write_elements`] appends for one element of two bytes under a number
/// up to 14.
pub fn short_extension(id: u8, [first, second]: [u8; 2]) -> [u8; SHORT_EXTENSION] {
    let [high, low] = ONE_BYTE_PROFILE.to_be_bytes();
    [high, low, 0, 1, id << 4 | 1, first, second, 0]
}

/// How many bytes [`write_elements`] appends for elements of these numbers and
/// lengths, of which there is at least one.
pub fn elements_length(elements: impl Iterator<Item = (u8, usize)> + Clone) -> usize {
    let head = head_length(elements.clone());
    let data: usize = elements.map(|(_, length)| head + length).sum();
    4 + data.next_multiple_of(4)
}

/// Bytes before each element's data.
fn head_length(mut elements: impl Iterator<Item = (u8, usize)>) -> usize {
    let is_short =
        elements.all(|(id, length)| (1..=14).contains(&id) && (1..=16).contains(&length));
    if is_short { 1 } else { 2 }
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

/// The length of a [`short_extension`].
pub const SHORT_EXTENSION: usize = 8;
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// In the one-byte form this number ends the elements (RFC 8285 §4.2).
const STOP_ID: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_what_is_written_for_its_one_element() {
        for id in 1..=14 {
            let mut written = Vec::new();
            write_elements([(id, &[7, 8][..])].into_iter(), &mut written);

            assert_eq!(written, short_extension(id, [7, 8]));
            assert_eq!(elements_length([(id, 2)].into_iter()), SHORT_EXTENSION);
        }
    }

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
    fn elements_of_every_length_read_back() {
        for id in [1, 14, 15, 200] {
            for length in 1..=255 {
                let data = vec![0xA5; length];
                let mut bytes = vec![9];

                let elements = [(id, &data[..]), (3, &[7, 8])];

                write_elements(elements.into_iter(), &mut bytes);

                let lengths = [(id, length), (3, 2)];
                assert_eq!(bytes.len() - 1, elements_length(lengths.into_iter()));
                let words = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
                assert_eq!(bytes.len(), 1 + 4 + 4 * words);
                let profile = u16::from_be_bytes([bytes[1], bytes[2]]);
                let read: Vec<_> = Extensions::new(profile, &bytes[5..]).collect();
                assert_eq!(read, elements);
            }
        }
    }
}
