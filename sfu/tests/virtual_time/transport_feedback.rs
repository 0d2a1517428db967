//! What publishers hear of the arrival of their packets, from which they
//! estimate what their own path takes.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtcp;
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;

use crate::link::Link;
use crate::session::{Session, VIDEO_PT, video_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);

/// Each packet of a second of A's sound and pictures by its transport-wide
/// number, and when it came, in microseconds after the first. The worker's
/// thread has its turn only every so often.
fn arrivals_told(read_every: Option<Duration>) -> Vec<(u16, i64)> {
    let mut session = Session::new(1);
    session.join(ROOM, A, 1, Link::good());
    session.connect();
    session.read_every = read_every;
    session.start_media(A);
    session.run(Duration::from_secs(1));

    let mut told = Vec::new();
    for report in &session.peer(A).reports {
        rtcp::read(report, |item| {
            if let rtcp::Received::Arrival { number, at } = item {
                told.push((number, at.expect("nothing is lost")));
            }
        });
    }
    let (_, first) = told[0];
    told.into_iter()
        .map(|(number, at)| (number, at.since(first)))
        .collect()
}

#[test]
fn a_packet_came_when_it_came_however_late_it_was_read() {
    let at_once = arrivals_told(None);
    assert!(at_once.len() > 100, "{}", at_once.len());

    for milliseconds in [15, 40, 100] {
        let late = arrivals_told(Some(Duration::from_millis(milliseconds)));
        assert!(late.len() > 100, "{}", late.len());
        for (packet, other) in at_once.iter().zip(&late) {
            assert_eq!(packet, other, "read every {milliseconds} ms");
        }
    }
}

#[test]
fn a_browser_that_probes_hears_of_it_while_it_does() {
    for offset in 0..20 {
        let mut session = Session::new(1);
        session.join(ROOM, A, 1, Link::good());
        session.connect();
        session.start_media(A);
        session.run(Duration::from_millis(200 + offset));
        session.peer(A).reports.clear();

        // As browsers do: a packet a millisecond, for fifteen.
        for place in 0..15 {
            let sequence = ExtendedSequence(5000 + place);
            let timestamp = Timestamp(0);
            let peer = session.peer(A);
            peer.send_rtp(video_ssrc(A), VIDEO_PT, sequence, timestamp, false, &[]);
            session.run(Duration::from_millis(1));
        }
        session.run(Duration::from_millis(2));

        let mut told = 0;
        for report in &session.peers[&A].reports {
            rtcp::read(report, |item| {
                told += u32::from(matches!(item, rtcp::Received::Arrival { .. }));
            });
        }
        assert!(told >= 10, "{told} packets after {offset} ms");
    }
}
