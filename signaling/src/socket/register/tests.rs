use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::transport::Fingerprint;
use sfu::worker::command::Command;

use super::*;
use crate::audit::{Action, AuditLog};
use crate::clinic::example::{admission, session};
use crate::clinic::{Clinic, ClinicSettings, Session, sessions};
use crate::protocol::Role;
use crate::relays::NoRelays;
use crate::room::{Consent, SessionPolicy};
use crate::store::tables::OPEN_ROOMS;
use crate::store::{Store, StoreError};

const ANN: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);

#[test]
fn who_lingers_after_the_room_has_ended_counts_where_it_was() {
    let mut register = register();
    join(&mut register, ANN, "r");
    join(&mut register, BEN, "r");
    // Ann's media is lost, and her socket takes its time.
    register.update(ANN, |room| room.media_disconnected(ANN, Instant::now()));
    register.leave(BEN);
    assert_eq!(register.loads, [1, 0]);
    join(&mut register, CAT, "r");
    assert_eq!(register.loads, [1, 1]);

    register.leave(ANN);

    assert_eq!(register.loads, [0, 1]);
    assert_eq!(register.rooms(), 1);
    register.leave(CAT);
    assert_eq!(register.loads, [0, 0]);
    assert_eq!(register.rooms(), 0);
    assert!(register.names.is_empty());
}

#[test]
fn a_room_that_has_ended_is_not_taken_for_another_of_its_name() {
    let mut register = register();
    join(&mut register, ANN, "r");
    let before = RoomId(register.next_room - 1);
    register.leave(ANN);
    join(&mut register, BEN, "r");
    let present = RoomId(register.next_room - 1);
    let mut seen = Vec::new();

    for room in [before, present] {
        register.update_room(room, |_| {
            seen.push(room);
            Vec::new()
        });
    }

    assert_eq!(seen, [present]);
}

#[test]
fn who_lingers_in_no_room_still_ends_its_count() {
    let mut register = register();
    join(&mut register, ANN, "r");
    join(&mut register, BEN, "r");
    register.update(ANN, |room| room.media_disconnected(ANN, Instant::now()));
    register.leave(BEN);
    assert_eq!(register.rooms(), 0);

    register.leave(ANN);

    assert_eq!(register.loads, [0, 0]);
    assert_eq!(register.participants(), 0);
}

#[test]
fn who_came_before_a_session_was_opened_comes_in_by_its_rules() {
    for is_told in [true, false] {
        let (mut register, clinic) = register_of_clinic();
        join(&mut register, ANN, "r");
        let session = Session {
            waiting_room: true,
            ..session("r")
        };
        let now = UnixTime::now();
        let opened = clinic.store().write(|w| sessions::open(w, &session, now));
        opened.expect("the store takes it");

        if is_told {
            register.supersede("r", Some(session.id.as_str()));
            assert!(register.live("r").is_empty());
        }
        join(&mut register, BEN, "r");

        assert!(register.stays[&ANN].outbox.is_closed());
        assert!(register.live("r").is_empty(), "Ben waits");
        assert_eq!(register.waiting("r")[0].id, BEN);
        register.leave(ANN);
        assert_eq!(register.rooms(), 1);
    }
}

#[test]
fn when_all_have_left_a_meeting_is_over_though_somebody_waits_at_the_door() {
    let policy = SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    };
    let (mut register, clinic) = register_by(policy);
    let [host, client, other] =
        [(Role::Host, "h"), (Role::Client, "t"), (Role::Client, "u")].map(bearer);
    let admission = client.admission.clone();
    register
        .join(ANN, host.clone(), Outbox::new())
        .expect("it may");
    register
        .join(CAT, client.clone(), Outbox::new())
        .expect("it may");
    let admit = ClientMessage::Admit {
        participant_ids: vec![CAT.to_string()],
    };
    let order = register.request(ANN, admit).expect("Cat waits");
    register.conclude(order, true);
    register.join(BEN, other, Outbox::new()).expect("it may");
    assert!(register.is_in(CAT) && !register.is_in(BEN));
    let is_known = |after: u64| {
        let entry = clinic.enter(&admission, UnixTime(UnixTime::now().0 + after));
        entry.expect("it may").standing.is_admitted
    };
    wait_until(|| is_known(3_600));

    register.leave(CAT);
    assert!(is_known(3_600));
    register.leave(ANN);

    assert!(!is_known(3_600));
    assert!(is_known(60));
    // As if that time had passed.
    let is_forgotten = clinic.store().write(|w| {
        let name = w.name(&["open room", "r"]);
        w.remove(&OPEN_ROOMS, &name)
    });
    assert_eq!(is_forgotten, Ok::<_, StoreError>(()));
    register.join(ANN, host, Outbox::new()).expect("it may");
    register.join(CAT, client, Outbox::new()).expect("it may");
    assert!(register.is_in(ANN));
    assert!(!register.is_in(CAT), "she was let in to another meeting");
}

