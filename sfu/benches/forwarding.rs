//! What the worker itself costs for each forwarded packet, without system
//! calls: `cargo bench -p sfu --bench forwarding`, or with the numbers of
//! receivers to try at the end, after `--`. For counts of instructions, which
//! no other work disturbs, run it in `valgrind --tool=callgrind
//! --toggle-collect='*forward_burst*'`.

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
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::transport::Path;
use sfu::worker::batch::TransmitBatch;

use link::Link;
use session::{Session, VIDEO_PT, server, video_ssrc};

const PUBLISHER: ParticipantId = ParticipantId(1);
const ROUNDS: usize = 21;
const PACKETS_A_ROUND: usize = 2000;
/// More than a core's own cache.
const OTHERS: usize = 16 << 20;
const CACHE_LINE: usize = 64;

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    for receivers in [1, 10, 50, 500] {
        if !wanted.is_empty() && !wanted.contains(&receivers) {
            continue;
        }
        for burst in [1, 8] {
            let (warm, datagrams_a_train) = forward(receivers, burst, Cache::Warm);
            let (cold, _) = forward(receivers, burst, Cache::Cold);
            println!(
                "1 x {receivers:<3} in bursts of {burst}: {warm:>5.0} ns a forwarded packet, \
                 {cold:>5.0} from a cold cache (medians of {ROUNDS}), \
                 {datagrams_a_train:.1} packets a train"
            );
        }
    }
}

/// What the processor's cache holds when packets come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// What the packets before needed.
    Warm,
    /// Nothing of it, as after a pause in which others used the core.
    Cold,
}

/// The median cost of a packet forwarded to each of `receivers`, packets
/// coming `burst` at a time; and how long the trains are.
fn forward(receivers: u64, burst: usize, cache: Cache) -> (f64, f64) {
    let mut session = Session::new(1);
    session.join(RoomId(1), PUBLISHER, 0, Link::good());
    for id in (2..2 + receivers).map(ParticipantId) {
        session.join(RoomId(1), id, 1, Link::good());
        session.watch(id, 0, PUBLISHER);
    }
    session.connect();
    // Until the paths are found wide.
    session.sending(PUBLISHER).packets_a_frame = 8;
    session.start_media(PUBLISHER);
    session.run(Duration::from_secs(3));
    let mut next = session.sending(PUBLISHER).packets + session.sending(PUBLISHER).first;
    let frames = session.sending(PUBLISHER).frames;
    let path = Path::udp(server(), session.peers[&PUBLISHER].address);
    let mut batch = TransmitBatch::new();
    let mut costs = Vec::new();
    let mut others = vec![0_u8; OTHERS];
    let (mut trains, mut datagrams) = (0, 0);
    for _ in 0..ROUNDS {
        let mut packets: Vec<_> = (0..PACKETS_A_ROUND.min(200_000 / receivers as usize))
            .map(|_| {
                next += 1;
                let packet = session.peer(PUBLISHER).protected_rtp(
                    video_ssrc(PUBLISHER),
                    VIDEO_PT,
                    ExtendedSequence(next - 1),
                    Timestamp((frames * 3000 + next) as u32),
                    false,
                    &[&[0x00, 0x01][..], &[3; 1140]].concat(),
                );
                packet.expect("connected")
            })
            .collect();
        let before = session.worker.statistics().packets_sent;
        let mut elapsed = Duration::ZERO;
        for packets in packets.chunks_mut(burst) {
            // So slowly that nobody's pace holds it up.
            session.now += Duration::from_millis(15) * burst as u32;
            if cache == Cache::Cold {
                others
                    .iter_mut()
                    .step_by(CACHE_LINE)
                    .for_each(|byte| *byte = byte.wrapping_add(1));
                std::hint::black_box(&mut others);
            }
            let start = Instant::now();
            trains += forward_burst(&mut session, path, packets, &mut batch);
            elapsed += start.elapsed();
        }
        let sent = session.worker.statistics().packets_sent - before;
        datagrams += sent as usize;
        costs.push(elapsed.as_nanos() as f64 / sent as f64);
    }
    costs.sort_by(f64::total_cmp);
    (costs[ROUNDS / 2], datagrams as f64 / trains as f64)
}

/// Gives the number of trains.
#[inline(never)]
fn forward_burst(
    session: &mut Session,
    path: Path,
    packets: &mut [Vec<u8>],
    batch: &mut TransmitBatch,
) -> usize {
    let mut trains = 0;
    for packet in packets {
        session.worker.handle_datagram(session.now, path, packet);
    }
    loop {
        batch.clear();
        session.worker.poll_transmit(session.now, batch);
        if batch.is_empty() {
            return trains;
        }
        trains += batch.trains().len();
    }
}
