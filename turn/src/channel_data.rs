//! Data on a channel: four bytes before it instead of a message around it
//! (RFC 8656 §12.4).

/// A channel's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// `None` if no channels have such a number.
    pub fn new(number: u16) -> Option<Self> {
        (FIRST..=LAST).contains(&number).then_some(Self(number))
    }

    pub fn value(self) -> u16 {
        self.0
    }
}

/// Which numbers clients may give their channels.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Channels {
    /// From 0x4000 to 0x4FFF (RFC 8656 §12).
    #[default]
    Rfc8656,
    /// Up to 0x7FFF, as it was before: coturn's test client draws from these.
    Rfc5766,
}

impl Channels {
    pub(crate) fn contain(self, number: ChannelNumber) -> bool {
        match self {
            Self::Rfc8656 => number.0 <= 0x4FFF,
            Self::Rfc5766 => true,
        }
    }
}

/// Data that came on a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChannelData<'a> {
    pub channel: ChannelNumber,
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads a datagram or a frame of a stream. What follows the data is
    /// padding, of up to three bytes (RFC 8656 §12.5).
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[high, low, length_high, length_low], rest) = bytes.split_first_chunk()?;
        let channel = ChannelNumber::new(u16::from_be_bytes([high, low]))?;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let (data, padding) = rest.split_at_checked(length)?;
        (padding.len() < 4).then_some(Self { channel, data })
    }
}

/// Appends data as it is sent on a channel; over a stream it is padded.
/// `data` may have up to 65,535 bytes.
pub fn write_channel_data(
    bytes: &mut Vec<u8>,
    channel: ChannelNumber,
    data: &[u8],
    is_padded: bool,
) {
    bytes.extend_from_slice(&channel.0.to_be_bytes());
    bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
    bytes.extend_from_slice(data);
    if is_padded {
        let padding = data.len().next_multiple_of(4) - data.len();
        bytes.extend_from_slice(&[0; 3][..padding]);
    }
}

const FIRST: u16 = 0x4000;
const LAST: u16 = 0x7FFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let channel = ChannelNumber::new(0x4001).unwrap();
        for is_padded in [false, true] {
            for length in 0..9 {
                let data = vec![7; length];
                let mut bytes = Vec::new();
                write_channel_data(&mut bytes, channel, &data, is_padded);

                let read = ChannelData::read(&bytes).expect("whole");

                assert_eq!((read.channel, read.data), (channel, &data[..]));
                assert!(!is_padded || bytes.len() % 4 == 0);
            }
        }
    }

    #[test]
    fn numbers_that_are_none_and_truncated_data_are_refused() {
        for number in [0x0000, 0x3FFF, 0x8000, 0xFFFF] {
            assert_eq!(ChannelNumber::new(number), None, "{number:#x}");
        }
        for number in [0x4000, 0x4FFF, 0x5000, 0x7FFF] {
            let number = ChannelNumber::new(number).expect("one of them");
            let is_new = number.value() < 0x5000;
            assert_eq!(Channels::Rfc8656.contain(number), is_new);
            assert!(Channels::Rfc5766.contain(number));
        }
        let whole = [0x40, 0, 0, 4, 1, 2, 3, 4];
        for length in 0..whole.len() {
            assert_eq!(ChannelData::read(&whole[..length]), None);
        }
        for longer in 4..10 {
            let longer = [&whole[..], &vec![0; longer]].concat();
            assert_eq!(ChannelData::read(&longer), None);
        }
    }
}
