//! Of a source in one stream, receivers behind narrow paths are sent the layers
//! within it that fit, and nothing pauses it for a moment's swing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sfu::identity::{RoomId, Source};
use sfu::worker::command::Command;
use sfu::worker::event::Event;

use crate::described::{A, B, Described, assert_decodable, av1_call};
use crate::descriptor::{L3T3_KEY_FIRST, L3T3_KEY_PATTERN, l1t3, l3t3_key};
use crate::estimate::narrow;
use crate::layered::{Layered, shown};
use crate::link::Link;
use crate::peer::{MID_ID, ReceivedPacket, STREAM_ID};
use crate::session::{Session, media, seeds, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);

fn received(session: &Session, since: Instant) -> Vec<&ReceivedPacket> {
    let packets = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
    packets
        .into_iter()
        .filter(|packet| packet.at > since)
        .collect()
}

fn longest_pause(packets: &[&ReceivedPacket]) -> Duration {
    let pauses = packets.windows(2).map(|pair| pair[1].at - pair[0].at);
    pauses.max().unwrap_or(Duration::MAX)
}

fn pauses(session: &Session) -> usize {
    let events = session.events.iter();
    events
        .filter(|event| matches!(event, Event::Paused { .. }))
        .count()
}

mod spatial {
    use super::*;

    /// A's camera in spatial layers of some 100, 220 and 510 kbit/s.
    fn call(seed: u64, link: Link) -> (Session, Described) {
        let mut session = av1_call(seed);
        let mut camera = Described::new(l3t3_key(), &L3T3_KEY_FIRST, &L3T3_KEY_PATTERN);
        camera.sizes = [150, 400, 1000];
        session.set_link(B, link);
        camera.run(&mut session, Duration::from_secs(10));
        (session, camera)
    }

    /// The spatial layers of what came, without key pictures: these have all
    /// below them too.
    fn layers(packets: &[&ReceivedPacket]) -> Vec<u8> {
        let templates = packets.iter().map(|packet| packet.payload[2]);
        templates
            .filter(|template| template % 4 != 0)
            .map(|template| template / 4)
            .collect()
    }

    #[test]
    fn the_layers_that_fit_are_sent_and_no_others() {
        for seed in seeds(3) {
            for (kilobits, fits) in [(180, 0), (400, 1)] {
                let (mut session, mut camera) = call(seed, narrow(kilobits, 60));
                let since = session.now;
                session.events.clear();

                camera.run(&mut session, Duration::from_secs(20));

                let packets = received(&session, since);
                let all = layers(&packets);
                let lower = all.iter().filter(|layer| **layer < fits).count();
                let longest = longest_pause(&packets);
                println!(
                    "seed {seed}, {kilobits} kbit/s: {lower} of {} packets lower, {longest:?}",
                    all.len()
                );
                assert!(all.iter().all(|layer| *layer <= fits), "{kilobits}");
                assert!(lower * 10 <= all.len(), "{kilobits}");
                assert!(all.len() > 500, "{kilobits}");
                assert!(longest < Duration::from_millis(400), "{longest:?}");
                assert_eq!(pauses(&session), 0);
            }
        }
    }

    #[test]
    fn they_are_left_at_once_and_come_back_with_a_key_picture() {
        for seed in seeds(3) {
            let (mut session, mut camera) = call(seed, narrow(2000, 60));
            let start = session.now;
            camera.run(&mut session, Duration::from_secs(1));
            assert!(layers(&received(&session, start)).contains(&2));

            session.set_link(B, narrow(350, 60));
            camera.run(&mut session, Duration::from_secs(3));
            let since = session.now;
            camera.run(&mut session, Duration::from_secs(10));
            let narrowed = layers(&received(&session, since));
            assert!(narrowed.iter().all(|layer| *layer <= 1), "seed {seed}");
            session.set_link(B, narrow(2000, 60));
            let since = session.now;
            while !layers(&received(&session, since)).contains(&2) {
                camera.run(&mut session, Duration::from_millis(100));
                let waited = session.now - since;
                assert!(waited < Duration::from_secs(10), "seed {seed}");
            }

            let packets = received(&session, start);
            println!(
                "seed {seed}: longest pause {:?}, back after {:?}",
                longest_pause(&packets),
                session.now - since
            );
            assert!(longest_pause(&packets) < Duration::from_secs(1));
            assert_eq!(pauses(&session), 0);
        }
    }

