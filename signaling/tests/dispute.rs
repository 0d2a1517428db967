//! A change that the others cannot follow is undone, and nobody can undo one
//! that they can.

use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;
use signaling::mls::{Delivery, Invalid, Told};
use signaling::protocol::{ErrorCode, GroupCommit, GroupReport, Opaque, ServerMessage};

const A: ParticipantId = ParticipantId(0xA);
const B: ParticipantId = ParticipantId(0xB);
const C: ParticipantId = ParticipantId(0xC);
const D: ParticipantId = ParticipantId(0xD);
const H: ParticipantId = ParticipantId(0xFF);

/// In ms, as clients have it: who cannot follow says where it is, and later
/// asks for the way.
const REPORT: u64 = 1000;
const RESYNC: u64 = 3000;

#[test]
fn what_nobody_else_can_follow_is_undone_and_its_author_comes_back_as_a_newcomer() {
    let mut room = Room::of(&[A, B, H]);
    let before = room.garbage(H);
    assert_eq!(room.epoch(), before + 1);
    room.refuse(A, before);
    assert_eq!(room.epoch(), before + 1, "one of two is not most of them");
    let told = room.refuse(B, before);

    assert_eq!(room.epoch(), before);
    assert!(told.contains(&(H, ServerMessage::MlsKeyPackageWanted {})));
    assert!(told.iter().any(|(to, message)| *to == H
        && matches!(
            message,
            ServerMessage::Error {
                code: ErrorCode::InvalidGroupMessage,
                fatal: false,
                ..
            }
        )));
    let by_author = room.commit(H, before, "again", &[]);
    assert_eq!(by_author, Err(Invalid::NotAMember));
    let handed = room.delivery.key_package(H, opaque("new-key"), room.now);
    assert!(matches!(
        handed.expect("it is small")[..],
        [(to, ServerMessage::MlsKeyPackage { .. })] if to == A || to == B
    ));
    let added = room.commit(A, before, "good", &[H]).expect("it is valid");
    assert_eq!(added[0], (A, ServerMessage::MlsAccepted { epoch: before }));
    assert!(added.iter().any(|(to, message)| *to == B
        && *message
            == ServerMessage::MlsCommit {
                epoch: before,
                commit: opaque("good")
            }));
}

