//! Layers within one stream: temporal ones by VP8's own descriptor, and any by
//! the Dependency Descriptor.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtcp;
use sfu::rtp::dependency_descriptor::DependencyDescriptor;
use sfu::rtp::header::Outgoing;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{Codec, PayloadType, Timestamp};
use sfu::worker::command::{CodecParameters, Command};

use crate::described::{A, B, C, Described, assert_decodable, av1_call};
use crate::descriptor::{Packet, l1t3, l2t1_key};
use crate::layered::{Layered, Shown, layer_ssrc, send, shown};
use crate::link::Link;
use crate::peer::{DESCRIPTOR_ID, MID_ID, ReceivedPacket};
use crate::session::{Session, media, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);

fn received(session: &Session, id: ParticipantId) -> Vec<&ReceivedPacket> {
    session.peers[&id].received_on(slot_ssrc(id, video_slot(0)))
}

mod vp8 {
    use super::*;

    fn call() -> (Session, Layered) {
        let mut session = Session::new(1);
        let mut camera = Layered::join(&mut session, ROOM, A, &["q"]);
        camera.has_temporal_layers = true;
        session.join(ROOM, B, 1, Link::good());
        session.watch(B, 0, A);
        session.connect();
        (session, camera)
    }

    fn seen(session: &Session) -> Vec<Shown> {
        shown(&received(session, B))
    }

    fn assert_unbroken(packets: &[Shown]) {
        for pair in packets.windows(2) {
            let [before, after] = pair else { continue };
            let numbers = after.sequence_number.wrapping_sub(before.sequence_number);
            assert_eq!(numbers, 1, "{before:?} {after:?}");
            let is_same = before.picture == after.picture;
            let ids = after.picture_id.wrapping_sub(before.picture_id) & 0x7FFF;
            assert_eq!(ids, u16::from(!is_same), "{before:?} {after:?}");
            // The index of the base layer's picture that this one builds on, or
            // is (RFC 7741 §4.2).
            let bases = after.base_layer_index.wrapping_sub(before.base_layer_index);
            let is_base = !is_same && after.temporal == 0;
            assert_eq!(bases, u8::from(is_base), "{before:?} {after:?}");
        }
    }

    fn temporal_layers(packets: &[Shown]) -> BTreeSet<u8> {
        packets.iter().map(|packet| packet.temporal).collect()
    }

    #[test]
    fn pictures_above_the_limit_are_left_out_without_a_trace() {
        let (mut session, mut camera) = call();
        camera.layers[0].picture_id = 0x7FF0;
        camera.layers[0].sequence = 65_500;
        camera.layers[0].base_layer_index = 250;
        camera.run(&mut session, Duration::from_secs(1));
        let all = seen(&session);
        session.limit(B, 9, 1);
        camera.run(&mut session, Duration::from_millis(1980));
        let half = seen(&session).split_off(all.len());
        session.limit(B, 9, 0);
        camera.run(&mut session, Duration::from_millis(1980));
        let quarter = seen(&session).split_off(all.len() + half.len());

        assert_unbroken(&seen(&session));
        assert_eq!(temporal_layers(&all), BTreeSet::from([0, 1, 2]));
        assert_eq!(temporal_layers(&half), BTreeSet::from([0, 1]));
        assert_eq!(temporal_layers(&quarter), BTreeSet::from([0]));
        assert_eq!((half.len(), quarter.len()), (60, 30));
        assert!(seen(&session).iter().skip(2).all(|packet| !packet.is_key));
    }

    #[test]
    fn they_come_back_where_the_encoder_lets_them() {
        let (mut session, mut camera) = call();
        session.limit(B, 9, 0);
        camera.run(&mut session, Duration::from_millis(990));
        let before = seen(&session).len();

        session.limit(B, 9, 2);
        camera.run(&mut session, Duration::from_millis(990));

        let packets = seen(&session);
        assert_unbroken(&packets);
        let after = &packets[before..];
        assert_eq!(temporal_layers(after), BTreeSet::from([0, 1, 2]));
        assert!(after.len() >= 52, "{} packets", after.len());
        assert!(after.iter().all(|packet| !packet.is_key));
    }

