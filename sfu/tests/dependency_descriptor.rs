//! The Dependency Descriptor is read as it was written, and nothing that a
//! stranger writes makes its reader stumble.

#![allow(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

#[path = "virtual_time/descriptor.rs"]
mod descriptor;
#[path = "virtual_time/link.rs"]
mod link;

use descriptor::{Packet, Structure, Template, l1t3, l2t1_key};
use link::Random;
use sfu::rtp::Layer;
use sfu::rtp::dependency_descriptor::{DependencyDescriptor, Indication};

fn start(structure: &Structure, template: u8, frame_number: u16) -> Packet<'_> {
    Packet {
        starts_frame: true,
        ends_frame: true,
        template,
        frame_number,
        attached: Some(structure),
        ..Packet::default()
    }
}

#[test]
fn the_shortest_form_is_read_by_the_structure_before() {
    let written = l1t3();
    let key = start(&written, 0, 500).to_bytes(3);
    let (first, structure) = DependencyDescriptor::parse(&key, None).expect("it is whole");
    let structure = structure.expect("it is attached");

    let delta = [0b1000_0010, 0x02, 0x01];
    let (descriptor, attached) =
        DependencyDescriptor::parse(&delta, Some(&structure)).expect("it is whole");

    assert_eq!(first.references.as_slice(), []);
    assert_eq!(first.resolution, Some((640, 360)));
    assert!(attached.is_none());
    assert!(descriptor.starts_frame && !descriptor.ends_frame);
    assert_eq!(descriptor.frame_number, 0x201);
    let layer = Layer {
        spatial: 0,
        temporal: 1,
    };
    assert_eq!(descriptor.layer, layer);
    assert_eq!(descriptor.references.as_slice(), [2]);
    assert_eq!(descriptor.chains.as_slice(), [2]);
    let indications: Vec<_> = (0..3).map(|at| descriptor.indications.of(at)).collect();
    assert_eq!(
        indications,
        [
            Indication::NotPresent,
            Indication::Discardable,
            Indication::Switch
        ]
    );
    assert_eq!(DependencyDescriptor::parse(&delta, None), None);
}

#[test]
fn a_decode_target_is_found_within_a_limit() {
    let key = start(&l2t1_key(), 11, 0).to_bytes(2);
    let (_, structure) = DependencyDescriptor::parse(&key, None).expect("it is whole");
    let structure = structure.expect("it is attached");
    let among = |active, spatial, temporal| {
        structure.decode_target_within(Layer { spatial, temporal }, active)
    };
    let within = |spatial, temporal| among(0b11, spatial, temporal);

    assert_eq!(within(0, 0), 0);
    assert_eq!(within(0, 9), 0);
    assert_eq!(within(1, 0), 1);
    assert_eq!(within(9, 9), 1);
    assert_eq!(among(0b01, 9, 9), 0);
    assert_eq!(among(0b10, 0, 0), 1);
    assert_eq!(structure.protecting_chain(1), Some(1));
}

#[test]
fn template_ids_wrap() {
    let mut written = l1t3();
    written.first_id = 62;
    let key = start(&written, 1, 0).to_bytes(3);

    let (descriptor, _) = DependencyDescriptor::parse(&key, None).expect("it is whole");

    assert_eq!(descriptor.layer.temporal, 2);
    assert_eq!(descriptor.references.as_slice(), [1]);
    assert_eq!(descriptor.chains.as_slice(), [1]);
}

#[test]
fn whatever_is_written_reads_back() {
    let mut random = Random::new(7);
    for _ in 0..2_000 {
        let written = any_structure(&mut random);
        let template = below(&mut random, written.templates.len() as u64) as usize;
        let of = &written.templates[template];
        let references: Vec<u16> = (0..below(&mut random, 9))
            .map(|_| 1 + below(&mut random, 4096) as u16)
            .collect();
        let chains: Vec<u8> = (0..written.chains).map(|_| random.next() as u8).collect();
        let active = (random.next() as u32) >> (32 - written.targets);
        let packet = Packet {
            template: (written.first_id + template as u8) % 64,
            active_targets: random.happens(0.5).then_some(active),
            indications: random
                .happens(0.5)
                .then(|| indications(&mut random, written.targets)),
            references: random.happens(0.5).then_some(&references[..]),
            chains: random.happens(0.5).then_some(&chains[..]),
            ..start(&written, 0, random.next() as u16)
        };

        let bytes = packet.to_bytes(written.targets);
        let (read, structure) =
            DependencyDescriptor::parse(&bytes, None).unwrap_or_else(|| panic!("{packet:?}"));
        let structure = structure.expect("it is attached");

        assert_eq!(read.frame_number, packet.frame_number);
        assert_eq!(
            (read.layer.spatial, read.layer.temporal),
            (of.spatial, of.temporal)
        );
        let letters = packet.indications.unwrap_or(of.indications);
        for (at, letter) in (0..).zip(letters.bytes()) {
            assert_eq!(read.indications.of(at), indication(letter));
        }
        let expected = packet.references.unwrap_or(&of.references);
        assert_eq!(read.references.as_slice(), expected);
        assert_eq!(read.chains.as_slice(), packet.chains.unwrap_or(&of.chains));
        let all = u32::MAX >> (32 - written.targets);
        assert_eq!(read.active_targets, packet.active_targets.or(Some(all)));
        let resolution = written.resolutions.get(usize::from(of.spatial)).copied();
        assert_eq!(read.resolution, resolution);
        assert_eq!(structure.decode_targets().len(), written.targets);
        for (at, chain) in (0..).zip(&written.protected_by) {
            assert_eq!(structure.protecting_chain(at), Some(*chain));
        }
    }
}

