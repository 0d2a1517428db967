//! Who is seen where, told to clients and to the media plane alike.

mod negotiated;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sfu::identity::{MediaKind, ParticipantId, RoomId, SlotId, Source};
use sfu::rtp::sframe_header::SframeKey;
use sfu::rtp::{Codec, PayloadType, Ssrc};
use sfu::worker::command::{CodecParameters, Command, ExpectedFrames, Slot};
use signaling::SlotsBy;
use signaling::access::Permissions;
use signaling::protocol::{
    AudioCodec, ErrorCode, GroupCommit, GroupReport, Opaque, Role, ServerMessage, SlotAssignment,
    VideoCodec,
};
use signaling::room::{Arrival, Devices, Effect, Entrance, Room, RoomFull, RoomSize, Session};

const A: ParticipantId = ParticipantId(0xA);
const B: ParticipantId = ParticipantId(0xB);
const C: ParticipantId = ParticipantId(0xC);

#[test]
fn a_newcomer_learns_who_is_there_and_in_which_slot() {
    let mut room = room(3);
    join(&mut room, A);
    room.join(B, Role::Client).expect("there is space");

    let effects = join(&mut room, C);

    let ServerMessage::Joined {
        participants,
        slots,
        ..
    } = &told(&effects, C)[0]
    else {
        panic!("joined comes first");
    };
    let there: Vec<_> = participants
        .iter()
        .map(|other| (other.id.as_str(), other.camera))
        .collect();
    assert_eq!(
        there,
        [("000000000000000a", true), ("000000000000000b", false)]
    );
    assert_eq!(*slots, 2);
    assert_eq!(assignments(&effects, C), [(0, Some(A)), (1, Some(B))]);
    assert_eq!(assignments(&effects, A), [(1, Some(C))]);
}

#[test]
fn a_full_room_takes_nobody_until_somebody_leaves() {
    let mut room = room(2);
    join(&mut room, A);
    join(&mut room, B);

    assert_eq!(room.join(C, Role::Client), Err(RoomFull));

    room.leave(A, Instant::now());
    assert!(room.join(C, Role::Client).is_ok());
}

#[test]
fn media_flows_only_between_those_who_have_negotiated() {
    let mut room = room(3);
    join(&mut room, A);
    join(&mut room, B);

    let first = room.negotiate(A, session(2));
    assert!(fed(&first).is_empty());

    let second = room.negotiate(B, session(2));
    assert_eq!(
        fed(&second),
        [
            (B, SlotId(0), Some((A, Source::Microphone))),
            (B, SlotId(1), Some((A, Source::Camera))),
            (A, SlotId(0), Some((B, Source::Microphone))),
            (A, SlotId(1), Some((B, Source::Camera))),
        ]
    );
}

#[test]
fn the_worker_hears_of_a_participant_before_it_is_told_of_its_media() {
    let mut room = room(2);
    join(&mut room, A);

    let effects = room.negotiate(A, session(1));

    assert!(matches!(
        effects[..],
        [
            Effect::Media(Command::Join { participant: A, .. }),
            Effect::Media(Command::Negotiate { participant: A, .. }),
            Effect::Tell(A, ServerMessage::Answer { .. }),
        ]
    ));
    let again = room.negotiate(A, session(1));
    assert!(matches!(
        again[..],
        [
            Effect::Media(Command::Negotiate { .. }),
            Effect::Tell(A, ServerMessage::Answer { .. }),
        ]
    ));
}

#[test]
fn a_screen_is_in_the_same_slot_for_all_but_its_sharer() {
    let mut room = full_of_negotiated(&[A, B, C]);

    let effects = room.share_screen(B);

    assert_eq!(
        fed(&effects),
        [
            (A, SlotId(4), Some((B, Source::ScreenAudio))),
            (A, SlotId(5), Some((B, Source::Screen))),
            (C, SlotId(4), Some((B, Source::ScreenAudio))),
            (C, SlotId(5), Some((B, Source::Screen))),
        ]
    );
    for id in [A, B, C] {
        assert_eq!(screens(&effects, id), [(0, Some(B))]);
    }
    let again = room.share_screen(B);
    assert!(fed(&again).is_empty());
    assert_eq!(screens(&again, B), [(0, Some(B))]);
    assert!(told(&again, A).is_empty());
}