    #[test]
    fn what_was_lost_long_ago_is_sent_again_however_much_was_left_out_since() {
        let (mut session, mut camera) = call();
        session.limit(B, 9, 1);
        camera.run(&mut session, Duration::from_secs(3));
        let before = seen(&session);

        for back in [10, 30, 45] {
            let lost = before[before.len() - back];
            let wanted = [lost.sequence_number];
            let slot = slot_ssrc(B, video_slot(0));
            session
                .peer(B)
                .send_rtcp(rtcp::nack(sfu::rtp::Ssrc(1), slot, &wanted));
            session.run(Duration::from_millis(10));

            let again = received(&session, B);
            let repaired: Vec<_> = again.into_iter().filter(|of| of.is_repair).collect();
            assert_eq!(shown(&repaired).last(), Some(&lost), "{back} packets ago");
        }
    }

    #[test]
    fn packets_out_of_order_keep_their_pictures_numbers() {
        let (mut session, mut camera) = call();
        session.set_link(
            A,
            Link {
                jitter: Duration::from_millis(60),
                ..Link::good()
            },
        );
        session.limit(B, 9, 1);
        camera.run(&mut session, Duration::from_secs(3));

        let packets = seen(&session);
        assert!(packets.len() > 60, "{} packets", packets.len());
        for one in &packets {
            for other in &packets {
                let is_same = one.picture == other.picture;
                assert_eq!(
                    one.picture_id == other.picture_id,
                    is_same,
                    "{one:?} {other:?}"
                );
            }
        }
    }
}

/// The templates of the frames that came, in order.
fn templates(packets: &[&ReceivedPacket]) -> Vec<u8> {
    packets
        .iter()
        .filter(|packet| packet.payload[3] == 0)
        .map(|packet| packet.payload[2])
        .collect()
}

fn assert_contiguous(packets: &[&ReceivedPacket]) {
    for pair in packets.windows(2) {
        let numbers = pair[1]
            .sequence_number
            .wrapping_sub(pair[0].sequence_number);
        assert_eq!(numbers, 1);
    }
}

