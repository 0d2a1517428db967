//! That receivers can tell which sound belongs to which picture.

use std::time::Duration;

use sfu::identity::{MediaKind, ParticipantId, RoomId};
use sfu::rtcp;
use sfu::rtp::{Ssrc, Timestamp};
use sfu::worker::command::Command;

use super::link::Link;
use super::session::{Session, audio_slot, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

#[test]
fn lips_and_voice_of_a_newcomer_are_together_soon_after_it_takes_a_slot() {
    let mut session = Session::new(4);
    for id in [A, B, C] {
        session.join(ROOM, id, 1, Link::good());
    }
    session.connect();
    session.sending(A).encoding = Duration::from_millis(10);
    session.sending(C).encoding = SLOW_CAMERA;
    session.watch(B, 0, A);
    session.start_media(A);
    session.run(Duration::from_secs(30));
    let before = error(&mut session, Duration::from_millis(10));
    session.watch(B, 0, C);
    session.start_media(C);

    let mut errors = Vec::new();
    for _ in 0..6 {
        session.run(Duration::from_millis(500));
        errors.push(error(&mut session, SLOW_CAMERA));
    }

    assert!(before.abs() < 3.0, "{before} ms");
    assert!(
        errors[3..].iter().all(|error| error.abs() < 10.0),
        "{errors:?} ms"
    );
}

#[test]
fn reports_are_many_only_while_a_slot_is_new() {
    let mut session = Session::of(4, ROOM, &[A, B], 1);
    session.run(Duration::from_secs(5));
    let first = reports(&mut session, audio_slot(0)).len();
    session.run(Duration::from_secs(10));
    let all = reports(&mut session, audio_slot(0)).len();

    assert!((20..=26).contains(&first), "{first}");
    assert!((12..=14).contains(&(all - first)), "{first}, then {all}");
}

#[test]
fn many_new_slots_are_reported_on_in_few_datagrams() {
    let mut session = Session::new(4);
    session.join(ROOM, B, 24, Link::good());
    for id in (10..34).map(ParticipantId) {
        session.join(ROOM, id, 1, Link::good());
        session.sending(id).packets_a_frame = 1;
        let pair = u16::try_from(id.0 - 10).expect("few");
        session.watch(B, pair, id);
    }
    session.connect();
    for id in (10..34).map(ParticipantId) {
        session.start_media(id);
    }
    let reporting = |session: &mut Session| {
        let compounds = &session.peer(B).reports;
        let is_report = |compound: &&Vec<u8>| compound[1] == 200;
        compounds.iter().filter(is_report).count()
    };

    session.run(Duration::from_secs(4));
    let first = reporting(&mut session);
    session.run(Duration::from_secs(4));
    let then = reporting(&mut session) - first;

    // On 24 pictures and ten voices: the others are not heard.
    assert!((20..=60).contains(&first), "{first} datagrams");
    assert!((10..=12).contains(&then), "{then} datagrams in 4 s");
    for pair in 0..24 {
        let count = reports(&mut session, video_slot(pair)).len();
        assert!(
            (24..=32).contains(&count),
            "{count} on the picture of {pair}"
        );
    }
    let longest = session.peer(B).reports.iter().map(Vec::len).max();
    assert!(longest <= Some(1200), "{longest:?} bytes");
}

#[test]
fn a_path_stays_alive_when_all_fall_silent() {
    let mut session = Session::of(4, ROOM, &[A, B], 1);
    session.run(Duration::from_secs(5));
    session.sending(A).is_on = false;

    let mut last = session.now;
    let mut longest = Duration::ZERO;
    for _ in 0..1000 {
        let before = session.peer(B).reports.len();
        session.run(Duration::from_millis(10));
        if session.peer(B).reports.len() > before {
            longest = longest.max(session.now - last);
            last = session.now;
        }
    }

    // Clients take notice after 900 ms.
    assert!(longest < Duration::from_millis(850), "{longest:?}");
}

#[test]
fn a_path_stays_alive_when_all_turn_everything_off() {
    let mut session = Session::of(4, ROOM, &[A, B], 1);
    session.start_media(B);
    session.watch(A, 0, B);
    session.run(Duration::from_secs(5));
    for (watcher, off) in [(A, B), (B, A)] {
        session.sending(off).is_on = false;
        for slot in [audio_slot(0), video_slot(0)] {
            session.command(Command::Assign {
                subscriber: watcher,
                slot,
                source: None,
            });
        }
    }

    let mut last = session.now;
    let mut longest = Duration::ZERO;
    for _ in 0..1000 {
        let before = session.peer(B).reports.len();
        session.run(Duration::from_millis(10));
        if session.peer(B).reports.len() > before {
            longest = longest.max(session.now - last);
            last = session.now;
        }
    }

    // Clients take notice after 900 ms.
    assert!(longest < Duration::from_millis(850), "{longest:?}");
}

#[test]
fn who_never_reports_is_not_looked_for_all_the_time() {
    let mut session = Session::of(4, ROOM, &[A, B], 1);
    session.sending(A).next_report = None;
    session.run(Duration::from_secs(30));

    assert_eq!(reports(&mut session, audio_slot(0)), []);
    assert_eq!(reports(&mut session, video_slot(0)), []);
}

/// How much earlier than it is the sound seems to be to B's browser, against
/// the picture, in ms; the camera's encoder takes so long.
fn error(session: &mut Session, encoding: Duration) -> f64 {
    let start = session.begun;
    let newest = |session: &mut Session, slot, kind| {
        let ssrc = slot_ssrc(B, slot);
        let clock = Fit::of(&reports(session, slot), kind);
        let received = &session.peer(B).received;
        let packet = received.iter().rev().find(|packet| packet.ssrc == ssrc);
        let packet = packet.expect("something came");
        let seen = clock.seconds(packet.timestamp);
        seen - (packet.at - start).as_secs_f64()
    };
    let sound = newest(session, audio_slot(0), MediaKind::Audio);
    let picture = newest(session, video_slot(0), MediaKind::Video) + encoding.as_secs_f64();
    (picture - sound) * 1000.0
}

/// The clocks of all reports on one of B's slots.
fn reports(session: &mut Session, slot: sfu::identity::SlotId) -> Vec<(u64, Timestamp)> {
    let wanted: Ssrc = slot_ssrc(B, slot);
    let mut clocks = Vec::new();
    for compound in &session.peer(B).reports {
        rtcp::read(compound, |item| {
            if let rtcp::Received::SenderReport {
                ssrc,
                ntp,
                timestamp,
            } = item
                && ssrc == wanted
            {
                clocks.push((ntp, timestamp));
            }
        });
    }
    clocks
}

/// A line through the clocks of the last reports, as browsers fit it.
struct Fit {
    zero: Timestamp,
    offset: f64,
    seconds_a_tick: f64,
}

impl Fit {
    fn of(clocks: &[(u64, Timestamp)], kind: MediaKind) -> Self {
        let last = &clocks[clocks.len().saturating_sub(KEPT_BY_BROWSERS)..];
        assert!(last.len() >= 2, "{kind:?}: too few reports for a line");
        let zero = last[0].1;
        let points: Vec<_> = last
            .iter()
            .map(|(ntp, timestamp)| {
                let ticks = f64::from(timestamp.since(zero).cast_signed());
                (ticks, *ntp as f64 / f64::from(2_u32).powi(32))
            })
            .collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        let common: f64 = points
            .iter()
            .map(|point| (point.0 - x) * (point.1 - y))
            .sum();
        let seconds_a_tick = common / spread;
        Self {
            zero,
            offset: y - seconds_a_tick * x,
            seconds_a_tick,
        }
    }

    fn seconds(&self, timestamp: Timestamp) -> f64 {
        let ticks = f64::from(timestamp.since(self.zero).cast_signed());
        self.offset + self.seconds_a_tick * ticks
    }
}

const SLOW_CAMERA: Duration = Duration::from_millis(200);
/// In Chromium and Firefox.
const KEPT_BY_BROWSERS: usize = 20;
