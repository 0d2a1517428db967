//! RTP headers, header extensions, padding and payload descriptors of one
//! decrypted packet.

use sfu::rtp::header::{FIXED_LENGTH, Header, Outgoing};
use sfu::rtp::picture_id::Renumbering;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::vp8::Descriptor;
use sfu::rtp::{av1, vp9};

/// Reads `data` as an RTP packet whose payload may be of any codec.
pub fn run(data: &[u8]) {
    let Some(header) = Header::parse(data) else {
        return;
    };
    assert!((FIXED_LENGTH..=data.len()).contains(&header.length));
    read_extensions(&header, data);
    repeat_fixed_header(&header);
    let highest = ExtendedSequence(u64::from(header.timestamp.0));
    let place = highest.nearest(header.sequence_number);
    assert_eq!(place.number(), header.sequence_number);
    assert!(place.0.abs_diff(highest.0) <= 0x1_0000);

    let Some(payload) = header.payload(data) else {
        return;
    };
    assert!(header.length + payload.len() <= data.len());
    renumber(&header, payload);
    if let Some(descriptor) = vp9::Descriptor::parse(payload) {
        assert!(usize::from(descriptor.length) < payload.len());
    }
    if let Some(content) = av1::AggregationHeader::parse(payload).and_then(|of| of.content) {
        assert!(usize::from(content) >= 2);
    }
}

fn read_extensions(header: &Header, packet: &[u8]) {
    let mut bytes = 0;
    let mut first = None;
    for (id, data) in header.extensions(packet) {
        bytes += 1 + data.len();
        first = first.or(Some((id, data)));
    }
    assert!(bytes <= header.length - FIXED_LENGTH);
    if let Some((id, data)) = first {
        assert_eq!(header.extensions(packet).find(id), Some(data));
    }
}

fn repeat_fixed_header(header: &Header) {
    let bytes = Outgoing {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence_number: header.sequence_number,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        has_extensions: false,
        has_padding: false,
    }
    .to_bytes();
    let again = Header::parse(&bytes).expect("what was just written");
    assert_eq!(
        (again.marker, again.payload_type, again.sequence_number),
        (header.marker, header.payload_type, header.sequence_number)
    );
    assert_eq!(
        (again.timestamp, again.ssrc),
        (header.timestamp, header.ssrc)
    );
    assert_eq!(again.length, FIXED_LENGTH);
}

fn renumber(header: &Header, payload: &[u8]) {
    let Some(descriptor) = Descriptor::parse(payload) else {
        return;
    };
    let renumbering = Renumbering {
        picture_id: header.sequence_number,
        base_layer_index: header.payload_type.0,
        frame_number: 0,
    };
    let mut renumbered = payload.to_vec();
    renumbering.apply(&descriptor.numbers, &mut renumbered);
    let again = Descriptor::parse(&renumbered).expect("its shape is the same");
    assert_eq!(
        (again.starts_frame, again.starts_key_frame),
        (descriptor.starts_frame, descriptor.starts_key_frame)
    );
    assert_eq!(
        again.numbers.picture_id.map(|id| (id.value, id.long)),
        descriptor
            .numbers
            .picture_id
            .map(|id| (renumbering.renumbered(id), id.long))
    );
    assert_eq!(
        again.numbers.base_layer_index,
        descriptor
            .numbers
            .base_layer_index
            .map(|(index, at)| (index.wrapping_add(renumbering.base_layer_index), at))
    );
    assert_eq!(
        renumbered[LONGEST_DESCRIPTOR.min(payload.len())..],
        payload[LONGEST_DESCRIPTOR.min(payload.len())..]
    );
}

/// RFC 7741 §4.2.
const LONGEST_DESCRIPTOR: usize = 6;

pub const DICTIONARY: &[&[u8]] = &[
    &[0xBE, 0xDE, 0, 1],
    &[0x10, 0x00, 0, 1],
    &[0xB0, 0x60],
    &[0x90, 0x6F],
    &[0x90, 0x80, 0x80],
    &[0x90, 0xF0, 0x81, 0x23, 0x04, 0x20],
    &[0x10, 0xFF],
];