#[test]
fn a_decode_target_is_followed_down_at_once_and_up_at_its_switch() {
    let mut session = av1_call(1);
    // Templates 1 to 4 are T0, T1, and T2 before and after T1.
    let mut camera = Described::new(l1t3(), &[0], &[&[3], &[2], &[4], &[1]]);
    camera.run(&mut session, Duration::from_millis(990));
    let all = received(&session, B).len();
    session.limit(B, 0, 0);
    camera.run(&mut session, Duration::from_millis(990));
    let base = received(&session, B).len();
    session.limit(B, 0, 2);
    camera.run(&mut session, Duration::from_millis(990));

    let packets = received(&session, B);
    assert_contiguous(&packets);
    assert_decodable(&packets);
    let of = |range: &[&ReceivedPacket]| templates(range).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(of(&packets[..all]), BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!(of(&packets[all..base]), BTreeSet::from([1]));
    assert_eq!(of(&packets[base..]), BTreeSet::from([1, 2, 3, 4]));
    assert_eq!(camera.key_frames, 1);
    let without = received(&session, C);
    assert_contiguous(&without);
    assert!(without.iter().all(|packet| packet.descriptor.is_none()));
}

#[test]
fn of_a_small_tile_the_upper_spatial_layer_is_left_out() {
    let mut session = av1_call(1);
    let mut camera = Described::new(l2t1_key(), &[1, 3], &[&[0, 2]]);
    session.show(B, 0, Some((320, 180)));

    camera.run(&mut session, Duration::from_millis(990));

    let packets = received(&session, B);
    assert_decodable(&packets);
    let seen: BTreeSet<_> = templates(&packets).into_iter().collect();
    assert_eq!(seen, BTreeSet::from([0, 1]));
    let of_another: BTreeSet<_> = templates(&received(&session, C)).into_iter().collect();
    assert_eq!(of_another, BTreeSet::from([1, 2, 3]));
}

#[test]
fn a_spatial_layer_is_left_and_taken_at_key_frames() {
    let mut session = av1_call(1);
    // Templates: 0 lower, 1 lower of a key picture, 2 upper, 3 upper of a key
    // picture.
    let mut camera = Described::new(l2t1_key(), &[1, 3], &[&[0, 2]]);
    camera.run(&mut session, Duration::from_millis(660));
    let upper = received(&session, B).len();
    session.limit(B, 0, 0);
    camera.run(&mut session, Duration::from_millis(660));
    let lower = received(&session, B).len();
    session.limit(B, 1, 0);
    camera.run(&mut session, Duration::from_millis(660));

    let packets = received(&session, B);
    assert_contiguous(&packets);
    assert_decodable(&packets);
    // Who takes the upper layer needs the lower in key pictures only.
    assert_eq!(templates(&packets[..upper])[..4], [1, 3, 2, 2]);
    let descent = templates(&packets[upper..lower]);
    let key = descent.iter().position(|of| *of == 1).expect("a key frame");
    assert!(descent[..key].iter().all(|of| *of == 2));
    assert!(descent[key + 1..].iter().all(|of| *of == 0));
    assert!(key <= 6, "{key} frames");
    let ascent = templates(&packets[lower..]);
    let key = ascent.iter().position(|of| *of == 1).expect("a key frame");
    assert!(ascent[..key].iter().all(|of| *of == 0));
    assert_eq!(ascent[key..key + 3], [1, 3, 2]);
    // Each picture ends with a marker, whatever is left out of it.
    for packet in &packets {
        let is_end = packet.payload[3] == 1;
        let is_whole = !matches!(packet.payload[2], 1) || packets_of(&packets, packet) == 2;
        assert_eq!(packet.marker, is_end && is_whole, "{packet:?}");
    }
}

/// How many packets share a packet's timestamp.
fn packets_of(packets: &[&ReceivedPacket], one: &ReceivedPacket) -> usize {
    let same = packets.iter().filter(|of| of.timestamp == one.timestamp);
    same.count()
}

#[test]
fn frame_numbers_go_on_when_another_stream_takes_the_slot() {
    let mut session = av1_call(1);
    let mut camera = Described::new(l1t3(), &[0], &[&[3], &[2], &[4], &[1]]);
    camera.run(&mut session, Duration::from_millis(330));
    // The slot is emptied and given back: the stream starts anew in it.
    session.command(Command::Assign {
        subscriber: B,
        slot: video_slot(0),
        source: None,
    });
    camera.frame_number = camera.frame_number.wrapping_add(30_000);
    camera.run(&mut session, Duration::from_millis(66));
    session.watch(B, 0, A);
    camera.run(&mut session, Duration::from_millis(330));

    let packets = received(&session, B);
    assert_contiguous(&packets);
    let numbers: Vec<_> = packets
        .iter()
        .filter_map(|packet| DependencyDescriptor::frame_number(packet.descriptor.as_ref()?))
        .collect();
    for pair in numbers.windows(2) {
        let step = pair[1].wrapping_sub(pair[0]);
        assert!(step <= 1, "{numbers:?}");
    }
    assert!(numbers.len() >= 30, "{}", numbers.len());
}

#[test]
fn a_receiver_without_the_codec_gets_nothing_and_costs_no_key_frames() {
    let mut session = av1_call(1);
    let mut media = media(C, 1);
    media.extensions.mid = Some(MID_ID);
    session.command(Command::Negotiate {
        participant: C,
        media,
    });
    let mut camera = Described::new(l1t3(), &[0], &[&[3], &[2], &[4], &[1]]);

    camera.run(&mut session, Duration::from_secs(2));

    assert!(received(&session, C).is_empty());
    assert!(received(&session, B).len() > 100);
    assert_eq!(camera.key_frames, 1);
}

mod vp9 {
    use super::*;

    const VP9_PT: PayloadType = PayloadType(98);

    /// What became of a picture's frame at a receiver.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Came {
        picture: u16,
        spatial: u8,
        id: u16,
        timestamp: Timestamp,
        sequence_number: u16,
    }

    /// A sends VP9 in spatial layers that only key pictures join; nobody takes
    /// descriptors, as Firefox does not.
    struct Camera {
        sequence: u64,
        pictures: u16,
        needs_key_frame: bool,
        with_descriptor: bool,
    }

    impl Camera {
        fn new(with_descriptor: bool) -> Self {
            Self {
                sequence: 65_400,
                pictures: 0,
                needs_key_frame: true,
                with_descriptor,
            }
        }

        fn run(&mut self, session: &mut Session, pictures: u16) {
            for _ in 0..pictures {
                let request = rtcp::Received::KeyFrameRequest {
                    ssrc: layer_ssrc(A, 0),
                };
                let asked: Vec<_> = session.peer(A).control.drain(..).collect();
                self.needs_key_frame |= asked.contains(&request);
                self.send_picture(session);
                session.run(Duration::from_millis(33));
            }
        }

        fn send_picture(&mut self, session: &mut Session) {
            let is_key = std::mem::take(&mut self.needs_key_frame);
            let structure = l2t1_key();
            let layers: u8 = if self.with_descriptor { 2 } else { 3 };
            for spatial in 0..layers {
                for part in 0..2_u8 {
                    let is_first = part == 0;
                    let [high, low] = (self.pictures | 0x8000).to_be_bytes();
                    let predicted = u8::from(!is_key) << 6;
                    let bounds = if is_first { 0x08 } else { 0x04 };
                    let joined = u8::from(is_key && spatial > 0);
                    let payload = [
                        0xA0 | predicted | bounds,
                        high,
                        low,
                        spatial << 1 | joined,
                        7,
                        b'9',
                        spatial,
                        low,
                        high,
                        part,
                    ];
                    let frame = self.pictures.wrapping_mul(2).wrapping_add(spatial.into());
                    let template = match (is_key, spatial) {
                        (true, 0) => 1,
                        (true, _) => 3,
                        (false, 0) => 0,
                        (false, _) => 2,
                    };
                    let descriptor = Packet {
                        starts_frame: is_first,
                        ends_frame: !is_first,
                        template: (structure.first_id + template) % 64,
                        frame_number: frame,
                        attached: (is_key && is_first && spatial == 0).then_some(&structure),
                        ..Packet::default()
                    }
                    .to_bytes(structure.targets);
                    let header = Outgoing {
                        marker: !is_first && spatial + 1 == layers,
                        payload_type: VP9_PT,
                        sequence_number: ExtendedSequence(self.sequence).number(),
                        timestamp: Timestamp(u32::from(self.pictures) * 2970),
                        ssrc: layer_ssrc(A, 0),
                        has_extensions: true,
                        has_padding: false,
                    };
                    let mut extensions: Vec<(u8, &[u8])> = vec![(MID_ID, b"1")];
                    if self.with_descriptor {
                        extensions.push((DESCRIPTOR_ID, &descriptor));
                    }
                    let sequence = ExtendedSequence(self.sequence);
                    send(session, A, header, sequence, &extensions, &payload);
                    self.sequence += 1;
                }
            }
            self.pictures += 1;
        }
    }

    fn call() -> Session {
        let mut session = Session::new(1);
        for id in [A, B] {
            session.join(ROOM, id, 1, Link::good());
            let mut media = media(id, 1);
            media.extensions.mid = Some(MID_ID);
            media.extensions.dependency_descriptor = Some(DESCRIPTOR_ID);
            let codec = CodecParameters {
                codec: Codec::Vp9,
                payload_type: VP9_PT,
                rtx: None,
            };
            media.publications[1].ssrcs.clear();
            media.publications[1].rtx_ssrcs.clear();
            media.publications[1].codecs.push(codec);
            media.slots[1].codecs.push(codec);
            session.command(Command::Negotiate {
                participant: id,
                media,
            });
        }
        session.watch(B, 0, A);
        session.connect();
        session
    }

    fn came(session: &Session) -> Vec<Came> {
        received(session, B)
            .iter()
            .map(|packet| Came {
                picture: u16::from_be_bytes([packet.payload[8], packet.payload[7]]) & 0x7FFF,
                spatial: packet.payload[6],
                id: u16::from_be_bytes([packet.payload[1] & 0x7F, packet.payload[2]]),
                timestamp: packet.timestamp,
                sequence_number: packet.sequence_number,
            })
            .collect()
    }

    /// Each picture has the number after the last one's, all its packets the
    /// same, and nothing looks lost.
    fn assert_unbroken(packets: &[Came]) {
        for pair in packets.windows(2) {
            let [before, after] = pair else { continue };
            let numbers = after.sequence_number.wrapping_sub(before.sequence_number);
            assert_eq!(numbers, 1, "{before:?} {after:?}");
            let is_same = before.picture == after.picture;
            let ids = after.id.wrapping_sub(before.id) & 0x7FFF;
            assert_eq!(ids, u16::from(!is_same), "{before:?} {after:?}");
        }
    }

    #[test]
    fn pictures_without_their_upper_layers_keep_numbers_in_order() {
        for with_descriptor in [false, true] {
            for spatial in [0, 1] {
                let mut session = call();
                let mut camera = Camera::new(with_descriptor);
                camera.run(&mut session, 20);
                session.limit(B, spatial, 9);
                camera.run(&mut session, 40);
                session.limit(B, 9, 9);
                camera.run(&mut session, 40);

                let packets = came(&session);
                assert_unbroken(&packets);
                let pictures: BTreeSet<_> = packets.iter().map(|packet| packet.picture).collect();
                assert_eq!(pictures.len(), 100, "{with_descriptor} {spatial}");
                let layers: BTreeSet<_> = packets.iter().map(|packet| packet.spatial).collect();
                assert!(layers.len() >= 2, "{layers:?}");
            }
        }
    }
}
