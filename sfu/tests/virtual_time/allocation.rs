//! Forwarding a packet takes no memory: everything it needs was set aside when
//! the participants came and began to send.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::transport::Path;
use sfu::worker::batch::TransmitBatch;

use crate::link::Link;
use crate::session::{AUDIO_PT, Session, VIDEO_PT, audio_ssrc, server, video_ssrc};

const ROOM: RoomId = RoomId(1);
const PUBLISHER: ParticipantId = ParticipantId(1);

#[test]
fn a_forwarded_packet_allocates_nothing() {
    let mut session = Session::new(1);
    session.join(ROOM, PUBLISHER, 1, Link::good());
    for receiver in (2..12).map(ParticipantId) {
        session.join(ROOM, receiver, 1, Link::good());
        session.watch(receiver, 0, PUBLISHER);
    }
    session.connect();
    // Enough for the paths to be found wide.
    session.sending(PUBLISHER).packets_a_frame = 8;
    session.start_media(PUBLISHER);
    session.run(Duration::from_secs(5));
    let sending = session.sending(PUBLISHER).clone();
    let path = Path::udp(server(), session.peers[&PUBLISHER].address);
    let peer = session.peer(PUBLISHER);
    let mut packets = Vec::new();
    for index in 0..200 {
        let video = peer.protected_rtp(
            video_ssrc(PUBLISHER),
            VIDEO_PT,
            ExtendedSequence(sending.first + sending.packets + index),
            Timestamp((sending.frames * 3000) as u32),
            false,
            &[&[0x00, 0x01][..], &[3; 1100 + 1]].concat(),
        );
        let audio = peer.protected_rtp(
            audio_ssrc(PUBLISHER),
            AUDIO_PT,
            ExtendedSequence(sending.first + sending.audio + index),
            Timestamp(((sending.audio + index) * 960) as u32),
            false,
            &[4; 80],
        );
        packets.extend([video, audio].map(|packet| packet.expect("connected")));
    }
    let before = session.worker.statistics();
    let mut batch = TransmitBatch::new();
    let mut now = session.now;
    let worker = &mut session.worker;
    let mut forward = |packets: &mut [Vec<u8>]| {
        for burst in packets.chunks_mut(16) {
            now += Duration::from_millis(100);
            for packet in burst {
                worker.handle_datagram(now, path, packet);
            }
            loop {
                batch.clear();
                worker.poll_transmit(now, &mut batch);
                if batch.is_empty() {
                    break;
                }
            }
        }
    };
    let (warm_up, measured) = packets.split_at_mut(100);
    forward(warm_up);

    let counted = allocation_counter::measure(|| forward(measured));

    let after = session.worker.statistics();
    assert_eq!(after.packets_received - before.packets_received, 400);
    assert_eq!(after.packets_sent - before.packets_sent, 4000);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
