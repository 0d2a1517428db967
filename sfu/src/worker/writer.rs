//! Packets as one receiver gets them: header, extensions, payload, protection.

use slab::Slab;

use crate::publish::Stream;
use crate::rtp::Ssrc;
use crate::rtp::dependency_descriptor::DependencyDescriptor;
use crate::rtp::extensions::{
    ExtensionIds, SHORT_EXTENSION, elements_length, short_extension, write_elements,
};
use crate::rtp::header::{FIXED_LENGTH, Outgoing};
use crate::rtp::sequence::ExtendedSequence;
use crate::srtp::Session;
use crate::subscribe::{Forward, Padding, Segment};

/// Writes for one receiver.
pub(super) struct Writer<'a> {
    srtp: &'a Session,
    transport_number: Option<u8>,
    audio_level: Option<u8>,
    dependency_descriptor: Option<u8>,
    /// Bytes of protection, and of the extension of a packet with nothing in
    /// it but the transport-wide number.
    overhead: usize,
    plain_extension: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(srtp: &'a Session, extensions: &ExtensionIds) -> Self {
        let short = |id: Option<u8>| id.filter(|id| (1..=14).contains(id));
        let transport_number = short(extensions.transport_sequence_number);
        Self {
            overhead: srtp.outbound.rtp_overhead(),
            plain_extension: transport_number.map_or(0, |_| SHORT_EXTENSION),
            srtp,
            transport_number,
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
        let extension = match (self.descriptor(forward), self.level(forward)) {
            (None, None) => self.plain_extension,
            (descriptor, level) => Self::extension_length([
                (descriptor, usize::from(forward.descriptor_length)),
                (self.transport_number, 2),
                (level.map(|(id, _)| id), 1),
            ]),
        };
        Segment {
            length: FIXED_LENGTH
                + extension
                + forward.original.map_or(0, |_| ORIGINAL_NUMBER)
                + usize::from(forward.payload_length)
                + self.overhead,
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
        let start = bytes.len();
        let header = Outgoing {
            marker: forward.marker,
            payload_type: forward.payload_type,
            sequence_number: forward.sequence.number(),
            timestamp: forward.timestamp,
            ssrc: forward.ssrc,
            has_extensions: false,
            has_padding: padding > 0,
        };
        self.write_header(header, forward, kept.descriptor, number(), bytes);
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
        self.protect(bytes, start, header_length, forward.ssrc, forward.sequence);
    }

    /// Appends a header with the extensions that the receiver takes.
    fn write_header(
        &self,
        mut header: Outgoing,
        forward: &Forward,
        descriptor: &[u8],
        number: u16,
        bytes: &mut Vec<u8>,
    ) {
        let level = self.level(forward);
        let described = self.descriptor(forward);
        if let (Some(id), None, None) = (self.transport_number, described, level) {
            // Most packets, and so in one piece.
            header.has_extensions = true;
            let mut whole = [0; FIXED_LENGTH + SHORT_EXTENSION];
            whole[..FIXED_LENGTH].copy_from_slice(&header.to_bytes());
            whole[FIXED_LENGTH..].copy_from_slice(&short_extension(id, number.to_be_bytes()));
            bytes.extend_from_slice(&whole);
            return;
        }
        let number = number.to_be_bytes();
        let elements = [
            described.map(|id| (id, descriptor)),
            self.transport_number.map(|id| (id, &number[..])),
            level.as_ref().map(|(id, level)| (*id, &level[..])),
        ];
        header.has_extensions = elements.iter().any(Option::is_some);
        let start = bytes.len();
        bytes.extend_from_slice(&header.to_bytes());
        if header.has_extensions {
            write_elements(elements.iter().flatten().copied(), bytes);
        }
        if described.is_some() {
            renumber_frame(forward, descriptor, &mut bytes[start + FIXED_LENGTH..]);
        }
    }

    /// The length of a packet of nothing but padding.
    pub(super) fn padding_length(&self) -> usize {
        FIXED_LENGTH + self.plain_extension + usize::from(u8::MAX) + self.overhead
    }

    /// Appends a packet of nothing but padding.
    pub(super) fn write_padding(&self, padding: &Padding, number: u16, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let header = Outgoing {
            marker: false,
            payload_type: padding.payload_type,
            sequence_number: padding.sequence.number(),
            timestamp: padding.timestamp,
            ssrc: padding.ssrc,
            has_extensions: self.transport_number.is_some(),
            has_padding: true,
        };
        bytes.extend_from_slice(&header.to_bytes());
        if let Some(id) = self.transport_number {
            bytes.extend_from_slice(&short_extension(id, number.to_be_bytes()));
        }
        let header_length = bytes.len() - start;
        bytes.resize(bytes.len() + usize::from(u8::MAX) - 1, 0);
        bytes.push(u8::MAX);
        self.protect(bytes, start, header_length, padding.ssrc, padding.sequence);
    }

    fn protect(
        &self,
        bytes: &mut Vec<u8>,
        start: usize,
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) {
        bytes.extend_from_slice(&[0; LONGEST_OVERHEAD][..self.overhead]);
        let outbound = &self.srtp.outbound;
        outbound.protect_rtp(&mut bytes[start..], header_length, ssrc, sequence);
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

/// Of all protections.
const LONGEST_OVERHEAD: usize = 16;
/// A retransmission's payload starts with the number it was first sent with
/// (RFC 4588 §4).
const ORIGINAL_NUMBER: usize = 2;
/// The first byte of a header extension in the two-byte form (RFC 8285 §4.3).
const TWO_BYTE_FORM: u8 = 0x10;
