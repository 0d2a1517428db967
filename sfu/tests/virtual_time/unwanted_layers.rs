//! Layers that nobody takes are switched off at their publisher, and back on
//! when somebody does, without a frozen picture and without a flap.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::worker::event::{Event, Wanted};

use crate::distribution::{Bars, Distribution};
use crate::estimate::narrow;
use crate::layered::{self, Layered};
use crate::link::Link;
use crate::session::{Session, seeds, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

/// A with a camera in three layers that sends only what is wanted; the others
/// watch, each over its own link.
fn call(seed: u64, links: &[(ParticipantId, Link)]) -> (Session, Layered) {
    let mut session = Session::new(seed);
    let mut camera = Layered::join(&mut session, ROOM, A, &["q", "h", "f"]);
    camera.obeys_after = Some(Duration::from_millis(100));
    for (id, link) in links {
        session.join(ROOM, *id, 1, *link);
        session.peer(*id).repairs_within = Some(2 * link.delay);
        session.watch(*id, 0, A);
    }
    session.connect();
    camera.run(&mut session, Duration::from_secs(3));
    (session, camera)
}

fn show(session: &mut Session, id: ParticipantId, height: u16) {
    session.show(id, 0, (height > 0).then_some((height / 9 * 16, height)));
}

fn told(session: &Session) -> Vec<Wanted> {
    session.told(A)
}

/// Whether a participant was told that its picture is paused.
fn was_paused(session: &Session) -> bool {
    let mut events = session.events.iter();
    events.any(|event| matches!(event, Event::Paused { .. }))
}

/// What came to somebody, and the longest time between two pictures.
fn seen(session: &Session, id: ParticipantId) -> (Vec<layered::Shown>, Duration) {
    let packets = session.peers[&id].received_on(slot_ssrc(id, video_slot(0)));
    let pauses = packets.windows(2).map(|pair| pair[1].at - pair[0].at);
    let longest = pauses.max().unwrap_or(Duration::MAX);
    (layered::shown(&packets), longest)
}

fn layer_now(session: &Session, id: ParticipantId) -> Option<u8> {
    seen(session, id).0.last().map(|packet| packet.layer)
}

#[test]
fn a_layer_that_all_show_too_small_for_rests_until_one_shows_it_large() {
    let (mut session, mut camera) = call(1, &[(B, Link::good()), (C, Link::good())]);
    assert_eq!((layer_now(&session, B), told(&session)), (Some(2), vec![]));

    show(&mut session, B, 180);
    show(&mut session, C, 360);
    camera.run(&mut session, Duration::from_millis(1900));
    assert_eq!(told(&session), []);
    camera.run(&mut session, Duration::from_millis(300));
    assert_eq!(told(&session), [Wanted::UpTo(1)]);
    camera.run(&mut session, Duration::from_secs(30));
    let received = session.worker.statistics().layers[2].received;
    camera.run(&mut session, Duration::from_secs(5));
    assert_eq!(session.worker.statistics().layers[2].received, received);
    assert_eq!(told(&session), [Wanted::UpTo(1)]);
    assert_eq!(layer_now(&session, B), Some(0));
    assert_eq!(layer_now(&session, C), Some(1));

    let key_frames = camera.layers[2].key_frames;
    show(&mut session, B, 720);
    camera.run(&mut session, Duration::from_millis(250));
    assert_eq!(told(&session), [Wanted::UpTo(1), Wanted::All]);
    assert_eq!(
        camera.layers[2].key_frames,
        key_frames + 1,
        "the first is not lost"
    );
    assert_eq!(layer_now(&session, B), Some(2), "within a quarter second");
    assert_eq!(layer_now(&session, C), Some(1));
    for id in [B, C] {
        let (_, longest) = seen(&session, id);
        assert!(longest < Duration::from_millis(120), "{id}: {longest:?}");
    }
    assert!(!was_paused(&session));
}

#[test]
fn who_waits_for_an_upper_layer_has_the_lower_one_meanwhile() {
    let (mut session, mut camera) = call(1, &[(B, Link::good())]);
    show(&mut session, B, 180);
    camera.run(&mut session, Duration::from_secs(10));
    assert_eq!(told(&session), [Wanted::UpTo(0)]);

    // A publisher that takes its time, and then one whose path has become too
    // narrow for the layer.
    camera.obeys_after = Some(Duration::from_millis(1500));
    show(&mut session, B, 720);
    camera.run(&mut session, Duration::from_millis(1400));
    assert_eq!(layer_now(&session, B), Some(0));
    camera.run(&mut session, Duration::from_millis(300));
    assert_eq!(layer_now(&session, B), Some(2));
    show(&mut session, B, 180);
    camera.run(&mut session, Duration::from_secs(10));
    camera.obeys_after = None;
    show(&mut session, B, 360);
    camera.run(&mut session, Duration::from_secs(10));
    assert_eq!(layer_now(&session, B), Some(0));

    let (_, longest) = seen(&session, B);
    assert!(longest < Duration::from_millis(120), "{longest:?}");
    assert_eq!(
        told(&session),
        [
            Wanted::UpTo(0),
            Wanted::All,
            Wanted::UpTo(0),
            Wanted::UpTo(1)
        ],
        "and nothing over and over"
    );
    assert!(!was_paused(&session));
}

#[test]
fn a_newcomer_and_a_limit_that_is_lifted_bring_a_layer_back() {
    let (mut session, mut camera) = call(1, &[(B, Link::good())]);
    session.limit(B, 0, 9);
    camera.run(&mut session, Duration::from_secs(5));
    assert_eq!(told(&session), [Wanted::UpTo(0)]);

    session.join(ROOM, C, 1, Link::good());
    session.watch(C, 0, A);
    camera.run(&mut session, Duration::from_millis(30));
    assert_eq!(told(&session), [Wanted::UpTo(0), Wanted::All]);
    session.leave(C);
    camera.run(&mut session, Duration::from_secs(5));
    assert_eq!(told(&session)[2..], [Wanted::UpTo(0)]);

    session.limit(B, 9, 9);
    camera.run(&mut session, Duration::from_millis(250));
    assert_eq!(told(&session)[3..], [Wanted::All]);
    assert_eq!(layer_now(&session, B), Some(2));
}

#[test]
fn a_hidden_picture_comes_back_in_the_layer_it_is_shown_for() {
    let (mut session, mut camera) = call(1, &[(B, Link::good())]);
    show(&mut session, B, 0);
    camera.run(&mut session, Duration::from_secs(20));
    assert_eq!(told(&session), [Wanted::Nothing]);

    show(&mut session, B, 360);
    camera.run(&mut session, Duration::from_millis(400));

    assert_eq!(told(&session), [Wanted::Nothing, Wanted::UpTo(1)]);
    assert_eq!(layer_now(&session, B), Some(1));
}

#[test]
fn a_layer_that_all_paths_are_too_narrow_for_rests_and_returns_without_a_flap() {
    let mut waits = Distribution::of("back after the path");
    for seed in seeds(3) {
        let mut pinched = narrow(450, 60);
        let (mut session, mut camera) = call(seed, &[(B, pinched)]);
        camera.run(&mut session, Duration::from_secs(75));
        assert_eq!(told(&session), [Wanted::UpTo(1)], "seed {seed}");
        session.peer(B).received.clear();
        camera.run(&mut session, Duration::from_secs(30));
        assert_eq!(told(&session), [Wanted::UpTo(1)], "seed {seed}");
        assert_eq!(layer_now(&session, B), Some(1), "seed {seed}");

        // At another moment for each seed between two probes, some 2.5 s apart,
        // which alone can show that there is more than is sent.
        let moment = Duration::from_millis(seed * 833 % 2500);
        camera.run(&mut session, moment);
        pinched = narrow(3000, 60);
        session.set_link(B, pinched);
        let widened = session.now;
        while layer_now(&session, B) != Some(2) {
            camera.run(&mut session, Duration::from_millis(20));
            let elapsed = session.now - widened;
            assert!(elapsed < Duration::from_secs(10), "seed {seed}");
        }
        waits.note(seed, session.now - widened);
        camera.run(&mut session, Duration::from_secs(20));
        assert_eq!(
            told(&session),
            [Wanted::UpTo(1), Wanted::All],
            "seed {seed}"
        );

        let packets = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
        let longest = packets.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(
            longest < Some(Duration::from_millis(300)),
            "seed {seed}: {longest:?}"
        );
    }
    waits.assert_at_most(Bars {
        median: Duration::from_millis(2500),
        nearly_all: Duration::from_secs(4),
        worst: Duration::from_secs(4),
    });
}

#[test]
fn a_publisher_that_does_not_listen_costs_nobody_a_picture() {
    let (mut session, mut camera) = call(1, &[(B, Link::good())]);
    camera.obeys_after = None;
    for height in [180, 720, 360, 0, 720, 90] {
        show(&mut session, B, height);
        camera.run(&mut session, Duration::from_secs(5));
    }
    show(&mut session, B, 720);
    camera.run(&mut session, Duration::from_millis(500));

    assert_eq!(layer_now(&session, B), Some(2));
    assert!(!was_paused(&session));
}