#[test]
fn one_screen_too_many_is_refused_until_one_is_stopped() {
    let mut room = full_of_negotiated(&[A, B, C]);
    room.share_screen(A);
    room.share_screen(B);

    let refused = room.share_screen(C);
    assert!(matches!(
        &refused[..],
        [Effect::Tell(
            C,
            ServerMessage::Error {
                code: ErrorCode::ScreensFull,
                fatal: false,
                ..
            }
        )]
    ));

    let stopped = room.stop_screen_share(A);
    assert_eq!(
        fed(&stopped),
        [
            (B, SlotId(4), None),
            (B, SlotId(5), None),
            (C, SlotId(4), None),
            (C, SlotId(5), None),
        ]
    );
    assert_eq!(screens(&stopped, A), [(0, None)]);
    assert_eq!(screens(&room.share_screen(C), A), [(0, Some(C))]);
    assert!(
        room.stop_screen_share(A).is_empty(),
        "it has none any longer"
    );
}

#[test]
fn a_newcomer_is_shown_the_screens_that_are_shared() {
    let mut room = full_of_negotiated(&[A]);
    room.share_screen(A);

    let joined = join(&mut room, B);
    assert_eq!(screens(&joined, B), [(0, Some(A))]);

    let negotiated = room.negotiate(B, session(2));
    assert_eq!(
        fed_to(&negotiated, B),
        [SlotId(0), SlotId(1), SlotId(4), SlotId(5)]
    );
}

#[test]
fn a_share_begun_before_its_sharer_can_send_is_fed_then() {
    let mut room = full_of_negotiated(&[A]);
    join(&mut room, B);
    assert!(fed(&room.share_screen(B)).is_empty());

    let negotiated = room.negotiate(B, session(2));

    assert!(fed(&negotiated).contains(&(A, SlotId(5), Some((B, Source::Screen)))));
}

#[test]
fn who_offered_no_screen_slots_is_fed_no_screen() {
    let mut room = full_of_negotiated(&[A]);
    join(&mut room, B);
    let mut plain = session(2);
    plain.slots.screens = 0;
    room.negotiate(B, plain);

    let effects = room.share_screen(A);

    assert!(fed(&effects).is_empty());
}

#[test]
fn whoever_leaves_takes_the_screen_along() {
    let mut room = full_of_negotiated(&[A, B]);
    room.share_screen(A);

    let effects = room.leave(A, Instant::now());

    assert_eq!(screens(&effects, B), [(0, None)]);
    assert!(fed(&effects).contains(&(B, SlotId(5), None)));
    assert!(told(&effects, A).is_empty());
}

#[test]
fn all_are_told_which_codecs_everybody_decodes() {
    let decoding = |codecs: &[Codec]| {
        let mut session = session(1);
        let slot = |codecs: &[Codec], number| Slot {
            slot: SlotId(number),
            mid: number.to_string(),
            kind: MediaKind::Video,
            ssrc: Ssrc(number.into()),
            rtx_ssrc: None,
            dependency_descriptor: false,
            codecs: codecs
                .iter()
                .map(|codec| CodecParameters {
                    codec: *codec,
                    payload_type: PayloadType(96),
                    rtx: None,
                })
                .collect(),
        };
        session.media.slots = vec![slot(codecs, 1), slot(codecs, 3)];
        session
    };
    let codecs = |effects: &[Effect], to| {
        let told = told(effects, to)
            .into_iter()
            .filter_map(|message| match message {
                ServerMessage::VideoCodecs { codecs } => Some(codecs),
                _ => None,
            });
        told.collect::<Vec<_>>()
    };
    let mut room = room(3);
    for id in [A, B, C] {
        join(&mut room, id);
    }

    let alone = room.negotiate(A, decoding(&[Codec::Vp9, Codec::Vp8]));
    let same = room.negotiate(B, decoding(&[Codec::Av1, Codec::Vp8, Codec::Vp9]));
    let fewer = room.negotiate(C, decoding(&[Codec::Vp8]));
    let more = room.leave(C, Instant::now());

    let (both, one) = (
        vec![VideoCodec::Vp9, VideoCodec::Vp8],
        vec![VideoCodec::Vp8],
    );
    assert_eq!(codecs(&alone, A), vec![both.clone()]);
    assert_eq!(codecs(&same, A), Vec::<Vec<_>>::new());
    assert_eq!(codecs(&same, B), vec![both.clone()]);
    for id in [A, B, C] {
        assert_eq!(codecs(&fewer, id), vec![one.clone()]);
    }
    for id in [A, B] {
        assert_eq!(codecs(&more, id), vec![both.clone()]);
    }
}