#[test]
fn what_was_done_is_in_the_log_though_all_have_left_before_it_was_on_disk() {
    let consent = Consent {
        version: "1".into(),
        text: "I agree.".into(),
    };
    let (version, hash) = (consent.version.clone(), consent.hash());
    let (mut register, _) = register_by(SessionPolicy {
        consent: Some(consent),
        ..SessionPolicy::default()
    });
    let audit = Arc::new(Audit::default());
    register.audit = audit.clone();
    join(&mut register, ANN, "r");
    let accept = ClientMessage::AcceptConsent {
        hash: URL_SAFE_NO_PAD.encode(hash),
    };
    let order = register.request(ANN, accept).expect("it is the text");

    register.leave(ANN);
    register.conclude(order, true);

    let events = audit.0.lock().expect("nobody panics");
    let last = events.last().expect("there is one");
    assert_eq!(last.action, Action::AcceptConsent { version, hash });
    assert!(matches!(&last.actor, Actor::Person(by) if by.participant == ANN));
    assert_eq!(last.room_name, "r");
}

#[derive(Default, Debug)]
struct Audit(std::sync::Mutex<Vec<AuditEvent>>);

impl AuditSink for Audit {
    fn record(&self, event: &AuditEvent) {
        let mut events = self.0.lock().expect("nobody panics");
        events.push(event.clone());
    }
}

struct TwoWorkers(WorkerAddress);

impl MediaPlane for TwoWorkers {
    fn workers(&self) -> usize {
        2
    }

    fn address(&self, _worker: usize) -> &WorkerAddress {
        &self.0
    }

    fn send(&self, _worker: usize, _command: Command) {}
}

fn register() -> Register {
    register_of_clinic().0
}

fn register_of_clinic() -> (Register, Arc<Clinic>) {
    register_by(SessionPolicy::default())
}

/// With the rules of rooms that nobody opened.
fn register_by(open_rooms: SessionPolicy) -> (Register, Arc<Clinic>) {
    let plane = TwoWorkers(WorkerAddress {
        candidates: Vec::new(),
        tcp_candidates: Vec::new(),
        ufrag_prefix: String::new(),
        fingerprint: Fingerprint([7; 32]),
    });
    let size = RoomSize {
        people: 3,
        screens: 1,
    };
    let settings = RegisterSettings {
        size,
        limits: Limits::default(),
        resume_window: Duration::ZERO,
        host_permissions: Permissions::of(Role::Host),
        second_device: SecondDevice::Allow,
        relay_credentials: Duration::from_hours(1),
    };
    let rules = ClinicSettings {
        require_session: false,
        open_rooms,
        retention: Duration::from_hours(1),
    };
    let sessions = Arc::new(Clinic::new(Arc::new(Store::in_memory()), rules));
    let plane = Arc::new(plane);
    let (audit, relays) = (Arc::new(AuditLog), Arc::new(NoRelays));
    let register = Register::new(plane, sessions.clone(), audit, relays, settings);
    (register, sessions)
}

fn bearer((role, token_id): (Role, &str)) -> Bearer {
    let admission = Admission {
        subject: token_id.into(),
        token_id: token_id.into(),
        role,
        ..admission("r")
    };
    Bearer {
        admission,
        permissions: Permissions::of(role),
        entrance: None,
        host: None,
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "it never is");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn join(register: &mut Register, id: ParticipantId, room: &str) {
    let bearer = Bearer {
        admission: admission(room),
        permissions: Permissions::of(Role::Client),
        entrance: None,
        host: None,
    };
    register
        .join(id, bearer, Outbox::new())
        .expect("there is room");
}
