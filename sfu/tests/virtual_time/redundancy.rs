//! Sound that changes between RED and plain Opus while it is sent.

use std::time::Duration;

use sfu::identity::{MediaKind, ParticipantId, RoomId};
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::sframe_header::SframeKey;
use sfu::rtp::{Codec, PayloadType, Timestamp};
use sfu::worker::command::{CodecParameters, Command, ExpectedFrames, MediaParameters};

use crate::link::Link;
use crate::peer::{AUDIO_LEVEL, ReceivedPacket};
use crate::session::{
    AUDIO_PT, OTHER_RED_PT, RED_PT, Session, audio_slot, audio_ssrc, media, slot_ssrc,
};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);
/// As A numbers it, and as B does.
const RED_OF_A: PayloadType = RED_PT;
const RED_OF_B: PayloadType = OTHER_RED_PT;
const FRAME_TICKS: u32 = 960;
const KEY: SframeKey = SframeKey {
    leaf: 0xAB,
    epoch: 0x15A,
};

/// A speaks; B took RED, C did not.
struct Talk {
    session: Session,
    spoken: u32,
}

impl Talk {
    fn start() -> Self {
        let mut session = Session::new(5);
        for id in [A, B, C] {
            session.join(ROOM, id, 2, Link::good());
        }
        for (participant, red) in [(A, RED_OF_A), (B, RED_OF_B)] {
            let media = with_red(media(participant, 2), red);
            session.command(Command::Negotiate { participant, media });
        }
        for listener in [B, C] {
            session.watch(listener, 0, A);
        }
        session.connect();
        Self { session, spoken: 0 }
    }

    /// A sends ten frames in one packet each.
    fn speak(&mut self, payload_type: PayloadType, payload: &[u8]) {
        for _ in 0..10 {
            self.session.peer(A).send_rtp(
                audio_ssrc(A),
                payload_type,
                ExtendedSequence(u64::from(self.spoken) + 1_000),
                Timestamp(self.spoken * FRAME_TICKS),
                false,
                payload,
            );
            self.spoken += 1;
            self.session.run(Duration::from_millis(20));
        }
    }

    fn heard(&self, listener: ParticipantId) -> Vec<&ReceivedPacket> {
        self.session.peers[&listener].received_on(slot_ssrc(listener, audio_slot(0)))
    }
}

fn with_red(mut media: MediaParameters, payload_type: PayloadType) -> MediaParameters {
    let red = CodecParameters {
        codec: Codec::Red,
        payload_type,
        rtx: None,
    };
    let slots = media.slots.iter_mut();
    for slot in slots.filter(|slot| slot.kind == MediaKind::Audio) {
        slot.codecs.push(red);
    }
    media.publications[0].codecs.push(red);
    media
}

/// The payload types of all runs of packets, and how many there are in each.
fn runs(packets: &[&ReceivedPacket]) -> Vec<(PayloadType, usize)> {
    packets
        .chunk_by(|one, other| one.payload_type == other.payload_type)
        .map(|run| (run[0].payload_type, run.len()))
        .collect()
}

fn steps(packets: &[&ReceivedPacket]) -> Vec<(u16, u32)> {
    let step = |pair: &[&ReceivedPacket]| {
        (
            pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number),
            pair[1].timestamp.since(pair[0].timestamp),
        )
    };
    packets.windows(2).map(step).collect()
}

#[test]
fn whoever_takes_red_hears_on_without_a_gap_when_it_comes_and_goes() {
    let mut talk = Talk::start();

    for payload_type in [AUDIO_PT, RED_OF_A, AUDIO_PT] {
        talk.speak(payload_type, &[1, 2, 3]);
    }

    let heard = talk.heard(B);
    assert_eq!(
        runs(&heard),
        [(AUDIO_PT, 10), (RED_OF_B, 10), (AUDIO_PT, 10)]
    );
    assert_eq!(steps(&heard), [(1, FRAME_TICKS); 29]);
    for packet in heard {
        assert_eq!(packet.payload, [1, 2, 3]);
        assert_eq!(packet.audio_level, Some(AUDIO_LEVEL));
    }
}

#[test]
fn whoever_does_not_take_red_gets_none_and_misses_no_number() {
    let mut talk = Talk::start();

    for payload_type in [RED_OF_A, AUDIO_PT, RED_OF_A, AUDIO_PT] {
        talk.speak(payload_type, &[1, 2, 3]);
    }

    let heard = talk.heard(C);
    assert_eq!(runs(&heard), [(AUDIO_PT, 20)]);
    let mut expected = [(1, FRAME_TICKS); 19];
    expected[9] = (1, 11 * FRAME_TICKS);
    assert_eq!(steps(&heard), expected);
}

#[test]
fn red_that_is_not_encrypted_is_dropped_once_it_should_be() {
    let mut talk = Talk::start();
    talk.session.command(Command::ExpectFrames {
        participant: A,
        frames: ExpectedFrames::Key(KEY),
    });
    let encrypted = [0xA8, 0x00, KEY.leaf, 0x5A, 0x77, 1, 2, 3];

    talk.speak(RED_OF_A, &[0xEF, 0x00, 0x00, 0x03, 0x6F, 1, 2, 3]);
    talk.speak(RED_OF_A, &encrypted);

    let heard = talk.heard(B);
    assert_eq!(heard.len(), 10);
    assert!(heard.iter().all(|packet| packet.payload == encrypted));
    let dropped = talk.session.worker.statistics().dropped;
    assert_eq!(dropped.unencrypted, 10);
}