#[test]
fn all_are_told_of_red_before_somebody_without_it_can_receive() {
    let hearing = |codecs: &[Codec]| {
        let mut session = session(1);
        session.media.slots = vec![Slot {
            slot: SlotId(0),
            mid: "0".into(),
            kind: MediaKind::Audio,
            ssrc: Ssrc(1),
            rtx_ssrc: None,
            dependency_descriptor: false,
            codecs: codecs
                .iter()
                .map(|codec| CodecParameters {
                    codec: *codec,
                    payload_type: PayloadType(111),
                    rtx: None,
                })
                .collect(),
        }];
        session
    };
    let codecs = |effects: &[Effect], to| {
        let told = told(effects, to)
            .into_iter()
            .filter_map(|message| match message {
                ServerMessage::AudioCodecs { codecs } => Some(codecs),
                _ => None,
            });
        told.collect::<Vec<_>>()
    };
    let mut room = room(3);
    for id in [A, B, C] {
        join(&mut room, id);
    }

    let both = hearing(&[Codec::Opus, Codec::Red]);
    let alone = room.negotiate(A, both.clone());
    let same = room.negotiate(B, both);
    let fewer = room.negotiate(C, hearing(&[Codec::Opus]));
    let more = room.leave(C, Instant::now());

    let (red, plain) = (
        vec![AudioCodec::Opus, AudioCodec::Red],
        vec![AudioCodec::Opus],
    );
    assert_eq!(codecs(&alone, A), vec![red.clone()]);
    assert_eq!(codecs(&same, A), Vec::<Vec<_>>::new());
    assert_eq!(codecs(&same, B), vec![red.clone()]);
    for id in [A, B, C] {
        assert_eq!(codecs(&fewer, id), vec![plain.clone()]);
    }
    let place = |is_wanted: fn(&ServerMessage) -> bool| {
        let wanted = |effect: &Effect| matches!(effect, Effect::Tell(_, of) if is_wanted(of));
        fewer.iter().position(wanted)
    };
    assert!(
        place(|of| matches!(of, ServerMessage::AudioCodecs { .. }))
            < place(|of| matches!(of, ServerMessage::Answer { .. }))
    );
    for id in [A, B] {
        assert_eq!(codecs(&more, id), vec![red.clone()]);
    }
}

#[test]
fn slots_offered_later_are_fed_then() {
    let mut room = room(3);
    join(&mut room, A);
    room.negotiate(A, session(2));
    join(&mut room, B);
    room.negotiate(B, session(2));
    join(&mut room, C);
    let few = room.negotiate(C, session(1));
    assert_eq!(fed_to(&few, C), [SlotId(0), SlotId(1)]);

    let more = room.negotiate(C, session(2));

    assert_eq!(fed_to(&more, C), [SlotId(2), SlotId(3)]);
    assert_eq!(fed(&more).len(), 2);
}

#[test]
fn an_ice_restart_concerns_nobody_else_and_is_known_before_it_is_answered() {
    let mut room = full_of_negotiated(&[A, B]);
    let restart = Session {
        restarts_ice: true,
        ..session(2)
    };

    let effects = room.negotiate(A, restart);

    assert_eq!(told(&effects, B), []);
    assert_eq!(fed(&effects), []);
    let place = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted);
    let told_worker = place(&|effect| {
        matches!(
            effect,
            Effect::Media(Command::RestartIce { participant: A, .. })
        )
    });
    let answered = place(&|effect| matches!(effect, Effect::Tell(A, ServerMessage::Answer { .. })));
    assert!(told_worker.is_some() && told_worker < answered);
    assert!(!effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Media(Command::Join { .. } | Command::Leave { .. })
        )
    }));
}

