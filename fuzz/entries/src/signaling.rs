//! Messages of several sockets into one room, with a worker behind it. Each
//! line of an input is one happening: its first byte says whose and of what
//! kind, the rest is the message's text.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use dtls::certificate;
use sfu::identity::{ParticipantId, RoomId};
use sfu::rtcp::WallClock;
use sfu::transport::DtlsConfig;
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::Command;
use sfu::worker::{Footprint, Worker};
use signaling::SlotsBy;
use signaling::protocol::{
    ClientMessage, GroupReport, Opaque, Role, ServerMessage, SlotAssignment,
};
use signaling::room::{Devices, Effect, Room, RoomSize, Session};
use signaling::sdp::Negotiation;

use crate::session_description::{check_answer, negotiation};

/// Plays an input's happenings; in the end everybody leaves.
pub fn run(data: &[u8]) {
    let mut sockets = KEPT.take().unwrap_or_else(Sockets::new);
    for line in data.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let Some((first, text)) = line.split_first() else {
            continue;
        };
        let socket = usize::from(first & 3);
        match first & 0x4C {
            0x40 => sockets.lose_socket(socket, true),
            0x44 => sockets.lose_socket(socket, false),
            0x08 | 0x48 => sockets.vanish(socket),
            0x0C | 0x4C => sockets.lose_media(socket),
            _ => sockets.handle(socket, &String::from_utf8_lossy(text)),
        }
        sockets.check_views();
    }
    for socket in 0..SOCKETS {
        sockets.vanish(socket);
    }
    assert!(sockets.room.is_empty());
    assert_eq!(sockets.worker.footprint(), Footprint::default());
    KEPT.set(Some(sockets));
}

/// Forgets the worker.
pub fn reset() {
    KEPT.take();
}

thread_local! {
    static KEPT: RefCell<Option<Sockets>> = const { RefCell::new(None) };
}

/// The room's people by their sockets, and the worker that has the room.
struct Sockets {
    room: Room,
    worker: Worker,
    now: Instant,
    stays: [Option<Stay>; SOCKETS],
    joins: u64,
    batch: TransmitBatch,
}

struct Stay {
    id: ParticipantId,
    negotiation: Negotiation,
    /// Who is where, as the client was told.
    others: BTreeSet<String>,
    slots: BTreeMap<u16, String>,
    screens: BTreeMap<u16, String>,
}

impl Sockets {
    fn new() -> Self {
        let now = Instant::now();
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let dtls = DtlsConfig::new(certificate).expect("valid settings");
        Self {
            room: Room::new(RoomId(1), SIZE),
            worker: Worker::new(now, dtls, WallClock::new(now, 1 << 40)),
            now,
            stays: [const { None }; SOCKETS],
            joins: 0,
            batch: TransmitBatch::new(),
        }
    }

    fn handle(&mut self, socket: usize, text: &str) {
        let Ok(message) = serde_json::from_str::<ClientMessage>(text) else {
            return;
        };
        let Some(stay) = &mut self.stays[socket] else {
            if let ClientMessage::Join {
                token,
                key_package,
                group,
                ..
            } = message
            {
                self.join(socket, &token);
                self.enter(socket, key_package, group);
            }
            return;
        };
        let id = stay.id;
        let effects = match message {
            ClientMessage::Offer {
                sdp,
                publications,
                slots,
                screen_slots,
            } => match stay.negotiation.answer(
                &sdp,
                &publications,
                SlotsBy {
                    people: &slots,
                    screens: &screen_slots,
                },
            ) {
                Ok(negotiated) => {
                    check_answer(&sdp, &negotiated);
                    let session = Session {
                        answer: negotiated.answer,
                        transport: negotiated.transport,
                        restarts_ice: negotiated.restarts_ice,
                        media: negotiated.media,
                        slots: negotiated.slots,
                    };
                    self.room.negotiate(id, session)
                }
                Err(refusal) => {
                    assert!(refusal.to_string().len() < 200);
                    return;
                }
            },
            ClientMessage::Media { microphone, camera } => {
                self.room.set_devices(id, Devices { microphone, camera })
            }
            ClientMessage::ShareScreen {} => self.room.share_screen(id),
            ClientMessage::StopScreenShare {} => self.room.stop_screen_share(id),
            ClientMessage::Leave {} => return self.vanish(socket),
            ClientMessage::Join { .. }
            | ClientMessage::Resume { .. }
            | ClientMessage::TestNetwork { .. }
            | ClientMessage::Ack { .. } => return,
            group => self.deliver(id, group),
        };
        self.apply(effects);
    }

