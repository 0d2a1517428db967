//! Who speaks is told soon, and where many are, whoever speaks is heard.

use std::time::{Duration, Instant};

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::Timestamp;
use sfu::worker::event::Event;

use crate::link::Link;
use crate::peer::AUDIO_LEVEL;
use crate::session::{Session, audio_slot, slot_ssrc};

const ROOM: RoomId = RoomId(1);
const SILENCE: u8 = 127;

/// So many people with silent microphones, and a listener who takes them all.
fn call(people: u64) -> Session {
    let mut session = Session::new(1);
    let slots = u16::try_from(people).expect("few");
    session.join(ROOM, LISTENER, slots, Link::good());
    for id in (1..=people).map(ParticipantId) {
        session.join(ROOM, id, 1, Link::good());
        let pair = u16::try_from(id.0 - 1).expect("few");
        session.watch(LISTENER, pair, id);
        session.peer(id).audio_level = SILENCE;
        session.sending(id).packets_a_frame = 0;
    }
    session.connect();
    for id in (1..=people).map(ParticipantId) {
        session.start_media(id);
    }
    session.run(Duration::from_secs(1));
    session
}

fn set_level(session: &mut Session, id: u64, level: u8) {
    session.peer(ParticipantId(id)).audio_level = level;
}

/// Who was last told to speak.
fn speakers(session: &Session) -> Vec<u64> {
    let told = session.events.iter().rev().find_map(|event| match event {
        Event::Speaking {
            room: ROOM,
            speakers,
        } => Some(*speakers),
        _ => None,
    });
    told.map_or_else(Vec::new, |told| told.iter().map(|id| id.0).collect())
}

/// How long it takes until these are told to speak.
fn until(session: &mut Session, wanted: &[u64]) -> Duration {
    let start = session.now;
    while speakers(session) != wanted {
        session.run(Duration::from_millis(1));
        let elapsed = session.now - start;
        assert!(elapsed < Duration::from_secs(3), "{:?}", speakers(session));
    }
    session.now - start
}

/// The clock and level of what the listener got of somebody, since `after`.
fn heard(session: &Session, id: u64, after: Instant) -> Vec<(Timestamp, Option<u8>)> {
    let pair = u16::try_from(id - 1).expect("few");
    let packets = session.peers[&LISTENER].received_on(slot_ssrc(LISTENER, audio_slot(pair)));
    let since = packets.into_iter().filter(|packet| packet.at > after);
    since
        .map(|packet| (packet.timestamp, packet.audio_level))
        .collect()
}

#[test]
fn a_change_of_speakers_is_told_within_a_tenth_of_a_second_and_a_pause_is_not() {
    let mut session = call(3);

    set_level(&mut session, 1, AUDIO_LEVEL);
    let begun = until(&mut session, &[1]);
    session.run(Duration::from_secs(1));
    set_level(&mut session, 1, SILENCE);
    session.run(Duration::from_millis(400));
    let in_pause = speakers(&session);
    set_level(&mut session, 2, AUDIO_LEVEL);
    let changed = until(&mut session, &[2, 1]);
    let ended = until(&mut session, &[2]);

    println!("begun {begun:?}, changed {changed:?}, the first one's end {ended:?}");
    let tenth = Duration::from_millis(100);
    assert!(begun <= tenth && changed <= tenth, "{begun:?} {changed:?}");
    assert_eq!(in_pause, [1]);
    assert!(ended <= Duration::from_millis(600), "{ended:?}");
    let words = session.events.iter();
    let words = words.filter(|event| matches!(event, Event::Speaking { .. }));
    assert_eq!(words.count(), 3);
}

#[test]
fn what_is_loud_without_a_pause_is_noise_soon() {
    let mut session = call(2);
    set_level(&mut session, 1, 0);
    until(&mut session, &[1]);

    session.run(Duration::from_secs(40));

    assert_eq!(speakers(&session), []);
    set_level(&mut session, 2, AUDIO_LEVEL);
    until(&mut session, &[2]);
}