#[test]
fn a_leaver_empties_its_slots_at_once() {
    let mut room = room(2);
    join(&mut room, A);
    room.negotiate(A, session(1));
    join(&mut room, B);
    room.negotiate(B, session(1));

    let effects = room.leave(B, Instant::now());

    assert_eq!(fed(&effects), [(A, SlotId(0), None), (A, SlotId(1), None)]);
    assert_eq!(assignments(&effects, A), [(0, None)]);
    assert!(effects.contains(&Effect::Tell(
        A,
        ServerMessage::ParticipantLeft {
            participant_id: B.to_string()
        }
    )));
    assert!(effects.contains(&Effect::Media(Command::Leave { participant: B })));
    assert!(room.leave(B, Instant::now()).is_empty());
    room.leave(A, Instant::now());
    assert!(room.is_empty());
}

#[test]
fn lost_media_ends_the_stay_with_its_reason() {
    let mut room = room(2);
    join(&mut room, A);
    room.negotiate(A, session(1));
    join(&mut room, B);

    let effects = room.media_disconnected(A, Instant::now());

    let last = &effects[effects.len() - 2..];
    assert!(matches!(
        last,
        [
            Effect::Tell(
                A,
                ServerMessage::Error {
                    code: ErrorCode::MediaDisconnected,
                    fatal: true,
                    ..
                }
            ),
            Effect::Close(A),
        ]
    ));
    assert_eq!(assignments(&effects, B), [(0, None)]);
    assert!(room.media_disconnected(A, Instant::now()).is_empty());
}

#[test]
fn devices_are_told_to_others_when_they_change() {
    let mut room = room(3);
    room.join(A, Role::Client).expect("there is space");
    join(&mut room, B);

    let effects = room.set_devices(A, on());

    assert!(told(&effects, A).is_empty());
    let [ServerMessage::ParticipantUpdated { participant }] = &told(&effects, B)[..] else {
        panic!("one update is told");
    };
    assert!(participant.microphone && participant.camera);
    assert!(room.set_devices(A, on()).is_empty());
}

#[test]
fn what_is_off_is_passed_on_to_nobody_whatever_comes() {
    let mut room = full_of_negotiated(&[A, B]);
    let sources = |effects: &[Effect]| {
        let fed = effects.iter().filter_map(|effect| match effect {
            Effect::Media(Command::Assign {
                subscriber: B,
                slot,
                source,
            }) => Some((slot.0, source.is_some())),
            _ => None,
        });
        fed.collect::<Vec<_>>()
    };
    let devices = |microphone, camera| Devices { microphone, camera };

    let quiet = room.set_devices(A, devices(false, true));
    let dark = room.set_devices(A, devices(false, false));
    let both = room.set_devices(A, devices(true, true));

    assert_eq!(sources(&quiet), [(0, false)]);
    assert_eq!(sources(&dark), [(1, false)]);
    assert_eq!(sources(&both), [(0, true), (1, true)]);
}

/// Random joins, offers, leaves and losses, seen as a client and as a worker
/// see them: both follow the messages only, and must agree at each step.
#[test]
fn everyone_is_in_one_slot_of_everyone_else() {
    for seed in 1..=200 {
        let mut random = Random(seed * 0x9E37_79B9);
        let capacity = 2 + random.below(7);
        let mut room = room(capacity);
        let mut reference = Reference::new(capacity);
        let mut next = 1;
        for _ in 0..120 {
            let somebody = reference.pick(&mut random);
            match (random.below(7), somebody) {
                (0 | 1, _) => {
                    let id = ParticipantId(next);
                    next += 1;
                    match room.join(id, Role::Client) {
                        Ok(effects) => {
                            reference.seen.insert(id, BTreeMap::new());
                            reference.screens.insert(id, BTreeMap::new());
                            reference.follow(&effects);
                            room.set_devices(id, on());
                        }
                        Err(RoomFull) => {
                            assert_eq!(reference.seen.len(), usize::from(capacity));
                        }
                    }
                }
                (2 | 3, Some(id)) => {
                    let effects = room.negotiate(id, session(capacity - 1));
                    reference.follow(&effects);
                }
                (4, Some(id)) => {
                    let effects = room.share_screen(id);
                    reference.follow(&effects);
                }
                (5, Some(id)) => {
                    let effects = room.stop_screen_share(id);
                    reference.follow(&effects);
                }
                (_, Some(id)) => {
                    let effects = if random.below(2) == 0 {
                        room.leave(id, Instant::now())
                    } else {
                        room.media_disconnected(id, Instant::now())
                    };
                    reference.forget(id);
                    reference.follow(&effects);
                }
                (_, None) => {}
            }
            reference.check();
        }
    }
}

