//! How participants show one another, and what they hear of the pictures they
//! get.

mod negotiated;

use std::time::Instant;

use sfu::identity::{ParticipantId, RoomId, SlotId, Source};
use sfu::quality::{Capacity, Cause, Level, Rating};
use sfu::rtp::Layer;
use sfu::worker::command::{Command, Shown, Size};
use sfu::worker::event::{PauseReason, Wanted};
use signaling::SlotsBy;
use signaling::protocol::{
    self, ClientMessage, PublicationSource, QualityCause, QualityLevel, Role, ServerMessage,
    UplinkCapacity, View,
};
use signaling::room::{Devices, Effect, Room, RoomSize, Session};

const A: ParticipantId = ParticipantId(0xA);
const B: ParticipantId = ParticipantId(0xB);
const C: ParticipantId = ParticipantId(0xC);

#[test]
fn the_worker_hears_how_pictures_are_shown_in_slots_that_are_there() {
    let mut room = room_with(&[A]);
    let people = [view(1, 320, 180), view(2, 320, 180), view(0, 0, 180)];
    let screens = [
        View {
            pinned: true,
            spatial: Some(1),
            ..view(0, 1920, 1080)
        },
        view(1, 320, 180),
    ];
    let views = SlotsBy {
        people: &people[..],
        screens: &screens[..],
    };
    let too_early = room.show(A, views);
    room.negotiate(A, session());

    let effects = room.show(A, views);

    assert_eq!(too_early, []);
    let shown = |width, height, is_pinned| {
        Some(Shown {
            size: Size { width, height },
            is_pinned,
        })
    };
    let expected = [
        (3, u8::MAX, shown(320, 180, false)),
        (1, u8::MAX, None),
        (5, 1, shown(1920, 1080, true)),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .flat_map(|(slot, spatial, shown)| commands(SlotId(slot), spatial, shown))
        .collect();
    assert_eq!(effects, expected);
    assert_eq!(room.show(B, views), []);
}

#[test]
fn a_view_repeated_without_end_is_taken_no_more_often_than_there_are_slots() {
    let mut room = room_with(&[A]);
    room.negotiate(A, session());
    let people = vec![view(0, 320, 180); 1000];

    let effects = room.show(
        A,
        SlotsBy {
            people: &people[..],
            screens: &[],
        },
    );

    assert_eq!(effects.len(), 2 * 2);
}

#[test]
fn a_view_that_says_no_size_is_as_large_as_can_be() {
    let text = r#"{"type":"show","people":[{"slot":3,"spatial":1,"later":true}]}"#;

    let message: ClientMessage = serde_json::from_str(text).expect("it is of the protocol");

    let ClientMessage::Show { people, screens } = message else {
        panic!("{message:?}");
    };
    let largest = View {
        spatial: Some(1),
        ..view(3, u16::MAX, u16::MAX)
    };
    assert_eq!((people, screens), (vec![largest], Vec::new()));
}

#[test]
fn who_does_not_get_a_picture_is_told_why_while_both_are_there() {
    let mut room = room_with(&[A, B]);
    let source = PublicationSource::Camera;

    let paused = room.paused(A, B, Source::Camera, PauseReason::SlowConnection);
    let resumed = room.resumed(A, B, Source::Camera);
    room.leave(B, Instant::now());

    let participant_id = B.to_string();
    assert_eq!(
        paused,
        [Effect::Tell(
            A,
            ServerMessage::Paused {
                participant_id: participant_id.clone(),
                source,
                reason: protocol::PauseReason::SlowConnection,
            }
        )]
    );
    assert_eq!(
        resumed,
        [Effect::Tell(
            A,
            ServerMessage::Unpaused {
                participant_id,
                source,
            }
        )]
    );
    assert_eq!(room.resumed(A, B, Source::Camera), []);
    assert_eq!(room.resumed(B, A, Source::Camera), []);
}

#[test]
fn a_publisher_hears_how_much_of_its_picture_is_wanted() {
    let room = room_with(&[A]);
    let told = |wanted| match room.watched(A, Source::Camera, wanted).as_slice() {
        [Effect::Tell(A, ServerMessage::Watched { watched, layer, .. })] => (*watched, *layer),
        other => panic!("{other:?}"),
    };

    assert_eq!(told(Wanted::Nothing), (false, None));
    assert_eq!(told(Wanted::UpTo(1)), (true, Some(1)));
    assert_eq!(told(Wanted::All), (true, None));
    assert_eq!(room.watched(B, Source::Camera, Wanted::All), []);
}

#[test]
fn whose_connection_takes_sound_alone_is_told_and_nobody_else() {
    let mut room = room_with(&[A, B]);

    let begun = room.audio_only(A, true);
    room.leave(A, Instant::now());

    let message = ServerMessage::AudioOnly { audio_only: true };
    assert_eq!(begun, [Effect::Tell(A, message)]);
    assert_eq!(room.audio_only(A, false), []);
}

#[test]
fn a_camera_that_its_owners_connection_does_not_take_is_called_paused_while_it_is_on() {
    let mut room = room_with(&[A, B]);
    let devices = |camera| Devices {
        microphone: true,
        camera,
    };
    room.set_devices(A, devices(true));
    let told = |effects: Vec<Effect>| -> Vec<(ParticipantId, bool, bool)> {
        let updates = effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(to, ServerMessage::ParticipantUpdated { participant }) => {
                assert_eq!(participant.id, A.to_string());
                Some((to, participant.camera, participant.camera_paused))
            }
            _ => None,
        });
        updates.collect()
    };

    let slow = room.set_uplink(A, UplinkCapacity::SoundOnly);
    assert!(slow.contains(&Effect::Media(Command::RateUplink {
        participant: A,
        capacity: Capacity::Paused,
    })));
    assert_eq!(told(slow), [(B, true, true)]);
    assert_eq!(room.set_uplink(A, UplinkCapacity::SoundOnly), []);
    assert_eq!(
        told(room.set_devices(A, devices(false))),
        [(B, false, false)]
    );
    assert_eq!(told(room.set_devices(A, devices(true))), [(B, true, true)]);
    // That it is sent less sharp is not seen by its state.
    assert_eq!(
        told(room.set_uplink(A, UplinkCapacity::Least)),
        [(B, true, false)]
    );
    let whole = room.set_uplink(A, UplinkCapacity::All);
    assert_eq!(told(whole), []);
    assert_eq!(
        room.set_uplink(ParticipantId(99), UplinkCapacity::Least),
        []
    );
}