    fn join(&mut self, socket: usize, token: &str) {
        self.joins += 1;
        let id = ParticipantId(self.joins);
        let role = match token.len() % 5 {
            0 => Role::Host,
            1 => Role::CoHost,
            2 => Role::Client,
            3 => Role::Observer,
            _ => Role::Interpreter,
        };
        let Ok(effects) = self.room.join(id, role) else {
            let present = self.stays.iter().flatten().count();
            assert_eq!(present, usize::from(SIZE.people));
            return;
        };
        self.stays[socket] = Some(Stay {
            id,
            negotiation: negotiation(socket as u32 + 1, SIZE.slots()),
            others: BTreeSet::new(),
            slots: BTreeMap::new(),
            screens: BTreeMap::new(),
        });
        self.apply(effects);
    }

    /// Brings a newcomer to the group, as its join asks.
    fn enter(&mut self, socket: usize, key_package: Option<Opaque>, group: Option<GroupReport>) {
        let Some(id) = self.stays[socket].as_ref().map(|stay| stay.id) else {
            return;
        };
        let now = self.now;
        let effects = match group {
            Some(report) => self
                .room
                .deliver(id, |delivery| delivery.rejoin(id, report, now)),
            None => self
                .room
                .deliver(id, |delivery| delivery.join(id, key_package, now)),
        };
        self.apply(effects);
    }

    /// Hands a message about the group to the room.
    fn deliver(&mut self, id: ParticipantId, message: ClientMessage) -> Vec<Effect> {
        let now = self.now;
        self.room.deliver(id, |delivery| match message {
            ClientMessage::MlsKeyPackage { key_package } => {
                delivery.key_package(id, key_package, now)
            }
            ClientMessage::MlsClaim { participant_ids } => {
                let wanted = participant_ids.iter();
                delivery.claim(id, wanted.filter_map(|id| participant_id(id)), now)
            }
            ClientMessage::MlsCommit(commit) => {
                let added = commit.added.iter();
                let added: Option<Vec<_>> = added.map(|id| participant_id(id)).collect();
                delivery.commit(id, commit, added.as_deref(), now)
            }
            ClientMessage::MlsReport(report) => delivery.report(id, report, now),
            ClientMessage::MlsMessage { message } => delivery.message(id, &message),
            _ => Ok(delivery.resync(id, now)),
        })
    }

    fn vanish(&mut self, socket: usize) {
        if let Some(stay) = self.stays[socket].take() {
            let effects = self.room.leave(stay.id, self.now);
            self.apply(effects);
        }
    }

    /// A socket goes away for a while, or comes back.
    fn lose_socket(&mut self, socket: usize, is_lost: bool) {
        if let Some(stay) = &self.stays[socket] {
            let id = stay.id;
            let effects = self.room.set_reconnecting(id, is_lost, self.now);
            self.apply(effects);
        }
    }