    #[test]
    fn whoever_changes_its_mind_is_sent_nothing_that_cannot_be_decoded() {
        let mut ever_seen = BTreeSet::new();
        for seed in seeds(5) {
            let mut session = av1_call(seed);
            let mut camera = Described::new(l3t3_key(), &L3T3_KEY_FIRST, &L3T3_KEY_PATTERN);
            camera.run(&mut session, Duration::from_millis(500));
            for _ in 0..100 {
                let spatial = (session.random.next() % 3) as u8;
                let temporal = (session.random.next() % 3) as u8;
                session.limit(B, spatial, temporal);
                let pause = session.random.next() % 150;
                camera.run(&mut session, Duration::from_millis(pause));
            }

            let packets = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
            assert_decodable(&packets);
            ever_seen.extend(packets.iter().map(|packet| packet.payload[2]));
        }
        // Of one seed's key pictures, at which alone a larger picture begins,
        // none may find the middle one wanted.
        assert_eq!(ever_seen, (0..12).collect());
    }
}

mod screen {
    use super::*;

    /// A shares a screen in one stream of three temporal layers, some 90, 180
    /// and 370 kbit/s, and B watches.
    fn call(seed: u64, link: Link) -> (Session, Layered) {
        let mut session = Session::new(seed);
        let mut screen = Layered::join(&mut session, ROOM, A, &["q"]);
        let mut media = media(A, 1);
        media.extensions.mid = Some(MID_ID);
        media.extensions.stream_id = Some(STREAM_ID);
        let shared = &mut media.publications[1];
        shared.source = Source::Screen;
        shared.ssrcs.clear();
        shared.rtx_ssrcs.clear();
        shared.stream_ids = vec!["q".to_owned()];
        session.command(Command::Negotiate {
            participant: A,
            media,
        });
        screen.sizes = [700, 0, 0];
        screen.has_temporal_layers = true;
        session.join(ROOM, B, 1, link);
        session.peer(B).repairs_within = Some(2 * link.delay);
        session.command(Command::Assign {
            subscriber: B,
            slot: video_slot(0),
            source: Some((A, Source::Screen)),
        });
        session.connect();
        (session, screen)
    }

    #[test]
    fn one_that_does_not_fit_loses_frames_before_it_is_paused() {
        for seed in seeds(3) {
            let (mut session, mut screen) = call(seed, narrow(250, 60));
            screen.run(&mut session, Duration::from_secs(10));
            let since = session.now;
            session.events.clear();

            screen.run(&mut session, Duration::from_secs(20));

            let packets = received(&session, since);
            let seen = shown(&packets);
            let top = seen.iter().filter(|packet| packet.temporal == 2).count();
            let longest = longest_pause(&packets);
            println!(
                "seed {seed}: {} packets, {top} of the top layer, longest pause {longest:?}",
                seen.len()
            );
            assert!(seen.len() > 500, "seed {seed}: {}", seen.len());
            assert!(top * 10 < seen.len(), "seed {seed}: {top}");
            assert!(longest < Duration::from_millis(400), "{longest:?}");
            assert_eq!(pauses(&session), 0, "seed {seed}");
        }
    }

    #[test]
    fn another_page_is_no_reason_to_pause_it() {
        for seed in seeds(3) {
            let (mut session, mut screen) = call(seed, narrow(1000, 100));
            screen.has_temporal_layers = false;
            screen.sizes = [200, 0, 0];
            screen.run(&mut session, Duration::from_secs(10));
            session.events.clear();

            for _ in 0..3 {
                // Some 3.1 Mbit/s.
                screen.sizes = [1300, 0, 0];
                screen.parts = [10; 3];
                screen.run(&mut session, Duration::from_millis(700));
                screen.sizes = [200, 0, 0];
                screen.parts = [2; 3];
                screen.run(&mut session, Duration::from_secs(8));
            }

            assert_eq!(pauses(&session), 0, "seed {seed}");
        }
    }

    #[test]
    fn one_that_goes_on_being_too_much_is_paused() {
        let (mut session, mut screen) = call(1, narrow(300, 100));
        screen.has_temporal_layers = false;
        screen.sizes = [200, 0, 0];
        screen.run(&mut session, Duration::from_secs(10));
        session.events.clear();

        screen.sizes = [1300, 0, 0];
        screen.run(&mut session, Duration::from_secs(10));

        assert!(pauses(&session) >= 1);
    }
}

#[test]
fn temporal_layers_of_a_stream_with_descriptors_fit_too() {
    let mut session = av1_call(1);
    let mut camera = Described::new(l1t3(), &[0], &[&[3], &[2], &[4], &[1]]);
    camera.sizes = [700, 0, 0];
    session.set_link(B, narrow(250, 60));
    camera.run(&mut session, Duration::from_secs(10));
    let since = session.now;
    session.events.clear();

    camera.run(&mut session, Duration::from_secs(10));

    let packets = received(&session, since);
    let templates: Vec<_> = packets.iter().map(|packet| packet.payload[2]).collect();
    let top = templates.iter().filter(|template| **template >= 3).count();
    assert!(templates.len() > 200, "{}", templates.len());
    assert!(top * 10 < templates.len(), "{top} of {}", templates.len());
    assert_eq!(pauses(&session), 0);
}