#[test]
fn who_leaves_in_the_middle_of_a_word_speaks_no_more() {
    let mut session = call(2);
    set_level(&mut session, 1, AUDIO_LEVEL);
    until(&mut session, &[1]);
    session.run(Duration::from_millis(500));

    session.leave(ParticipantId(1));

    assert!(until(&mut session, &[]) <= Duration::from_millis(100));
    session.leave(ParticipantId(2));
    session.leave(LISTENER);
    assert_eq!(session.worker.footprint().rooms, 0);
}

#[test]
fn in_a_small_session_nobody_is_withheld_however_silent() {
    let mut session = call(10);
    let start = session.now;
    session.run(Duration::from_secs(1));

    for id in 1..=10 {
        assert!(heard(&session, id, start).len() >= 45, "{id}");
    }
}

#[test]
fn where_many_are_whoever_speaks_is_heard_from_the_first_packet_on() {
    let mut session = call(14);
    let start = session.now;
    session.run(Duration::from_secs(1));
    let silent: Vec<_> = (1..=14)
        .filter(|id| heard(&session, *id, start).is_empty())
        .collect();
    assert_eq!(silent.len(), 4, "{silent:?}");

    for speaker in silent {
        let start = session.now;
        set_level(&mut session, speaker, AUDIO_LEVEL);
        let before = session.sending(ParticipantId(speaker)).audio;
        session.run(Duration::from_secs(2));
        let sent = session.sending(ParticipantId(speaker)).audio - before;
        let loud = heard(&session, speaker, start)
            .into_iter()
            .filter(|(_, level)| *level == Some(AUDIO_LEVEL));
        // The last are still on their way.
        assert!(loud.count() as u64 + 3 >= sent, "{speaker}");
        set_level(&mut session, speaker, SILENCE);
        session.run(Duration::from_millis(500));
        let late = session.now;
        session.run(Duration::from_millis(500));
        let heard_at_once = (1..=14).filter(|id| !heard(&session, *id, late).is_empty());
        assert_eq!(heard_at_once.count(), 10);
    }
    for id in 1..=14 {
        let pair = u16::try_from(id - 1).expect("few");
        let packets = session.peers[&LISTENER].received_on(slot_ssrc(LISTENER, audio_slot(pair)));
        for pair in packets.windows(2) {
            let numbers = pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number);
            assert_eq!(numbers, 1, "of {id} something looks lost");
        }
    }
}

#[test]
fn who_was_kept_out_is_heard_when_the_room_has_shrunk_however_silent() {
    let mut session = call(14);
    for id in (1..=5).map(ParticipantId) {
        session.leave(id);
    }
    session.run(Duration::from_millis(200));
    let start = session.now;
    session.run(Duration::from_secs(1));

    for id in 6..=14 {
        assert!(heard(&session, id, start).len() >= 45, "{id}");
    }
}

#[test]
fn who_turns_the_microphone_off_makes_place_for_another_and_no_more_are_heard_after() {
    let mut session = call(14);
    let count = |session: &mut Session| {
        let start = session.now;
        session.run(Duration::from_millis(500));
        let heard = (1..=14).filter(|id| !heard(session, *id, start).is_empty());
        heard.count()
    };
    assert_eq!(count(&mut session), 10);
    for id in (1..=4).map(ParticipantId) {
        session.sending(id).is_on = false;
    }
    session.run(Duration::from_millis(2500));
    let start = session.now;
    session.run(Duration::from_secs(1));
    for id in 5..=14 {
        assert!(heard(&session, id, start).len() >= 45, "{id}");
    }

    for id in (1..=4).map(ParticipantId) {
        session.sending(id).is_on = true;
    }
    session.run(Duration::from_millis(500));

    assert_eq!(count(&mut session), 10);
}

const LISTENER: ParticipantId = ParticipantId(99);