struct Reference {
    capacity: u16,
    /// Each client's slots as it was told.
    seen: BTreeMap<ParticipantId, BTreeMap<u16, ParticipantId>>,
    /// Each client's screen slots as it was told.
    screens: BTreeMap<ParticipantId, BTreeMap<u16, ParticipantId>>,
    /// The worker's participants, and who feeds which media section.
    at_worker: BTreeSet<ParticipantId>,
    fed: BTreeMap<(ParticipantId, SlotId), (ParticipantId, Source)>,
}

impl Reference {
    fn new(capacity: u16) -> Self {
        Self {
            capacity,
            seen: BTreeMap::new(),
            screens: BTreeMap::new(),
            at_worker: BTreeSet::new(),
            fed: BTreeMap::new(),
        }
    }

    fn pick(&self, random: &mut Random) -> Option<ParticipantId> {
        let count = u16::try_from(self.seen.len()).expect("a room is small");
        let nth = random.below(count.max(1));
        self.seen.keys().nth(usize::from(nth)).copied()
    }

    fn forget(&mut self, id: ParticipantId) {
        self.seen.remove(&id);
        self.screens.remove(&id);
    }

    fn follow(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Tell(id, ServerMessage::Screens { assignments }) => {
                    let slots = self.screens.get_mut(id).expect("only those there are told");
                    for assignment in assignments {
                        match &assignment.participant_id {
                            Some(other) => slots.insert(assignment.slot, parse(other)),
                            None => slots.remove(&assignment.slot),
                        };
                    }
                }
                Effect::Tell(id, ServerMessage::Slots { assignments }) => {
                    let slots = self.seen.get_mut(id).expect("only those there are told");
                    for SlotAssignment {
                        slot,
                        participant_id,
                    } in assignments
                    {
                        let before = slots.remove(slot);
                        match participant_id {
                            Some(other) => {
                                assert_eq!(before, None, "a slot in use is not given away");
                                slots.insert(*slot, parse(other));
                            }
                            None => assert!(before.is_some(), "an empty slot is not emptied"),
                        }
                    }
                }
                Effect::Media(Command::Join { participant, .. }) => {
                    assert!(self.at_worker.insert(*participant));
                }
                Effect::Media(Command::Assign {
                    subscriber,
                    slot,
                    source,
                }) => {
                    assert!(self.at_worker.contains(subscriber));
                    match source {
                        Some(source) => {
                            assert!(self.at_worker.contains(&source.0));
                            self.fed.insert((*subscriber, *slot), *source);
                        }
                        None => {
                            self.fed.remove(&(*subscriber, *slot));
                        }
                    }
                }
                Effect::Media(Command::Leave { participant }) => {
                    assert!(self.at_worker.remove(participant));
                    self.fed
                        .retain(|(subscriber, _), _| subscriber != participant);
                }
                _ => {}
            }
        }
    }

    fn check(&self) {
        let everyone: BTreeSet<_> = self.seen.keys().copied().collect();
        for (id, slots) in &self.seen {
            let shown: BTreeSet<_> = slots.values().copied().collect();
            assert_eq!(shown.len(), slots.len(), "nobody is shown twice");
            let mut others = everyone.clone();
            others.remove(id);
            assert_eq!(shown, others, "all others are shown, and nobody else");
            assert!(slots.keys().all(|slot| *slot < self.capacity - 1));
        }
        let first = self.screens.values().next();
        for screens in self.screens.values() {
            assert_eq!(Some(screens), first, "all are told of the same screens");
            let sharers: BTreeSet<_> = screens.values().copied().collect();
            assert_eq!(sharers.len(), screens.len(), "one screen each");
            assert!(sharers.is_subset(&everyone));
            assert!(screens.keys().all(|slot| *slot < SCREENS));
        }
        let mut expected = BTreeMap::new();
        for (subscriber, screens) in &self.screens {
            for (slot, sharer) in screens {
                let mut ends = [subscriber, sharer].into_iter();
                if subscriber != sharer && ends.all(|end| self.at_worker.contains(end)) {
                    let pair = self.capacity - 1 + slot;
                    let audio = (*subscriber, SlotId(pair * 2));
                    let video = (*subscriber, SlotId(pair * 2 + 1));
                    expected.insert(audio, (*sharer, Source::ScreenAudio));
                    expected.insert(video, (*sharer, Source::Screen));
                }
            }
        }
        for (subscriber, slots) in &self.seen {
            for (slot, publisher) in slots {
                if self.at_worker.contains(subscriber) && self.at_worker.contains(publisher) {
                    let audio = (*subscriber, SlotId(slot * 2));
                    let video = (*subscriber, SlotId(slot * 2 + 1));
                    expected.insert(audio, (*publisher, Source::Microphone));
                    expected.insert(video, (*publisher, Source::Camera));
                }
            }
        }
        assert_eq!(
            self.fed, expected,
            "the worker shows what clients were told"
        );
    }
}

