//! Sound without redundancy of its own on paths that lose much: what is lost
//! of it is made good, and nobody else pays for that.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu::identity::{MediaKind, ParticipantId, RoomId};
use sfu::quality::Level;
use sfu::rtcp;
use sfu::rtp::Codec;
use sfu::worker::command::{CodecParameters, Command};
use sfu::worker::event::Event;

use crate::distribution::{Bars, Distribution};
use crate::link::{Bottleneck, Link, Loss};
use crate::session::{AUDIO_PT, RED_PT, Session, audio_slot, audio_ssrc, media, seeds, slot_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

/// A speaks and is seen; B and C listen.
fn talk(seed: u64) -> Session {
    Session::of(seed, ROOM, &[A, B, C], 1)
}

fn lossy(loss: Loss) -> Link {
    Link {
        delay: Duration::from_millis(30),
        loss,
        ..Link::good()
    }
}

/// Bursts of three packets on average, a tenth of all.
fn bursts() -> Loss {
    Loss::Bursts {
        start: 1.0 / 27.0,
        end: 1.0 / 3.0,
    }
}

/// The share of A's sound of some time that came to a listener no later than a
/// jitter buffer plays it.
fn heard(session: &mut Session, listener: ParticipantId, duration: Duration) -> f64 {
    let (first, began) = (session.sending(A).audio, session.now);
    session.run(duration);
    let last = session.sending(A).audio;
    session.run(Duration::from_millis(500));
    let came: BTreeSet<_> = session.peers[&listener]
        .received_on(slot_ssrc(listener, audio_slot(0)))
        .into_iter()
        .filter_map(|packet| {
            let place = u64::from(packet.timestamp.0 / 960);
            let due = began + Duration::from_millis(20) * (place.checked_sub(first)? as u32);
            (place < last && packet.at <= due + JITTER_BUFFER).then_some(place)
        })
        .collect();
    came.len() as f64 / (last - first) as f64
}

#[test]
fn who_loses_a_tenth_hears_nearly_all_and_others_pay_nothing() {
    for (name, loss, bar) in [
        ("random", Loss::Random(0.1), 0.985),
        ("bursts", bursts(), 0.97),
    ] {
        let (mut sum, mut count) = (0.0, 0.0);
        let mut repeated = Distribution::of("packets that were sent again");
        for seed in seeds(4) {
            let mut session = talk(seed);
            session.set_link(B, lossy(loss));
            session.run(Duration::from_secs(4));

            sum += heard(&mut session, B, Duration::from_secs(20));
            count += 1.0;

            let again = session.worker.statistics().sound_repeated;
            assert_eq!(session.sent_again, again, "seed {seed}");
            // Of B's sound, and at no time of C's.
            assert!(again <= 1250, "seed {seed}: {again}");
            repeated.note(seed, again);
        }
        // From the time on at which loss has shown; bursts show later than
        // single losses, and may stay away for a while.
        repeated.assert_at_least(Bars {
            median: 1000,
            nearly_all: 900,
            worst: 800,
        });
        let mean = sum / count;
        println!("{name}: {:.2} % was heard", mean * 100.0);
        assert!(mean >= bar, "{name}: {mean}");
    }
}

#[test]
fn nothing_is_sent_twice_where_little_is_lost() {
    let mut session = talk(1);
    session.set_link(B, lossy(Loss::Random(0.004)));

    session.run(Duration::from_mins(1));

    assert_eq!(session.sent_again, 0);
}

#[test]
fn sound_is_sent_once_again_when_the_path_is_good_again() {
    for is_unmeasured in [false, true] {
        let mut session = talk(2);
        if is_unmeasured {
            session.peer(B).feedback_every = None;
        }
        session.set_link(B, lossy(Loss::Random(0.1)));
        session.run(Duration::from_secs(20));
        assert_eq!(session.sent_again > 500, !is_unmeasured);

        session.set_link(B, lossy(Loss::None));
        session.run(Duration::from_secs(15));
        let before = session.sent_again;
        session.run(Duration::from_secs(30));

        assert_eq!(session.sent_again, before);
    }
}

#[test]
fn a_delay_that_trembles_is_not_taken_for_loss() {
    let mut session = talk(6);
    let tremble = |loss| Link {
        jitter: Duration::from_millis(60),
        ..lossy(loss)
    };
    session.set_link(B, tremble(Loss::Random(0.1)));
    session.run(Duration::from_secs(20));
    assert!(session.sent_again > 400, "{}", session.sent_again);

    session.set_link(B, tremble(Loss::None));
    session.run(Duration::from_mins(1));
    let before = session.sent_again;
    session.run(Duration::from_secs(20));

    assert_eq!(session.sent_again, before);
    let of_b = |event: &Event| match event {
        Event::Rated {
            participant: B,
            rating,
        } => Some(rating.level),
        _ => None,
    };
    let told: Vec<_> = session.events.iter().filter_map(of_b).collect();
    assert_eq!(told.last(), Some(&Level::Good), "{told:?}");
}

/// There is nothing then that goes out once and tells what is lost.
#[test]
fn where_a_path_trembles_sound_alone_is_sent_once_after_a_minute() {
    let mut session = talk(7);
    session.show(B, 0, None);
    let tremble = |loss| Link {
        jitter: Duration::from_millis(60),
        ..lossy(loss)
    };
    session.set_link(B, tremble(Loss::Random(0.1)));
    session.run(Duration::from_secs(20));
    assert!(session.sent_again > 400, "{}", session.sent_again);

    session.set_link(B, tremble(Loss::None));
    session.run(Duration::from_secs(65));
    let before = session.sent_again;
    session.run(Duration::from_mins(3));

    assert_eq!(session.sent_again, before);
}

#[test]
fn loss_that_a_queue_makes_is_not_added_to() {
    let mut session = talk(3);
    session.set_link(
        B,
        Link {
            bottleneck: Some(Bottleneck {
                longest_queue: Duration::from_millis(60),
                ..Bottleneck::kilobits(100)
            }),
            ..lossy(Loss::None)
        },
    );

    session.run(Duration::from_mins(1));

    let sent = session.sending(A).audio;
    let again = session.sent_again;
    println!("of {sent} packets {again} were sent again on a path of 100 kbit/s");
    assert!(again < sent / 20, "{again} of {sent}");
}

#[test]
fn sound_with_redundancy_of_its_own_is_not_sent_twice() {
    let red = RED_PT;
    let mut session = talk(4);
    for participant in [A, B, C] {
        let mut media = media(participant, 1);
        let codec = CodecParameters {
            codec: Codec::Red,
            payload_type: red,
            rtx: None,
        };
        let slots = media.slots.iter_mut();
        for slot in slots.filter(|slot| slot.kind == MediaKind::Audio) {
            slot.codecs.push(codec);
        }
        media.publications[0].codecs.push(codec);
        session.command(Command::Negotiate { participant, media });
    }
    session.sending(A).sound = red;
    session.set_link(B, lossy(Loss::Random(0.1)));

    session.run(Duration::from_secs(20));

    let came = session.peers[&B].received_on(slot_ssrc(B, audio_slot(0)));
    let with_redundancy = came.iter().filter(|packet| packet.payload_type == red);
    assert!(with_redundancy.count() > 700);
    assert_eq!(session.worker.statistics().sound_repeated, 0);
}

#[test]
fn what_a_publisher_can_send_again_of_its_sound_is_asked_for() {
    let mut worst: f64 = 1.0;
    let mut away = Distribution::of("the loss that was told, away from a tenth");
    for seed in seeds(4) {
        let mut session = talk(seed);
        session.peer(A).repeats = Some(AUDIO_PT);
        session.set_link(A, lossy(Loss::Random(0.1)));
        session.run(Duration::from_secs(4));
        session.peer(A).reports.clear();

        worst = worst.min(heard(&mut session, B, Duration::from_secs(20)));

        // What was lost is told, so that Opus adds redundancy.
        let mut told = Vec::new();
        for report in &session.peers[&A].reports {
            rtcp::read(report, |item| {
                if let rtcp::Received::ReportBlock {
                    ssrc,
                    fraction_lost,
                    ..
                } = item
                    && ssrc == audio_ssrc(A)
                {
                    told.push(f64::from(fraction_lost) / 256.0);
                }
            });
        }
        let mean = told.iter().sum::<f64>() / told.len() as f64;
        away.note(seed, (mean - 0.1).abs());
    }
    // Of a thousand packets each of which is lost with one chance in ten, some
    // lose two thirds as many, or half more, by luck.
    away.assert_at_most(Bars {
        median: 0.015,
        nearly_all: 0.03,
        worst: 0.05,
    });
    println!("at the worst {:.2} % was heard", worst * 100.0);
    assert!(worst >= 0.985, "{worst}");
}

#[test]
fn sound_that_would_come_with_another_number_is_not_asked_for() {
    let mut session = talk(5);
    session.set_link(A, lossy(Loss::Random(0.1)));

    session.run(Duration::from_secs(20));

    let peer = &session.peers[&A];
    assert!(peer.nacks > 100, "pictures are: {}", peer.nacks);
    assert_eq!(peer.nacks_on.get(&audio_ssrc(A)), None);
}

/// What browsers hold of sound on a path that loses a tenth.
const JITTER_BUFFER: Duration = Duration::from_millis(200);
