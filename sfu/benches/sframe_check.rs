//! What the check for end-to-end encryption adds to a forwarded packet, with
//! one receiver, where it weighs most: `cargo bench -p sfu --bench sframe_check`.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the clock; the participants are those of the tests"
)]

#[path = "../tests/virtual_time/connection.rs"]
mod connection;
#[path = "../tests/virtual_time/link.rs"]
mod link;
#[path = "../tests/virtual_time/peer.rs"]
mod peer;
#[path = "../tests/virtual_time/repair.rs"]
mod repair;
#[path = "../tests/virtual_time/session.rs"]
mod session;

use std::time::{Duration, Instant};

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::sframe_header::SframeKey;
use sfu::rtp::{PayloadType, Ssrc, Timestamp};
use sfu::transport::Path;
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::{Command, ExpectedFrames};

use link::Link;
use session::{AUDIO_PT, Session, VIDEO_PT, audio_ssrc, server, video_ssrc};

const PUBLISHER: ParticipantId = ParticipantId(1);
const RECEIVER: ParticipantId = ParticipantId(2);
const KEY: SframeKey = SframeKey {
    leaf: 0xAB,
    epoch: 0x5A,
};
const ROUNDS: usize = 301;
const PACKETS_A_ROUND: u64 = 800;
const PACKETS_A_FRAME: u64 = 8;

fn main() {
    let sound = Media {
        ssrc: audio_ssrc(PUBLISHER),
        payload_type: AUDIO_PT,
        make: |_| [&[0xA8, 0, 0xAB, 0x5A, 9][..], &[4; 120]].concat(),
    };
    let pictures = Media {
        ssrc: video_ssrc(PUBLISHER),
        payload_type: VIDEO_PT,
        make: |index| {
            let start: &[u8] = match index % PACKETS_A_FRAME {
                0 => &[0x10, 0x01, 0xA8, 1, 0xAB, 0x5A, 9],
                _ => &[0x00, 0x01],
            };
            [start, &[3; 1140]].concat()
        },
    };
    for (name, media) in [("sound", sound), ("pictures", pictures)] {
        let (without, with) = compare(&media);
        println!(
            "{name}: {without:.0} ns a forwarded packet, {with:.0} ns with the check: {:+.1} %",
            (with / without - 1.0) * 100.0
        );
    }
}

struct Media {
    ssrc: Ssrc,
    payload_type: PayloadType,
    /// The payload of a packet, by its place.
    make: fn(u64) -> Vec<u8>,
}

/// The median cost without and with the check, rounds of both in turn.
fn compare(media: &Media) -> (f64, f64) {
    let mut session = Session::new(1);
    for id in [PUBLISHER, RECEIVER] {
        session.join(RoomId(1), id, 1, Link::good());
    }
    session.watch(RECEIVER, 0, PUBLISHER);
    session.connect();
    session.sending(PUBLISHER).sframe = Some(KEY);
    // Until the paths are found wide.
    session.sending(PUBLISHER).packets_a_frame = 8;
    session.start_media(PUBLISHER);
    session.run(Duration::from_secs(3));
    let first = session.sending(PUBLISHER).packets + session.sending(PUBLISHER).first;
    let mut costs = [Vec::new(), Vec::new()];
    let mut next = 0;
    for round in 0..2 * ROUNDS {
        let is_checked = round % 2 == 1;
        session.command(Command::ExpectFrames {
            participant: PUBLISHER,
            frames: if is_checked {
                ExpectedFrames::Key(KEY)
            } else {
                ExpectedFrames::Any
            },
        });
        let mut packets: Vec<_> = (next..next + PACKETS_A_ROUND)
            .map(|index| {
                let packet = session.peer(PUBLISHER).protected_rtp(
                    media.ssrc,
                    media.payload_type,
                    ExtendedSequence(first + index),
                    Timestamp((1_000_000 + index / PACKETS_A_FRAME * 3000) as u32),
                    false,
                    &(media.make)(index),
                );
                packet.expect("connected")
            })
            .collect();
        next += PACKETS_A_ROUND;
        let before = session.worker.statistics().packets_sent;
        let elapsed = forward(&mut session, &mut packets);
        let sent = session.worker.statistics().packets_sent - before;
        assert_eq!(sent, PACKETS_A_ROUND, "all were forwarded");
        costs[usize::from(is_checked)].push(elapsed.as_nanos() as f64 / sent as f64);
    }
    let [without, with] = costs.map(|mut costs| {
        costs.sort_by(f64::total_cmp);
        costs[ROUNDS / 2]
    });
    (without, with)
}

fn forward(session: &mut Session, packets: &mut [Vec<u8>]) -> Duration {
    let path = Path::udp(server(), session.peers[&PUBLISHER].address);
    let mut batch = TransmitBatch::new();
    let start = Instant::now();
    for burst in packets.chunks_mut(8) {
        // So slowly that nobody's pace holds it up.
        session.now += Duration::from_millis(100);
        for packet in burst {
            session.worker.handle_datagram(session.now, path, packet);
        }
        loop {
            batch.clear();
            session.worker.poll_transmit(session.now, &mut batch);
            if batch.is_empty() {
                break;
            }
        }
    }
    start.elapsed()
}