/// Marsaglia's xorshift: a seed is one run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from(self.0 % u64::from(bound)).expect("the bound is a u16")
    }
}

fn room(capacity: u16) -> Room {
    let size = RoomSize {
        people: capacity,
        screens: SCREENS,
    };
    Room::new(RoomId(1), size)
}

fn full_of_negotiated(people: &[ParticipantId]) -> Room {
    let mut room = room(3);
    for id in people {
        join(&mut room, *id);
        room.negotiate(*id, session(2));
    }
    room
}

fn join(room: &mut Room, id: ParticipantId) -> Vec<Effect> {
    let effects = room.join(id, Role::Client).expect("there is space");
    room.set_devices(id, on());
    effects
}

fn on() -> Devices {
    Devices {
        microphone: true,
        camera: true,
    }
}

fn session(slots: u16) -> Session {
    negotiated::session(SlotsBy {
        people: slots,
        screens: SCREENS,
    })
}

const SCREENS: u16 = 2;

fn told(effects: &[Effect], to: ParticipantId) -> Vec<ServerMessage> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell(id, message) if *id == to => Some(message.clone()),
            _ => None,
        })
        .collect()
}

fn assignments(effects: &[Effect], to: ParticipantId) -> Vec<(u16, Option<ParticipantId>)> {
    told(effects, to)
        .into_iter()
        .filter_map(|message| match message {
            ServerMessage::Slots { assignments } => Some(assignments),
            _ => None,
        })
        .flatten()
        .map(|assignment| {
            let participant = assignment.participant_id.as_deref().map(parse);
            (assignment.slot, participant)
        })
        .collect()
}

fn screens(effects: &[Effect], to: ParticipantId) -> Vec<(u16, Option<ParticipantId>)> {
    told(effects, to)
        .into_iter()
        .filter_map(|message| match message {
            ServerMessage::Screens { assignments } => Some(assignments),
            _ => None,
        })
        .flatten()
        .map(|assignment| {
            let participant = assignment.participant_id.as_deref().map(parse);
            (assignment.slot, participant)
        })
        .collect()
}

type Feed = (ParticipantId, SlotId, Option<(ParticipantId, Source)>);

fn fed(effects: &[Effect]) -> Vec<Feed> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Media(Command::Assign {
                subscriber,
                slot,
                source,
            }) => Some((*subscriber, *slot, *source)),
            _ => None,
        })
        .collect()
}

fn fed_to(effects: &[Effect], subscriber: ParticipantId) -> Vec<SlotId> {
    fed(effects)
        .into_iter()
        .filter(|(id, _, _)| *id == subscriber)
        .map(|(_, slot, _)| slot)
        .collect()
}

fn parse(id: &str) -> ParticipantId {
    ParticipantId(u64::from_str_radix(id, 16).expect("ids are hexadecimal"))
}