#[test]
fn who_was_sent_the_undone_change_is_not_sent_it_again() {
    let mut room = Room::of(&[A, B, H]);
    let before = room.garbage(H);
    room.refuse(A, before);
    room.refuse(B, before);

    let told = room.report(A, before, "good", true);

    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn several_changes_in_a_row_put_the_first_not_out_of_reach() {
    let mut room = Room::of(&[A, B, H]);
    let before = room.epoch();
    let mut taken = 0;
    for epoch in before..before + 50 {
        let told = room.commit(H, epoch, "garbage", &[]).expect("it is small");
        taken += usize::from(told[0].1 == ServerMessage::MlsAccepted { epoch });
        room.pass(500);
    }
    assert_eq!(taken, 8, "in 25 s");

    let mut room = Room::of(&[A, B, H]);
    for epoch in before..before + 20 {
        room.commit(H, epoch, "garbage", &[]).expect("it is small");
    }
    room.refuse(A, before);
    room.refuse(B, before);
    assert_eq!(room.epoch(), before);
}

#[test]
fn of_two_who_disagree_the_one_stays_where_both_were_and_none_is_barred() {
    let mut room = Room::of(&[A, H]);
    let before = room.garbage(H);

    let told = room.refuse(A, before);

    assert_eq!(room.epoch(), before);
    assert!(told.contains(&(H, ServerMessage::MlsKeyPackageWanted {})));
    room.commit(A, before, "good", &[H]).expect("it is valid");
    room.arrive(H, before + 1, "good");
    let next = room.commit(H, before + 1, "good", &[]);
    assert_eq!(
        next.expect("it is small")[0],
        (H, ServerMessage::MlsAccepted { epoch: before + 1 })
    );
}

#[test]
fn one_of_two_cannot_keep_somebody_out_by_refusing_whoever_adds_it() {
    let mut room = Room::of(&[A, H]);
    let before = room.epoch();
    room.wait_at_the_door(C);
    room.commit(A, before, "good", &[C]).expect("it is valid");
    room.arrive(C, before + 1, "good");

    room.refuse(H, before);

    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn one_liar_in_a_room_of_three_or_more_undoes_nothing() {
    for members in [&[A, B, H][..], &[A, B, C, H]] {
        let mut room = Room::of(members);
        let before = room.change(A);
        // The honest others are slow: they have said nothing yet.
        room.refuse(H, before);
        room.refuse(H, before);

        assert_eq!(room.epoch(), before + 1);
        let next = room
            .commit(A, before + 1, "good", &[])
            .expect("it is valid");
        assert_eq!(next[0].1, ServerMessage::MlsAccepted { epoch: before + 1 });
    }
}

#[test]
fn several_devices_of_one_person_have_one_voice() {
    let mut room = Room::of(&[A, B, H]);
    for device in [0xF0, 0xF1, 0xF2, 0xF3].map(ParticipantId) {
        room.delivery.introduce(device, "hostile");
        room.wait_at_the_door(device);
        let epoch = room.epoch();
        room.commit(A, epoch, "good", &[device])
            .expect("it is valid");
        room.everybody_follows(&[A, B, H, device]);
    }
    room.delivery.introduce(H, "hostile");
    let before = room.epoch();
    room.pass(31_000);
    room.commit(A, before, "good", &[]).expect("it is valid");

    for device in [0xFF, 0xF0, 0xF1, 0xF2, 0xF3].map(ParticipantId) {
        room.refuse(device, before);
    }

    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn what_most_have_agreed_to_stays() {
    let mut room = Room::of(&[A, B, C, D, H]);
    let before = room.change(A);
    for member in [B, C, D] {
        room.report(member, before + 1, "good", false);
    }
    for member in [B, C, D, H] {
        room.refuse(member, before);
    }
    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn what_was_not_refused_in_time_stays() {
    let mut room = Room::of(&[A, B, C]);
    let before = room.change(A);
    room.pass(31_000);

    room.refuse(B, before);
    room.refuse(C, before);

    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn who_follows_late_takes_its_doubt_back() {
    let mut room = Room::of(&[A, B, C]);
    let before = room.change(A);
    room.refuse(B, before);
    room.report(B, before + 1, "good", false);
    room.refuse(C, before);

    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn who_only_lags_refuses_nothing() {
    let mut room = Room::of(&[A, B, C]);
    let before = room.change(A);
    for _ in 0..5 {
        // Its own state is another than the server's, or not told at all.
        room.pass(1500);
        room.report(B, before, "elsewhere", true);
        room.delivery.resync(C, room.now);
    }
    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn who_joins_again_after_a_restart_has_not_been_sent_what_it_lacks() {
    let mut room = Room::of(&[A, B, C]);
    let before = room.change(A);
    for _ in 0..3 {
        for member in [B, C] {
            let told = room
                .delivery
                .rejoin(member, report(before, "good", true), room.now);
            assert_eq!(told.expect("it is small").len(), 1, "it is fed");
        }
        room.pass(1500);
    }
    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn while_people_come_back_after_a_restart_nothing_is_undone() {
    let mut room = Room::after_a_restart(&[A, B, H], 7);
    room.garbage(H);
    room.refuse(A, 7);
    room.refuse(B, 7);
    assert_eq!(room.epoch(), 8);

    room.pass(10_000);
    room.delivery.resync(A, room.now);
    assert_eq!(room.epoch(), 7);
}

#[test]
fn who_gives_its_place_up_over_a_change_has_refused_it() {
    let mut room = Room::of(&[A, B, H]);
    let before = room.garbage(H);
    for member in [A, B] {
        room.report(member, before, "good", true);
    }
    room.refuse(A, before);
    let told = room.delivery.key_package(B, opaque("key"), room.now);

    assert!(told.is_ok());
    assert_eq!(room.epoch(), before);
}

#[test]
fn whoever_came_in_later_is_for_what_was_changed_before_too() {
    let mut room = Room::of(&[A, B, H]);
    room.delivery.leave(B, room.now);
    let before = room.change(A);
    room.wait_at_the_door(C);
    room.commit(A, before + 1, "good", &[C])
        .expect("it is valid");
    room.arrive(C, before + 2, "good");

    // It is the only one who was to follow the first.
    room.refuse(H, before);

    assert_eq!(room.epoch(), before + 2);
}

#[test]
fn who_gives_its_place_up_at_once_has_refused_nothing() {
    let mut room = Room::of(&[A, H]);
    let before = room.epoch();
    room.wait_at_the_door(C);
    room.commit(A, before, "good", &[C]).expect("it is valid");

    // Before the newcomer can have read its welcome.
    room.report(H, before, "good", true);
    let told = room.delivery.key_package(H, opaque("key"), room.now);

    assert!(told.is_ok());
    assert_eq!(room.epoch(), before + 1);
}

#[test]
fn who_goes_ahead_after_a_restart_puts_nothing_beyond_undoing() {
    let mut room = Room::after_a_restart(&[A, B, H], 7);
    room.garbage(H);
    let ahead = GroupReport {
        commits: vec![opaque("garbage")],
        ..report(9, "garbage", true)
    };
    let told = room.delivery.report(H, ahead, room.now);
    assert!(told.is_ok());
    assert_eq!(room.epoch(), 9);

    room.pass(10_000);
    room.refuse(A, 7);
    room.refuse(B, 7);

    assert_eq!(room.epoch(), 7);
}

#[test]
fn whose_change_most_refused_makes_none_for_a_while_and_each_time_for_longer() {
    let mut room = Room::of(&[A, B, H]);
    for bar in [10, 40] {
        let before = room.garbage(H);
        room.refuse(A, before);
        room.refuse(B, before);
        room.delivery
            .key_package(H, opaque("key"), room.now)
            .expect("it is small");
        room.commit(A, before, "good", &[H]).expect("it is valid");
        room.everybody_follows(&[B, H]);
        room.pass((bar - 5) * 1000);
        room.commit(B, before + 1, "good", &[])
            .expect("it is valid");
        room.everybody_follows(&[A, H]);

        let early = room
            .commit(H, before + 2, "good", &[])
            .expect("it is small");
        assert_eq!(
            early,
            [(H, ServerMessage::MlsRefused { epoch: before + 2 })]
        );
        room.wait_at_the_door(C);
        let claimed = room.delivery.claim(H, [C], room.now);
        assert!(claimed.expect("H is a member").is_empty());
        room.delivery.leave(C, room.now);

        room.pass(10_000);
        let later = room
            .commit(H, before + 2, "good", &[])
            .expect("it is small");
        assert_eq!(later[0].1, ServerMessage::MlsAccepted { epoch: before + 2 });
        room.everybody_follows(&[A, B]);
    }
}

#[test]
fn who_is_barred_commits_still_when_nobody_else_can() {
    let mut room = Room::of(&[A, B, H]);
    let before = room.garbage(H);
    room.refuse(A, before);
    room.refuse(B, before);
    room.delivery
        .key_package(H, opaque("key"), room.now)
        .expect("it is small");
    room.commit(A, before, "good", &[H]).expect("it is valid");
    room.everybody_follows(&[B, H]);
    room.delivery.leave(A, room.now);
    room.delivery.set_away(B, true, room.now);

    let told = room
        .commit(H, before + 1, "good", &[])
        .expect("it is small");

    assert_eq!(told[0].1, ServerMessage::MlsAccepted { epoch: before + 1 });
}

#[test]
fn a_newcomer_has_nothing_to_report() {
    let mut room = Room::of(&[A]);
    room.wait_at_the_door(H);

    let told = room.try_report(H, 5, "garbage", true);

    assert_eq!(told, Err(Invalid::NotAMember));
    assert_eq!(room.epoch(), 0);
    assert_eq!(
        room.delivery.claim(H, [C], room.now),
        Err(Invalid::NotAMember)
    );
    let stranger = room.try_report(D, 5, "garbage", true);
    assert_eq!(stranger, Err(Invalid::NotAMember));
}

#[test]
fn a_group_that_has_just_been_made_gives_way_only_to_one_that_can_be_entered() {
    let mut room = Room::of(&[A]);
    let report = report(5, "garbage", true);
    let told = room.delivery.rejoin(H, report.clone(), room.now);
    assert!(matches!(
        told.expect("it is small")[..],
        [(A, ServerMessage::MlsGroupInfo { epoch: 5, .. })]
    ));

    room.pass(2000);
    let told = room.delivery.resync(A, room.now);

    assert_eq!(room.epoch(), 0);
    assert!(
        told.contains(&(A, ServerMessage::MlsCreate {})),
        "A tells where it is"
    );
    assert!(told.contains(&(H, ServerMessage::MlsKeyPackageWanted {})));

    let mut room = Room::of(&[A]);
    room.delivery
        .rejoin(H, report.clone(), room.now)
        .expect("it is small");
    room.delivery
        .key_package(A, opaque("key"), room.now)
        .expect("it is small");
    assert_eq!(room.epoch(), 5, "A goes over to it");

    let mut room = Room::of(&[A]);
    room.pass(12_000);
    room.delivery
        .rejoin(H, report, room.now)
        .expect("it is small");
    assert_eq!(room.epoch(), 0, "nobody was here before it");
}

#[test]
fn more_people_who_wait_in_vain_than_are_inside_make_another_group() {
    let mut room = Room::of(&[H]);
    for newcomer in [A, B] {
        room.wait_at_the_door(newcomer);
    }
    let mut made = Vec::new();
    for _ in 0..5 {
        for newcomer in [A, B] {
            let told = room.delivery.key_package(newcomer, opaque("key"), room.now);
            let told = told.expect("it is small");
            made.extend(
                told.into_iter()
                    .filter(|(_, message)| *message == ServerMessage::MlsCreate {}),
            );
        }
        room.pass(3000);
    }

    assert_eq!(made.len(), 1);
    let creator = made[0].0;
    assert!(creator == A || creator == B);
    room.report(creator, 0, "new", true);
    assert!(room.delivery.claim(creator, [A, B, H], room.now).is_ok());

    let mut room = Room::of(&[H]);
    room.wait_at_the_door(A);
    for _ in 0..10 {
        room.delivery
            .key_package(A, opaque("key"), room.now)
            .expect("it is small");
        room.pass(3000);
    }
    assert_eq!(room.epoch(), 0, "one is not more than one");
}

#[test]
fn a_member_makes_few_commits_a_second() {
    let mut room = Room::of(&[A, B]);
    let mut taken = 0;
    for _ in 0..200 {
        let epoch = room.epoch();
        let told = room.commit(A, epoch, "good", &[]).expect("it is small");
        if told[0].1 == (ServerMessage::MlsAccepted { epoch }) {
            taken += 1;
            room.everybody_follows(&[B]);
        }
        room.pass(50);
    }
    assert!((28..=31).contains(&taken), "{taken} in 10 s");
}

#[test]
fn a_welcome_is_bounded_in_size_and_age() {
    let mut room = Room::of(&[A]);
    room.wait_at_the_door(B);
    let mut large = commit(0, "good", &[B]);
    large.welcome = Some(opaque(&"A".repeat(65 * 1024)));
    let told = room.delivery.commit(A, large, Some(&[B]), room.now);
    assert_eq!(told, Err(Invalid::TooLarge("welcome")));

    room.commit(A, 0, "good", &[B]).expect("it is valid");
    room.pass(61_000);
    room.commit(A, 1, "good", &[]).expect("it is valid");

    let told = room.delivery.resync(B, room.now);
    assert!(matches!(
        told[..],
        [(B, ServerMessage::MlsGroupInfo { .. })]
    ));
}

struct Room {
    delivery: Delivery,
    now: Instant,
}

impl Room {
    /// All are in, the first made the group.
    fn of(members: &[ParticipantId]) -> Self {
        let mut room = Self {
            delivery: Delivery::default(),
            now: Instant::now(),
        };
        room.wait_at_the_door(members[0]);
        room.report(members[0], 0, "good", true);
        for (epoch, member) in (0..).zip(&members[1..]) {
            room.wait_at_the_door(*member);
            room.commit(members[0], epoch, "good", &[*member])
                .expect("it is valid");
            room.everybody_follows(members);
        }
        room
    }

    /// All came back in the same epoch, and changes are taken again.
    fn after_a_restart(members: &[ParticipantId], epoch: u32) -> Self {
        let mut room = Self {
            delivery: Delivery::default(),
            now: Instant::now(),
        };
        for member in members {
            let said = report(epoch, "good", true);
            let told = room.delivery.rejoin(*member, said, room.now);
            assert_eq!(told, Ok(Vec::new()));
        }
        room.pass(1500);
        room
    }

    fn epoch(&self) -> u32 {
        self.delivery.epoch().expect("there is a group")
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn wait_at_the_door(&mut self, id: ParticipantId) {
        let key_package = Some(opaque(&format!("key-of-{id}")));
        self.delivery
            .join(id, key_package, self.now)
            .expect("it is small");
    }

    fn commit(
        &mut self,
        by: ParticipantId,
        epoch: u32,
        text: &str,
        added: &[ParticipantId],
    ) -> Result<Vec<Told>, Invalid> {
        self.delivery
            .commit(by, commit(epoch, text, added), Some(added), self.now)
    }

    /// A change that nobody can follow, after this epoch.
    fn garbage(&mut self, by: ParticipantId) -> u32 {
        let epoch = self.epoch();
        let told = self.commit(by, epoch, "garbage", &[]).expect("it is small");
        assert_eq!(told[0], (by, ServerMessage::MlsAccepted { epoch }));
        epoch
    }

    /// A change that all can follow, after this epoch.
    fn change(&mut self, by: ParticipantId) -> u32 {
        let epoch = self.epoch();
        self.commit(by, epoch, "good", &[]).expect("it is valid");
        epoch
    }

    /// Does what a client does that cannot follow what came after `epoch`.
    fn refuse(&mut self, id: ParticipantId, epoch: u32) -> Vec<Told> {
        let start = self.now;
        self.pass(REPORT);
        let _ = self.try_report(id, epoch, "good", true);
        self.pass(RESYNC - REPORT);
        let told = self.delivery.resync(id, self.now);
        // Members do so at one time.
        self.now = start;
        told
    }

    fn report(&mut self, id: ParticipantId, epoch: u32, text: &str, asks: bool) -> Vec<Told> {
        self.try_report(id, epoch, text, asks)
            .expect("it may report")
    }

    fn try_report(
        &mut self,
        id: ParticipantId,
        epoch: u32,
        text: &str,
        asks: bool,
    ) -> Result<Vec<Told>, Invalid> {
        self.delivery
            .report(id, report(epoch, text, asks), self.now)
    }

    fn arrive(&mut self, id: ParticipantId, epoch: u32, text: &str) {
        self.report(id, epoch, text, false);
    }

    fn everybody_follows(&mut self, members: &[ParticipantId]) {
        let epoch = self.epoch();
        for member in members {
            let _ = self.try_report(*member, epoch, "good", false);
        }
    }
}

fn commit(epoch: u32, text: &str, added: &[ParticipantId]) -> GroupCommit {
    GroupCommit {
        epoch,
        leaf: 0,
        commit: opaque(text),
        welcome: (!added.is_empty()).then(|| opaque("welcome")),
        added: added.iter().map(ToString::to_string).collect(),
        group_info: opaque("group-info"),
        transcript_hash: hash(epoch + 1, text),
    }
}

fn report(epoch: u32, text: &str, asks: bool) -> GroupReport {
    GroupReport {
        epoch,
        transcript_hash: hash(epoch, text),
        leaf: 0,
        group_info: asks.then(|| opaque("group-info")),
        commits: Vec::new(),
    }
}

fn hash(epoch: u32, text: &str) -> Opaque {
    opaque(&format!("hash-{epoch}-{text}"))
}

fn opaque(text: &str) -> Opaque {
    text.to_owned().try_into().expect("it is base64url")
}