#[test]
fn all_hear_who_speaks_but_not_of_who_is_muted() {
    let mut room = room_with(&[A, B]);
    let devices = Devices {
        microphone: true,
        camera: true,
    };
    room.set_devices(A, devices);

    let first = room.speak([B, A].into_iter());
    let again = room.speak([A].into_iter());
    let newcomer = room.join(C, Role::Client).expect("there is space");
    room.leave(A, Instant::now());
    let after = room.speak([A].into_iter());

    let of_a = ServerMessage::Speakers {
        participant_ids: vec![A.to_string()],
    };
    let told = |to| Effect::Tell(to, of_a.clone());
    assert_eq!(first, [told(A), told(B)]);
    assert_eq!(again, []);
    assert!(newcomer.contains(&told(C)));
    assert_eq!(after, []);
}

#[test]
fn all_hear_how_good_a_connection_is_and_only_some_of_what_it_suffers() {
    let mut room = room_with(&[]);
    for (id, role) in [(A, Role::Host), (B, Role::Client), (C, Role::Client)] {
        room.join(id, role).expect("there is space");
    }
    let rating = Rating {
        level: Level::Poor,
        cause: Some(Cause::SlowDownlink),
    };
    let of_another_cause = Rating {
        cause: Some(Cause::Delay),
        ..rating
    };

    let effects = room.rate(B, rating);
    let again = room.rate(B, of_another_cause);
    room.leave(C, Instant::now());
    let client = room.join(C, Role::Client).expect("there is space");
    room.leave(A, Instant::now());
    let host = room.join(A, Role::Host).expect("there is space");
    let unknown = room.rate(ParticipantId(0xD), rating);

    let told = |to, cause| {
        let word = ServerMessage::Quality {
            participant_id: B.to_string(),
            level: QualityLevel::Poor,
            cause,
        };
        Effect::Tell(to, word)
    };
    let (slow, late) = (Some(QualityCause::SlowDownlink), Some(QualityCause::Delay));
    assert_eq!(effects, [told(A, slow), told(B, slow), told(C, None)]);
    assert_eq!(again, [told(A, late), told(B, late)]);
    assert!(client.contains(&told(C, None)) && !client.contains(&told(C, late)));
    assert!(host.contains(&told(A, late)));
    assert_eq!(unknown, []);
}

fn view(slot: u16, width: u16, height: u16) -> View {
    View {
        slot,
        width,
        height,
        pinned: false,
        spatial: None,
        temporal: None,
    }
}

fn commands(slot: SlotId, spatial: u8, shown: Option<Shown>) -> [Effect; 2] {
    let limit = Layer {
        spatial,
        temporal: u8::MAX,
    };
    [
        Effect::Media(Command::LimitLayers {
            subscriber: A,
            slot,
            limit,
        }),
        Effect::Media(Command::Show {
            subscriber: A,
            slot,
            shown,
        }),
    ]
}

/// Three fit in, and one screen.
fn room_with(people: &[ParticipantId]) -> Room {
    let size = RoomSize {
        people: 3,
        screens: 1,
    };
    let mut room = Room::new(RoomId(1), size);
    for id in people {
        room.join(*id, Role::Client).expect("there is space");
    }
    room
}

fn session() -> Session {
    negotiated::session(SlotsBy {
        people: 2,
        screens: 1,
    })
}
