//! Datagrams in a stream of bytes, each behind its length (RFC 4571 §2).

use std::ops::Range;

use thiserror::Error;

/// A frame is longer than any datagram of ours: what follows makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a frame of {0} bytes is longer than any that is taken")]
pub struct FrameTooLong(pub usize);

/// Where in `bytes` the first datagram is, once it is there as a whole.
///
/// # Errors
/// It is longer than [`LONGEST_DATAGRAM`].
pub fn first_datagram(bytes: &[u8]) -> Result<Option<Range<usize>>, FrameTooLong> {
    let Some(head) = bytes.first_chunk::<FRAME_HEAD>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*head));
    if length > LONGEST_DATAGRAM {
        return Err(FrameTooLong(length));
    }
    let end = FRAME_HEAD + length;
    Ok((bytes.len() >= end).then_some(FRAME_HEAD..end))
}

/// Appends `datagram` in its frame. One that no frame holds is left out.
pub fn write_frame(datagram: &[u8], bytes: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(datagram.len()) {
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(datagram);
    }
}

/// The length before each datagram, in bytes.
pub const FRAME_HEAD: usize = 2;
/// In bytes. Media and handshakes keep to a path's MTU.
pub const LONGEST_DATAGRAM: usize = 4096;
/// The longest frame that is taken, in bytes.
pub const LONGEST_FRAME: usize = FRAME_HEAD + LONGEST_DATAGRAM;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut() {
        let datagrams: [&[u8]; 4] = [b"one", b"", &[7; LONGEST_DATAGRAM], b"four"];
        let mut stream = Vec::new();
        for datagram in datagrams {
            write_frame(datagram, &mut stream);
        }

        for step in [1, 2, 3, 5, 1000, stream.len()] {
            let mut came = Vec::new();
            let mut waiting = Vec::new();
            for piece in stream.chunks(step) {
                waiting.extend_from_slice(piece);
                while let Some(range) = first_datagram(&waiting).expect("short frames") {
                    came.push(waiting[range.clone()].to_vec());
                    waiting.drain(..range.end);
                }
                assert!(waiting.len() < LONGEST_FRAME);
            }
            assert_eq!(came, datagrams, "{step} bytes at a time");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        let head = ((LONGEST_DATAGRAM + 1) as u16).to_be_bytes();

        assert_eq!(
            first_datagram(&head),
            Err(FrameTooLong(LONGEST_DATAGRAM + 1))
        );
    }

    #[test]
    fn what_no_frame_holds_is_left_out() {
        let mut bytes = Vec::new();
        write_frame(&vec![0; 65_536], &mut bytes);
        assert!(bytes.is_empty());
    }
}
