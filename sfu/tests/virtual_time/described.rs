//! A camera that sends AV1 in layers of its own and says all of them in its
//! Dependency Descriptor.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtcp;
use sfu::rtp::dependency_descriptor::DependencyDescriptor;
use sfu::rtp::header::Outgoing;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{Codec, PayloadType, Timestamp};
use sfu::worker::command::{CodecParameters, Command};

use crate::descriptor::{Packet, Structure};
use crate::layered::{layer_ssrc, negotiate, send};
use crate::link::Link;
use crate::peer::{DESCRIPTOR_ID, MID_ID, ReceivedPacket};
use crate::session::{Session, media};

const ROOM: RoomId = RoomId(1);
pub const A: ParticipantId = ParticipantId(1);
pub const B: ParticipantId = ParticipantId(2);
pub const C: ParticipantId = ParticipantId(3);

/// A's camera.
pub struct Described {
    structure: Structure,
    /// Of each frame of a picture: its template, in a key picture and after.
    pattern: Vec<Vec<u8>>,
    key_pattern: Vec<u8>,
    sequence: u64,
    pub frame_number: u16,
    /// The least payload of a packet of each spatial layer, in bytes.
    pub sizes: [usize; 3],
    pictures: u64,
    elapsed: u64,
    needs_key_frame: bool,
    pub key_frames: u32,
}

impl Described {
    pub fn new(structure: Structure, key_pattern: &[u8], pattern: &[&[u8]]) -> Self {
        Self {
            structure,
            pattern: pattern.iter().map(|frames| frames.to_vec()).collect(),
            key_pattern: key_pattern.to_vec(),
            sequence: 65_400,
            frame_number: 65_500,
            sizes: [0; 3],
            pictures: 0,
            elapsed: 0,
            needs_key_frame: true,
            key_frames: 0,
        }
    }

    /// Lets time pass with the camera on, at 30 pictures a second.
    pub fn run(&mut self, session: &mut Session, duration: Duration) {
        for _ in 0..duration.as_millis() {
            let request = rtcp::Received::KeyFrameRequest {
                ssrc: layer_ssrc(A, 0),
            };
            let asked: Vec<_> = session.peer(A).control.drain(..).collect();
            self.needs_key_frame |= asked.contains(&request);
            if self.elapsed.is_multiple_of(33) {
                self.send_picture(session);
            }
            self.elapsed += 1;
            session.run(Duration::from_millis(1));
        }
    }

    fn send_picture(&mut self, session: &mut Session) {
        let is_key = std::mem::take(&mut self.needs_key_frame);
        if is_key {
            self.pictures = 0;
            self.key_frames += 1;
        }
        let frames = if is_key {
            self.key_pattern.clone()
        } else {
            self.pattern[(self.pictures as usize - 1) % self.pattern.len()].clone()
        };
        self.pictures += 1;
        for (at, template) in frames.iter().enumerate() {
            for part in 0..2 {
                let is_first = part == 0;
                let bytes = Packet {
                    starts_frame: is_first,
                    ends_frame: !is_first,
                    template: (self.structure.first_id + template) % 64,
                    frame_number: self.frame_number,
                    attached: (is_key && is_first && at == 0).then_some(&self.structure),
                    ..Packet::default()
                }
                .to_bytes(self.structure.targets);
                let header = Outgoing {
                    marker: !is_first && at + 1 == frames.len(),
                    payload_type: AV1_PT,
                    sequence_number: ExtendedSequence(self.sequence).number(),
                    timestamp: Timestamp((self.elapsed * 90) as u32),
                    ssrc: layer_ssrc(A, 0),
                    has_extensions: true,
                    has_padding: false,
                };
                let aggregation = match (is_first, is_key && at == 0) {
                    (true, true) => 0x18,
                    (true, false) => 0x10,
                    (false, _) => 0x90,
                };
                let [high, low] = self.frame_number.to_be_bytes();
                let mut payload = vec![aggregation, 0x30, *template, part, high, low];
                let spatial = self.structure.templates[usize::from(*template)].spatial;
                let size = self.sizes[usize::from(spatial)];
                payload.resize(size.max(payload.len()), 0x55);
                let extensions: [(u8, &[u8]); 2] = [(MID_ID, b"1"), (DESCRIPTOR_ID, &bytes)];
                let sequence = ExtendedSequence(self.sequence);
                send(session, A, header, sequence, &extensions, &payload);
                self.sequence += 1;
            }
            self.frame_number = self.frame_number.wrapping_add(1);
        }
    }
}

const AV1_PT: PayloadType = PayloadType(45);

/// A sends AV1; B takes descriptors and C does not.
pub fn av1_call(seed: u64) -> Session {
    let mut session = Session::new(seed);
    for id in [A, B, C] {
        session.join(ROOM, id, 1, Link::good());
        negotiate(&mut session, id, &[]);
        let mut media = media(id, 1);
        media.extensions.mid = Some(MID_ID);
        media.extensions.dependency_descriptor = Some(DESCRIPTOR_ID);
        let codec = CodecParameters {
            codec: Codec::Av1,
            payload_type: AV1_PT,
            rtx: None,
        };
        media.publications[1].ssrcs.clear();
        media.publications[1].rtx_ssrcs.clear();
        media.publications[1].codecs.push(codec);
        media.slots[1].codecs.push(codec);
        media.slots[1].dependency_descriptor = id == B;
        session.command(Command::Negotiate {
            participant: id,
            media,
        });
        session.watch(id, 0, A);
    }
    session.connect();
    session
}

/// Reads all descriptors as a receiver does, and checks that each frame's
/// references came before it.
pub fn assert_decodable(packets: &[&ReceivedPacket]) {
    let mut known = None;
    let mut frames = BTreeSet::new();
    for packet in packets {
        let bytes = packet.descriptor.as_ref().expect("a descriptor");
        let (read, attached) =
            DependencyDescriptor::parse(bytes, known.as_ref()).expect("it can be read");
        known = attached.or(known);
        for difference in read.references.as_slice() {
            let referenced = read.frame_number.wrapping_sub(*difference);
            assert!(frames.contains(&referenced), "{read:?}");
        }
        frames.insert(read.frame_number);
    }
}
