//! The Dependency Descriptors of one stream, one after the other, each behind
//! a byte with its length.

use sfu::rtp::dependency_descriptor::DependencyDescriptor;

/// Reads `data` as descriptors, each by the structure attached last.
pub fn run(mut data: &[u8]) {
    let mut known = None;
    while let Some((length, rest)) = data.split_first() {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        let Some((read, attached)) = DependencyDescriptor::parse(bytes, known.as_ref()) else {
            continue;
        };
        assert_eq!(
            DependencyDescriptor::frame_number(bytes),
            Some(read.frame_number)
        );
        assert!(read.layer.spatial < 4 && read.layer.temporal < 8);
        assert!(attached.is_some() || bytes.len() >= 3);
        known = attached.or(known);
        let targets = known.as_ref().expect("one is needed").decode_targets();
        assert!((1..=32).contains(&targets.len()));
        assert!(read.chains.as_slice().len() <= targets.len());
        renumber(bytes, &read);
    }
}

fn renumber(bytes: &[u8], read: &DependencyDescriptor) {
    let mut renumbered = bytes.to_vec();
    let number = read.frame_number.wrapping_add(1);
    DependencyDescriptor::set_frame_number(&mut renumbered, number);
    assert_eq!(
        DependencyDescriptor::frame_number(&renumbered),
        Some(number)
    );
    assert_eq!((renumbered[0], &renumbered[3..]), (bytes[0], &bytes[3..]));
}

pub const DICTIONARY: &[&[u8]] = &[
    &[3, 0xC0, 0, 1],
    &[3, 0xC3, 0, 2],
    &[4, 0x80, 0, 1, 0x80],
    &[4, 0x80, 0, 1, 0x28],
];