    fn lose_media(&mut self, socket: usize) {
        let Some(stay) = &self.stays[socket] else {
            return;
        };
        let participant = stay.id;
        self.worker
            .handle_command(self.now, Command::Leave { participant });
        let effects = self.room.media_disconnected(participant, self.now);
        self.apply(effects);
        assert!(self.stays[socket].is_none(), "the socket was not closed");
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Tell(id, message) => {
                    let text = serde_json::to_string(&message).expect("it can be written");
                    let again: ServerMessage = serde_json::from_str(&text).expect("it reads back");
                    assert_eq!(again, message);
                    self.tell(id, message);
                }
                Effect::Audit { .. } | Effect::CutOff(_) => {}
                Effect::Media(command) => self.worker.handle_command(self.now, command),
                Effect::Close(id) => {
                    for stay in &mut self.stays {
                        if stay.as_ref().is_some_and(|stay| stay.id == id) {
                            *stay = None;
                        }
                    }
                }
            }
        }
        self.batch.clear();
        self.worker.poll_transmit(self.now, &mut self.batch);
        assert!(self.batch.is_empty(), "nobody has a path");
        assert!(self.worker.poll_event().is_none());
    }

    fn tell(&mut self, id: ParticipantId, message: ServerMessage) {
        let mut stays = self.stays.iter_mut().flatten();
        let stay = stays
            .find(|stay| stay.id == id)
            .expect("only those who are there are told");
        match message {
            ServerMessage::Joined { participants, .. } => {
                stay.others = participants.into_iter().map(|other| other.id).collect();
            }
            ServerMessage::ParticipantJoined { participant } => {
                assert!(stay.others.insert(participant.id), "joined twice");
            }
            ServerMessage::ParticipantUpdated { participant } => {
                assert!(stay.others.contains(&participant.id));
            }
            ServerMessage::ParticipantLeft { participant_id } => {
                assert!(stay.others.remove(&participant_id), "left twice");
            }
            ServerMessage::Slots { assignments } => follow(&mut stay.slots, assignments),
            ServerMessage::Screens { assignments } => follow(&mut stay.screens, assignments),
            _ => {}
        }
    }

    /// Each client knows the others, and has each in one slot.
    fn check_views(&self) {
        let ids: BTreeSet<String> = self
            .stays
            .iter()
            .flatten()
            .map(|stay| stay.id.to_string())
            .collect();
        for stay in self.stays.iter().flatten() {
            let mut known = stay.others.clone();
            known.insert(stay.id.to_string());
            assert_eq!(known, ids);
            let seen: BTreeSet<_> = stay.slots.values().cloned().collect();
            assert_eq!(seen, stay.others);
            assert_eq!(stay.slots.len(), stay.others.len());
            assert!(stay.slots.keys().all(|slot| *slot < SIZE.people - 1));
            let sharers: BTreeSet<_> = stay.screens.values().cloned().collect();
            assert_eq!(sharers.len(), stay.screens.len(), "one screen each");
            assert!(sharers.is_subset(&ids));
            assert!(stay.screens.keys().all(|slot| *slot < SIZE.screens));
        }
    }
}

fn follow(slots: &mut BTreeMap<u16, String>, assignments: Vec<SlotAssignment>) {
    for assignment in assignments {
        match assignment.participant_id {
            Some(other) => slots.insert(assignment.slot, other),
            None => slots.remove(&assignment.slot),
        };
    }
}

fn participant_id(text: &str) -> Option<ParticipantId> {
    u64::from_str_radix(text, 16).ok().map(ParticipantId)
}

const SOCKETS: usize = 4;
/// One fewer than there are sockets, so that one finds the room full.
const SIZE: RoomSize = RoomSize {
    people: 3,
    screens: 2,
};
const MOST_LINES: usize = 64;

pub const DICTIONARY: &[&[u8]] = &[
    b"\n0{\"type\":\"join\",\"token\":\"a\"}\n",
    b"\n1{\"type\":\"join\",\"token\":\"ab\"}\n",
    b"\n2{\"type\":\"join\",\"token\":\"abc\"}\n",
    b"\n3{\"type\":\"join\",\"token\":\"abcd\"}\n",
    b"\n0{\"type\":\"media\",\"microphone\":true,\"camera\":false}\n",
    b"\n1{\"type\":\"leave\"}\n",
    b"\n0{\"type\":\"share-screen\"}\n",
    b"\n1{\"type\":\"share-screen\"}\n",
    b"\n2{\"type\":\"share-screen\"}\n",
    b"\n0{\"type\":\"stop-screen-share\"}\n",
    b"\n8\n",
    b"\n@\n",
    b"\nD\n",
    b"\n<\n",
    b"\"type\":\"offer\"",
    b"\"publications\":[]",
    b"\"slots\":[]",
    b"{\"audio\":\"2\",\"video\":\"3\"}",
    b"{\"mid\":\"0\",\"source\":\"microphone\"}",
    b"\\r\\n",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"1e999",
    b"null",
    b"a=mid:0\\r\\n",
    b"a=ssrc:1 cname:x\\r\\n",
];