#[test]
fn cut_short_it_is_refused_or_says_the_same() {
    let mut random = Random::new(8);
    for _ in 0..200 {
        let written = any_structure(&mut random);
        let bytes = start(&written, written.first_id, 1).to_bytes(written.targets);

        for length in 0..bytes.len() {
            assert_eq!(DependencyDescriptor::parse(&bytes[..length], None), None);
        }
    }
}

#[test]
fn bits_after_the_end_are_refused() {
    let mut bytes = start(&l1t3(), 0, 1).to_bytes(3);
    bytes.push(0);
    assert!(DependencyDescriptor::parse(&bytes, None).is_some());
    bytes.push(1);

    assert_eq!(DependencyDescriptor::parse(&bytes, None), None);
}

#[test]
fn more_references_than_a_codec_has_are_refused() {
    let written = l1t3();
    let nine = [1; 9];
    let packet = Packet {
        references: Some(&nine),
        ..start(&written, 0, 1)
    };

    assert_eq!(DependencyDescriptor::parse(&packet.to_bytes(3), None), None);
}

#[test]
fn no_bytes_make_it_stumble() {
    let mut random = Random::new(9);
    let mut known = None;
    let mut structures = 0;
    for _ in 0..40_000 {
        let written = any_structure(&mut random);
        let mut bytes = start(&written, written.first_id, 1).to_bytes(written.targets);
        for _ in 0..=below(&mut random, 4) {
            let at = below(&mut random, bytes.len() as u64) as usize;
            bytes[at] ^= 1 << below(&mut random, 8);
        }
        bytes.truncate(1 + below(&mut random, 2 * bytes.len() as u64) as usize);

        if let Some((read, attached)) = DependencyDescriptor::parse(&bytes, known.as_ref()) {
            assert!(read.references.as_slice().len() <= 8);
            structures += u32::from(attached.is_some());
            known = attached.or(known);
        }
    }
    assert!(structures > 1_000, "{structures}");
}

fn any_structure(random: &mut Random) -> Structure {
    let targets = 1 + below(random, 32) as usize;
    let chains = below(random, targets as u64 + 1) as usize;
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    for _ in 0..=below(random, 20) {
        templates.push(Template {
            spatial,
            temporal,
            indications: indications(random, targets),
            references: (0..below(random, 5))
                .map(|_| 1 + below(random, 16) as u16)
                .collect(),
            chains: (0..chains).map(|_| below(random, 16) as u8).collect(),
        });
        match below(random, 4) {
            0 if spatial < 3 => (spatial, temporal) = (spatial + 1, 0),
            1 if temporal < 7 => temporal += 1,
            _ => {}
        }
    }
    let resolutions = if random.happens(0.5) {
        (0..=templates.last().map_or(0, |last| last.spatial))
            .map(|_| {
                (
                    1 + below(random, 65_536) as u32,
                    1 + below(random, 65_536) as u32,
                )
            })
            .collect()
    } else {
        Vec::new()
    };
    Structure {
        first_id: below(random, 64) as u8,
        targets,
        protected_by: if chains > 0 {
            (0..targets)
                .map(|_| below(random, chains as u64) as u8)
                .collect()
        } else {
            Vec::new()
        },
        chains,
        templates,
        resolutions,
    }
}

fn indications(random: &mut Random, targets: usize) -> &'static str {
    let letters: String = (0..targets)
        .map(|_| char::from(b"-DSR"[below(random, 4) as usize]))
        .collect();
    letters.leak()
}

fn indication(letter: u8) -> Indication {
    match letter {
        b'-' => Indication::NotPresent,
        b'D' => Indication::Discardable,
        b'S' => Indication::Switch,
        _ => Indication::Required,
    }
}

fn below(random: &mut Random, bound: u64) -> u64 {
    random.next() % bound
}
