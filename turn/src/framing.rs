//! Messages and channel data in a stream of bytes (RFC 8656 §12.5,
//! RFC 8489 §6.2.2).

/// What came of a stream and is no whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    partial: Vec<u8>,
    /// Whether the frame in `partial` has been given out.
    is_given: bool,
}

/// What came is no frame, or too long a one. There is no way to find the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Nonsense;

impl Framing {
    /// Takes the next frame off the front of `bytes`, with its padding.
    /// `None` if there is no whole one; then all of `bytes` is taken.
    pub(crate) fn next<'s, 'b: 's>(
        &'s mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'s [u8]>, Nonsense> {
        if self.is_given {
            self.is_given = false;
            self.partial.clear();
        }
        if self.partial.is_empty() {
            if let Some(length) = frame_length(bytes)?
                && let Some((frame, rest)) = bytes.split_at_checked(length)
            {
                *bytes = rest;
                // A frame that is whole gives back what a partial one took.
                self.partial = Vec::new();
                return Ok(Some(frame));
            }
            self.take(bytes, bytes.len());
            return Ok(None);
        }
        self.take(bytes, HEADER.saturating_sub(self.partial.len()));
        let Some(length) = frame_length(&self.partial)? else {
            return Ok(None);
        };
        self.take(bytes, length.saturating_sub(self.partial.len()));
        self.is_given = self.partial.len() == length;
        Ok(self.is_given.then_some(&self.partial))
    }

    /// Moves up to `most` bytes from `bytes`.
    fn take(&mut self, bytes: &mut &[u8], most: usize) {
        let (taken, rest) = bytes.split_at(most.min(bytes.len()));
        self.partial.extend_from_slice(taken);
        *bytes = rest;
    }
}

/// How long the frame at the start of `bytes` is with its padding. `None` if
/// that is not known yet.
pub(crate) fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Nonsense> {
    match bytes.first() {
        Some(0..=3 | 0x40..=0x7F) | None => {}
        Some(_) => return Err(Nonsense),
    }
    let Some(&[first, _, high, low]) = bytes.first_chunk() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let length = if first < 0x40 {
        if !length.is_multiple_of(4) {
            return Err(Nonsense);
        }
        20 + length
    } else {
        HEADER + length.next_multiple_of(4)
    };
    if length > crate::LONGEST_MESSAGE {
        return Err(Nonsense);
    }
    Ok(Some(length))
}

const HEADER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LONGEST_MESSAGE;
    use crate::channel_data::{ChannelNumber, write_channel_data};
    use crate::stun::{Attribute, Class, Method, Transaction, Writer};

    fn frames() -> Vec<Vec<u8>> {
        let channel = ChannelNumber::new(0x4000).unwrap();
        let mut frames = Vec::new();
        for length in [0, 1, 3, 4, 7] {
            let mut frame = Vec::new();
            write_channel_data(&mut frame, channel, &vec![9; length], true);
            frames.push(frame);
            let mut frame = Vec::new();
            let mut writer = Writer::new(
                &mut frame,
                Class::Request,
                Method::REFRESH,
                Transaction([length as u8; 12]),
            );
            writer.attribute(Attribute::NONCE, &vec![8; length]);
            frames.push(frame);
        }
        frames
    }

    /// Puts the pieces in one after the other.
    fn cut(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Nonsense> {
        let mut framing = Framing::default();
        let mut frames = Vec::new();
        for piece in pieces {
            let mut bytes = *piece;
            while let Some(frame) = framing.next(&mut bytes)? {
                frames.push(frame.to_vec());
            }
            assert!(bytes.is_empty());
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_split() {
        let frames = frames();
        let stream = frames.concat();

        assert_eq!(cut(&[&stream]), Ok(frames.clone()));
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(cut(&pieces), Ok(frames.clone()), "{first} {second}");
            }
        }
        for size in 1..20 {
            let pieces: Vec<_> = stream.chunks(size).collect();
            assert_eq!(cut(&pieces), Ok(frames.clone()), "pieces of {size}");
        }
    }

    #[test]
    fn nonsense_is_noticed_at_its_first_bytes() {
        for nonsense in [
            &b"GET / HTTP/1.1"[..],
            &[0x16, 3, 1],
            &[0x04],
            &[0x3F],
            &[0x80],
            &[0xFF],
            &[0, 1, 0, 3],
            &[0, 1, 0xFF, 0xFC],
            &[0x40, 0, 0xFF, 0xFF],
        ] {
            assert_eq!(cut(&[nonsense]), Err(Nonsense), "{nonsense:?}");
            let bytes: Vec<_> = nonsense.chunks(1).collect();
            assert_eq!(cut(&bytes), Err(Nonsense), "{nonsense:?}");
        }
    }

    #[test]
    fn the_longest_frame_passes_and_no_longer_one() {
        let data = LONGEST_MESSAGE - HEADER;
        let frame = |length: usize| {
            let mut frame = vec![0x40, 0];
            frame.extend_from_slice(&(length as u16).to_be_bytes());
            frame.resize(HEADER + length, 0);
            frame
        };

        assert_eq!(cut(&[&frame(data)]).map(|frames| frames.len()), Ok(1));
        assert_eq!(cut(&[&frame(data + 1)]), Err(Nonsense));
    }
}