#[test]
fn the_worker_knows_a_new_epoch_before_any_member_does() {
    let now = Instant::now();
    let mut room = room(2);
    join(&mut room, A);
    room.deliver(A, |delivery| delivery.join(A, Some(opaque("key")), now));
    let early = room.deliver(A, |delivery| delivery.report(A, report(0), now));
    assert!(early.is_empty(), "the worker does not know A yet");

    let negotiated = room.negotiate(A, session(1));
    assert!(matches!(
        negotiated[..2],
        [
            Effect::Media(Command::Join { .. }),
            Effect::Media(Command::ExpectFrames {
                participant: A,
                frames: ExpectedFrames::Key(SframeKey { leaf: 4, epoch: 0 }),
            }),
        ]
    ));

    let committed = room.deliver(A, |delivery| delivery.commit(A, commit(0), Some(&[]), now));

    assert!(matches!(
        committed[..],
        [
            Effect::Media(Command::ExpectFrames {
                frames: ExpectedFrames::Key(SframeKey { leaf: 4, epoch: 1 }),
                ..
            }),
            Effect::Tell(A, ServerMessage::MlsAccepted { epoch: 0 }),
        ]
    ));
}

#[test]
fn of_one_who_encrypts_nothing_is_passed_on_before_it_is_in_the_group() {
    let now = Instant::now();
    let mut room = room(3);
    let arrive = |room: &mut Room, id, entrance| {
        let effects = room.arrive(arrival(id, entrance), now);
        effects.expect("the room is open");
        expected(&room.negotiate(id, session(2)))
    };
    let key = |leaf, epoch| ExpectedFrames::Key(SframeKey { leaf, epoch });

    let first = arrive(&mut room, A, Some(Entrance::KeyPackage(None)));
    assert_eq!(first, [(A, ExpectedFrames::Nothing)]);
    let made = room.deliver(A, |delivery| delivery.report(A, report(0), now));
    assert_eq!(expected(&made), [(A, key(4, 0))]);
    let second = arrive(&mut room, B, Some(Entrance::KeyPackage(None)));
    assert_eq!(second, [(B, ExpectedFrames::Nothing)]);
    let plain = arrive(&mut room, C, None);
    assert_eq!(plain, [], "it does not encrypt, where that is allowed");

    let commit = GroupCommit {
        welcome: Some(opaque("welcome")),
        added: vec![B.to_string()],
        ..commit(0)
    };
    let added = room.deliver(A, |delivery| delivery.commit(A, commit, Some(&[B]), now));
    assert_eq!(
        expected(&added),
        [(A, key(4, 1)), (B, ExpectedFrames::Epoch(1))],
    );

    // It wants to be added anew.
    let later = now + Duration::from_secs(10);
    let lost = room.deliver(B, |delivery| delivery.key_package(B, opaque("key"), later));
    assert_eq!(expected(&lost), [], "its last keys hold");
}

#[test]
fn of_one_who_comes_back_frames_pass_under_the_key_that_it_had() {
    let now = Instant::now();
    let mut room = room(2);
    let back = |epoch, hash| {
        Some(Entrance::Report(GroupReport {
            transcript_hash: opaque(hash),
            ..report(epoch)
        }))
    };
    room.arrive(arrival(A, back(7, "hash")), now)
        .expect("the room is open");
    room.arrive(arrival(B, back(6, "older")), now)
        .expect("the room is open");

    let expected = expected(&room.negotiate(B, session(1)));

    let key = |epoch| (B, ExpectedFrames::Key(SframeKey { leaf: 4, epoch }));
    assert_eq!(expected, [key(6), key(7)]);
}

fn expected(effects: &[Effect]) -> Vec<(ParticipantId, ExpectedFrames)> {
    let expected = effects.iter().filter_map(|effect| match effect {
        Effect::Media(Command::ExpectFrames {
            participant,
            frames,
        }) => Some((*participant, *frames)),
        _ => None,
    });
    expected.collect()
}

fn arrival(id: ParticipantId, entrance: Option<Entrance>) -> Arrival {
    Arrival {
        permissions: Permissions::of(Role::Client),
        entrance,
        ..Arrival::new(id, Role::Host)
    }
}

fn commit(epoch: u32) -> GroupCommit {
    GroupCommit {
        epoch,
        leaf: 4,
        commit: opaque("commit"),
        welcome: None,
        added: Vec::new(),
        group_info: opaque("info"),
        transcript_hash: opaque("hash1"),
    }
}

fn report(epoch: u32) -> GroupReport {
    GroupReport {
        epoch,
        transcript_hash: opaque("hash"),
        leaf: 4,
        group_info: None,
        commits: Vec::new(),
    }
}

fn opaque(text: &str) -> Opaque {
    text.to_owned().try_into().expect("it is base64url")
}
