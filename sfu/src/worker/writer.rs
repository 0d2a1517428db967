//! Packets as one receiver gets them: header, extensions, payload, protection.

use slab::Slab;

use crate::publish::Stream;
use crate::rtp::dependency_descriptor::DependencyDescriptor;
use crate::rtp::extensions::{ExtensionIds, elements_length, write_elements};
use crate::rtp::header::{FIXED_LENGTH, Outgoing};
use crate::srtp::Session;
use crate::subscribe::{Forward, Padding, Segment};

/// Writes for one receiver.
pub(super) struct Writer<'a> {
    srtp: &'a Session,
    transport_number: Option<u8>,
    audio_level: Option<u8>,
    dependency_descriptor: Option<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(srtp: &'a Session, extensions: &ExtensionIds) -> Self {
        let short = |id: Option<u8>| id.filter(|id| (1..=14).contains(id));
        Self {
            srtp,
            transport_number: short(extensions.transport_sequence_number),
            audio_level: short(extensions.audio_level),
            dependency_descriptor: extensions.dependency_descriptor,
        }
    }

    /// Whether packets carry a transport-wide number.
    pub(super) fn numbers(&self) -> bool {
        self.transport_number.is_some()
    }

    /// The packet's length, which its contents do not change.
    pub(super) fn segment(&self, forward: &Forward) -> Segment {
        let descriptor = (
            self.descriptor(forward),
            usize::from(forward.descriptor_length),
        );
        let level = (self.level(forward).map(|(id, _)| id), 1);
        Segment {
            length: FIXED_LENGTH
                + Self::extension_length([descriptor, (self.transport_number, 2), level])
                + forward.original.map_or(0, |_| ORIGINAL_NUMBER)
                + usize::from(forward.payload_length)
                + self.srtp.outbound.rtp_overhead(),
            can_pad: forward.can_pad,
        }
    }

    /// Appends a packet with so much padding and the transport-wide number that
    /// `number` gives. Nothing is appended if the packet is kept no more.
    pub(super) fn write(
        &self,
        streams: &Slab<Stream>,
        forward: &Forward,
        padding: usize,
        number: impl FnOnce() -> u16,
        bytes: &mut Vec<u8>,
    ) {
        let found = streams
            .get(forward.stream)
            .and_then(|stream| stream.ring.get(forward.published));
        let Some(kept) = found else {
            return;
        };
        let number = number().to_be_bytes();
        let level = self.level(forward);
        let elements = [
            self.descriptor(forward).map(|id| (id, kept.descriptor)),
            self.transport_number.map(|id| (id, &number[..])),
            level.as_ref().map(|(id, level)| (*id, &level[..])),
        ];
        let start = bytes.len();
        let header = Outgoing {
            marker: forward.marker,
            payload_type: forward.payload_type,
            sequence_number: forward.sequence.number(),
            timestamp: forward.timestamp,
            ssrc: forward.ssrc,
            has_extensions: elements.iter().any(Option::is_some),
            has_padding: padding > 0,
        };
        bytes.extend_from_slice(&header.to_bytes());
        if header.has_extensions {
            write_elements(elements.iter().flatten().copied(), bytes);
        }
        if elements[0].is_some() {
            renumber_frame(forward, kept.descriptor, &mut bytes[start + FIXED_LENGTH..]);
        }
        let header_length = bytes.len() - start;
        if let Some(original) = forward.original {
            bytes.extend_from_slice(&original.to_be_bytes());
        }
        let payload_start = bytes.len();
        bytes.extend_from_slice(kept.payload);
        forward
            .renumbering
            .apply(&kept.packet.numbers, &mut bytes[payload_start..]);
        if let Ok(count @ 1..) = u8::try_from(padding) {
            bytes.resize(bytes.len() + padding - 1, 0);
            bytes.push(count);
        }
        self.protect(bytes, start, header_length, &header, forward.sequence);
    }

    /// The length of a packet of nothing but padding.
    pub(super) fn padding_length(&self) -> usize {
        FIXED_LENGTH
            + Self::extension_length([(self.transport_number, 2)])
            + usize::from(u8::MAX)
            + self.srtp.outbound.rtp_overhead()
    }

    /// Appends a packet of nothing but padding.
    pub(super) fn write_padding(&self, padding: &Padding, number: u16, bytes: &mut Vec<u8>) {
        let number = number.to_be_bytes();
        let element = self.transport_number.map(|id| (id, &number[..]));
        let start = bytes.len();
        let header = Outgoing {
            marker: false,
            payload_type: padding.payload_type,
            sequence_number: padding.sequence.number(),
            timestamp: padding.timestamp,
            ssrc: padding.ssrc,
            has_extensions: element.is_some(),
            has_padding: true,
        };
        bytes.extend_from_slice(&header.to_bytes());
        if header.has_extensions {
            write_elements(element.into_iter(), bytes);
        }
        let header_length = bytes.len() - start;
        bytes.resize(bytes.len() + usize::from(u8::MAX) - 1, 0);
        bytes.push(u8::MAX);
        self.protect(bytes, start, header_length, &header, padding.sequence);
    }

    fn protect(
        &self,
        bytes: &mut Vec<u8>,
        start: usize,
        header_length: usize,
        header: &Outgoing,
        sequence: crate::rtp::sequence::ExtendedSequence,
    ) {
        let outbound = &self.srtp.outbound;
        bytes.resize(bytes.len() + outbound.rtp_overhead(), 0);
        outbound.protect_rtp(&mut bytes[start..], header_length, header.ssrc, sequence);
    }

    /// The number under which the packet's Dependency Descriptor goes out, if
    /// it does.
    fn descriptor(&self, forward: &Forward) -> Option<u8> {
        self.dependency_descriptor
            .filter(|_| forward.descriptor_length > 0)
    }

    fn level(&self, forward: &Forward) -> Option<(u8, [u8; 1])> {
        self.audio_level
            .zip(forward.audio_level.map(|level| [level]))
    }

    fn extension_length<const N: usize>(elements: [(Option<u8>, usize); N]) -> usize {
        let present = elements
            .into_iter()
            .filter_map(|(id, length)| Some((id?, length)));
        if present.clone().next().is_none() {
            return 0;
        }
        elements_length(present)
    }
}

/// Renumbers the frame of the Dependency Descriptor that is the first element
/// of `extension`.
fn renumber_frame(forward: &Forward, descriptor: &[u8], extension: &mut [u8]) {
    let head = if extension[0] == TWO_BYTE_FORM { 6 } else { 5 };
    if let Some(number) = DependencyDescriptor::frame_number(descriptor) {
        let number = number.wrapping_add(forward.renumbering.frame_number);
        DependencyDescriptor::set_frame_number(&mut extension[head..], number);
    }
}

/// A retransmission's payload starts with the number it was first sent with
/// (RFC 4588 §4).
const ORIGINAL_NUMBER: usize = 2;
/// The first byte of a header extension in the two-byte form (RFC 8285 §4.3).
const TWO_BYTE_FORM: u8 = 0x10;
