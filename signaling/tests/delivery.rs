//! The group's messages: one commit an epoch, each key package once, and
//! everything learned back from members.

use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;
use signaling::mls::{Delivery, Invalid, Told};
use signaling::protocol::{GroupCommit, GroupReport, Opaque, ServerMessage};

const A: ParticipantId = ParticipantId(0xA);
const B: ParticipantId = ParticipantId(0xB);
const C: ParticipantId = ParticipantId(0xC);
const D: ParticipantId = ParticipantId(0xD);

#[test]
fn the_first_to_come_makes_the_group() {
    let now = Instant::now();
    let mut delivery = Delivery::default();

    let first = join(&mut delivery, A, now);
    let second = join(&mut delivery, B, now);

    assert_eq!(first, [(A, ServerMessage::MlsCreate {})]);
    assert!(second.is_empty());
    assert_eq!(delivery.epoch(), None);
}

#[test]
fn another_makes_the_group_when_the_first_leaves_or_does_nothing() {
    let now = Instant::now();
    let mut delivery = Delivery::default();
    join(&mut delivery, A, now);
    join(&mut delivery, B, now);

    let left = delivery.leave(A, now);
    assert_eq!(left, [(B, ServerMessage::MlsCreate {})]);

    let late = join(&mut delivery, C, now + Duration::from_secs(4));
    assert_eq!(late, [(C, ServerMessage::MlsCreate {})]);
}

#[test]
fn a_newcomer_is_welcomed_by_whoever_claimed_it() {
    let now = Instant::now();
    let mut delivery = group_of_one(now);
    join(&mut delivery, B, now);

    let claimed = delivery.claim(A, [B], now).expect("A is a member");
    assert_eq!(
        claimed,
        [(
            A,
            ServerMessage::MlsKeyPackage {
                participant_id: B.to_string(),
                key_package: key_package(B),
            }
        )]
    );
    assert!(delivery.claim(C, [B], now).is_err());

    let accepted = delivery
        .commit(A, commit(0, &[B]), Some(&[B]), now)
        .expect("it is valid");
    assert_eq!(
        accepted,
        [
            (A, ServerMessage::MlsAccepted { epoch: 0 }),
            (
                B,
                ServerMessage::MlsWelcome {
                    welcome: opaque("welcome")
                }
            ),
        ]
    );
    assert_eq!(delivery.epoch(), Some(1));
}

#[test]
fn of_two_commits_in_one_epoch_the_second_is_refused() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B, C], now);
    let epoch = delivery.epoch().expect("there is a group");

    let first = delivery.commit(A, commit(epoch, &[]), Some(&[]), now);
    let second = delivery.commit(B, commit(epoch, &[]), Some(&[]), now);

    let first = first.expect("it is valid");
    assert_eq!(first[0], (A, ServerMessage::MlsAccepted { epoch }));
    assert_eq!(
        first[1..]
            .iter()
            .map(|(to, message)| (*to, matches!(message, ServerMessage::MlsCommit { .. })))
            .collect::<Vec<_>>(),
        [(B, true), (C, true)]
    );
    let current = epoch + 1;
    assert_eq!(
        second.expect("it is well-formed"),
        [(B, ServerMessage::MlsRefused { epoch: current })]
    );
    let future = delivery.commit(B, commit(current + 1, &[]), Some(&[]), now);
    assert_eq!(
        future.expect("it is well-formed"),
        [(B, ServerMessage::MlsRefused { epoch: current })]
    );
}

#[test]
fn where_a_member_is_in_the_tree_is_known_from_its_own_word() {
    let now = Instant::now();
    let mut delivery = group_of_one(now);
    join(&mut delivery, B, now);
    assert_eq!(place(&delivery, A), Some((Some(0), 0)));
    assert_eq!(place(&delivery, B), None);

    let mut change = commit(0, &[B]);
    change.leaf = 3;
    delivery
        .commit(A, change, Some(&[B]), now)
        .expect("it is valid");
    assert_eq!(place(&delivery, A), Some((Some(3), 1)));
    assert_eq!(place(&delivery, B), Some((None, 1)));

    let report = GroupReport {
        leaf: 1,
        group_info: None,
        ..asking(1)
    };
    delivery.report(B, report, now).expect("it is valid");
    assert_eq!(place(&delivery, B), Some((Some(1), 1)));
}

#[test]
fn a_commit_that_adds_somebody_who_left_is_tried_again() {
    let now = Instant::now();
    let mut delivery = group_of_one(now);
    join(&mut delivery, B, now);
    delivery.claim(A, [B], now).expect("A is a member");
    delivery.leave(B, now);

    let told = delivery.commit(A, commit(0, &[B]), Some(&[B]), now);

    assert_eq!(
        told.expect("it is well-formed"),
        [(A, ServerMessage::MlsRefused { epoch: 0 })]
    );
}

#[test]
fn what_does_not_fit_is_an_error_and_changes_nothing() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch().expect("there is a group");
    join(&mut delivery, C, now);

    let by_nobody = delivery.commit(D, commit(epoch, &[]), Some(&[]), now);
    assert_eq!(by_nobody, Err(Invalid::NotAMember));
    let by_newcomer = delivery.commit(C, commit(epoch, &[]), Some(&[]), now);
    assert_eq!(by_newcomer, Err(Invalid::NotAMember));
    let of_a_member = delivery.commit(A, commit(epoch, &[B]), Some(&[B]), now);
    let refused = vec![(A, ServerMessage::MlsRefused { epoch })];
    assert_eq!(of_a_member, Ok(refused));
    let of_no_form = delivery.commit(A, commit(epoch, &[C]), None, now);
    assert_eq!(of_no_form, Err(Invalid::NotAnId));
    let mut unwelcome = commit(epoch, &[C]);
    unwelcome.welcome = None;
    let unwelcome = delivery.commit(A, unwelcome, Some(&[C]), now);
    assert_eq!(unwelcome, Err(Invalid::WelcomeMismatch));
    let mut large = commit(epoch, &[]);
    large.commit = opaque(&"A".repeat(65 * 1024));
    let large = delivery.commit(A, large, Some(&[]), now);
    assert_eq!(large, Err(Invalid::TooLarge("commit")));
    assert_eq!(
        delivery.message(C, &opaque("text")),
        Err(Invalid::NotAMember)
    );
    assert_eq!(
        delivery.message(A, &opaque(&"A".repeat(25 * 1024))),
        Err(Invalid::TooLarge("message"))
    );
    assert_eq!(delivery.epoch(), Some(epoch));
}

#[test]
fn a_message_goes_to_all_other_members_and_to_no_newcomer() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B, C], now);
    join(&mut delivery, D, now);

    let told = delivery.message(B, &opaque("text")).expect("B is a member");

    let message = ServerMessage::MlsMessage {
        message: opaque("text"),
    };
    assert_eq!(told, [(A, message.clone()), (C, message)]);
}

#[test]
fn who_missed_up_to_eight_commits_is_fed_and_who_missed_more_must_resync() {
    let mut now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let start = delivery.epoch().expect("there is a group");
    for epoch in start..start + 9 {
        now += Duration::from_secs(4);
        delivery
            .commit(A, commit(epoch, &[]), Some(&[]), now)
            .expect("it is valid");
    }

    let fed = delivery
        .report(B, asking(start + 1), now)
        .expect("it is valid");
    let epochs: Vec<_> = fed
        .iter()
        .map(|(to, message)| match message {
            ServerMessage::MlsCommit { epoch, .. } => (*to, *epoch),
            other => panic!("{other:?} is no commit"),
        })
        .collect();
    assert_eq!(
        epochs,
        (start + 1..start + 9)
            .map(|epoch| (B, epoch))
            .collect::<Vec<_>>()
    );

    let lost = delivery.report(B, asking(start), now).expect("it is valid");
    assert!(matches!(
        lost[..],
        [(B, ServerMessage::MlsGroupInfo { epoch, .. })] if epoch == start + 9
    ));
}

#[test]
fn a_member_that_only_says_where_it_is_gets_no_copy_of_what_is_under_way() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch().expect("there is a group");
    delivery
        .commit(A, commit(epoch, &[]), Some(&[]), now)
        .expect("it is valid");

    let mut report = asking(epoch);
    report.group_info = None;

    assert!(
        delivery
            .report(B, report, now)
            .expect("it is valid")
            .is_empty()
    );
}

#[test]
fn after_a_restart_the_highest_epoch_wins_and_the_others_follow() {
    let now = Instant::now();
    let mut delivery = Delivery::default();

    let first = delivery.rejoin(A, asking(7), now).expect("it is valid");
    let early = delivery.commit(A, commit(7, &[]), Some(&[]), now);
    let higher = delivery
        .rejoin(B, asking(9), now + Duration::from_millis(500))
        .expect("it is valid");
    let same = delivery
        .rejoin(C, asking(9), now + Duration::from_millis(600))
        .expect("it is valid");

    assert!(first.is_empty());
    assert_eq!(
        early.expect("it is well-formed"),
        [(A, ServerMessage::MlsRefused { epoch: 7 })]
    );
    assert!(matches!(
        higher[..],
        [(A, ServerMessage::MlsGroupInfo { epoch: 9, .. })]
    ));
    assert!(same.is_empty());
    let settled = delivery
        .commit(C, commit(9, &[]), Some(&[]), now + Duration::from_secs(2))
        .expect("it is valid");
    assert_eq!(settled[0], (C, ServerMessage::MlsAccepted { epoch: 9 }));
}

#[test]
fn later_on_nobody_can_claim_an_epoch_that_nobody_else_knows() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch();

    let told = delivery.report(B, asking(1_000), now).expect("it is valid");

    assert_eq!(delivery.epoch(), epoch);
    assert!(matches!(
        told[..],
        [(B, ServerMessage::MlsGroupInfo { .. })]
    ));
}

#[test]
fn of_two_branches_of_one_epoch_the_first_to_be_told_of_stays() {
    let now = Instant::now();
    let mut delivery = Delivery::default();
    delivery.rejoin(A, asking(7), now).expect("it is valid");
    let mut forked = asking(7);
    forked.transcript_hash = opaque("another");

    let told = delivery.rejoin(B, forked, now).expect("it is valid");

    assert!(matches!(
        told[..],
        [(B, ServerMessage::MlsGroupInfo { epoch: 7, .. })]
    ));
}

#[test]
fn a_group_that_all_have_left_is_forgotten() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    join(&mut delivery, C, now);

    delivery.leave(A, now);
    let last = delivery.leave(B, now);

    assert_eq!(last, [(C, ServerMessage::MlsCreate {})]);
    assert_eq!(delivery.epoch(), None);
}

#[test]
fn a_welcome_that_was_lost_comes_again_until_the_newcomer_is_in() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch().expect("there is a group");
    join(&mut delivery, C, now);
    delivery
        .commit(A, commit(epoch, &[C]), Some(&[C]), now)
        .expect("it is valid");

    let again = delivery.resync(C, now);
    assert!(matches!(again[..], [(C, ServerMessage::MlsWelcome { .. })]));

    let mut arrived = asking(epoch + 1);
    arrived.group_info = None;
    delivery.report(C, arrived, now).expect("it is valid");
    let inside = delivery.resync(C, now);
    assert!(matches!(
        inside[..],
        [(C, ServerMessage::MlsGroupInfo { .. })]
    ));
}

#[test]
fn who_waits_in_vain_is_brought_to_one_member_after_the_other() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch().expect("there is a group");
    let inside = GroupReport {
        leaf: 1,
        ..asking(epoch)
    };
    delivery.report(B, inside, now).expect("it is valid");
    join(&mut delivery, C, now);

    let mut sponsors = Vec::new();
    for _ in 0..3 {
        let told = delivery.key_package(C, key_package(C), now);
        for (to, message) in told.expect("it is valid") {
            assert!(matches!(message, ServerMessage::MlsKeyPackage { .. }));
            sponsors.push(to);
        }
    }

    assert_eq!(sponsors, [A, B, A]);
    delivery.set_away(B, true, now);
    let told = delivery.key_package(C, key_package(C), now);
    assert_eq!(told.expect("it is valid")[0].0, A);
}

#[test]
fn nobody_waits_for_long_for_members_without_a_socket() {
    let now = Instant::now();
    let mut delivery = group_of_one(now);
    delivery.set_away(A, true, now);

    let soon = join(&mut delivery, B, now + Duration::from_secs(1));
    let later = delivery.key_package(B, key_package(B), now + Duration::from_secs(3));

    assert!(soon.is_empty());
    assert_eq!(
        later.expect("it is valid"),
        [(B, ServerMessage::MlsCreate {})]
    );
    delivery
        .report(B, asking(0), now + Duration::from_secs(3))
        .expect("it is valid");
    delivery.set_away(A, false, now);
    let back = delivery.report(A, asking(0), now + Duration::from_secs(4));
    assert!(back.is_ok());
    assert_eq!(delivery.epoch(), Some(0));
}

#[test]
fn a_question_that_crossed_its_welcome_changes_nothing() {
    let now = Instant::now();
    let mut delivery = group_of(&[A, B], now);
    let epoch = delivery.epoch().expect("there is a group");
    join(&mut delivery, C, now);
    delivery
        .commit(A, commit(epoch, &[C]), Some(&[C]), now)
        .expect("it is valid");

    let crossed = delivery.key_package(C, key_package(C), now + Duration::from_secs(1));

    assert!(crossed.expect("it is valid").is_empty());
    let claimed = delivery.claim(A, [C], now).expect("A is a member");
    assert!(claimed.is_empty());
    let lost = now + Duration::from_secs(4);
    delivery
        .key_package(C, key_package(C), lost)
        .expect("it is valid");
    let claimed = delivery.claim(A, [C], lost).expect("A is a member");
    assert_eq!(claimed.len(), 1);
}

#[test]
fn after_a_restart_laggards_are_fed_with_what_the_others_bring() {
    let now = Instant::now();
    let mut delivery = Delivery::default();
    delivery.rejoin(A, asking(7), now).expect("it is valid");

    let bringing = |epoch: u32, from: u32| GroupReport {
        commits: (from..epoch).map(|made| commit(made, &[]).commit).collect(),
        ..asking(epoch)
    };
    let told = delivery.rejoin(B, bringing(9, 6), now);
    assert_eq!(
        told.expect("it is valid"),
        [7, 8].map(|made| (A, feed(made)))
    );
    let told = delivery.rejoin(C, asking(8), now + Duration::from_secs(5));
    assert_eq!(told.expect("it is valid"), [(C, feed(8))]);

    let late = delivery.rejoin(D, bringing(10, 9), now + Duration::from_secs(5));
    let fed = late.expect("it is valid");
    assert_eq!(fed, [A, B, C].map(|member| (member, feed(9))));
    let too_late = delivery.rejoin(A, bringing(11, 10), now + Duration::from_secs(30));
    assert!(matches!(
        too_late.expect("it is valid")[..],
        [(A, ServerMessage::MlsGroupInfo { epoch: 10, .. })]
    ));
}

/// Whatever is said in whatever order: epochs go up one by one, each by one
/// commit, and no key package is seen by two.
#[test]
fn whatever_is_said_there_is_one_commit_an_epoch_and_one_reader_a_key_package() {
    for seed in 1..=200 {
        let mut random = Random(seed);
        let mut now = Instant::now();
        let mut delivery = Delivery::default();
        let everyone = [A, B, C, D];
        let mut given = 0_u32;
        let mut seen = std::collections::BTreeMap::new();
        let mut last = None;
        let mut restarted = false;
        for _ in 0..300 {
            now += Duration::from_millis(random.below(400));
            let who = everyone[usize::try_from(random.below(4)).expect("it is small")];
            let epoch = delivery.epoch().unwrap_or(0);
            let epoch = epoch.saturating_sub(u32::from(random.below(4) == 0));
            let mut fresh = || {
                given += 1;
                opaque(&format!("key-{given}"))
            };
            let told: Vec<Told> = match random.below(9) {
                0 => delivery.join(who, Some(fresh()), now).unwrap_or_default(),
                1 => delivery.leave(who, now),
                2 => delivery.key_package(who, fresh(), now).unwrap_or_default(),
                3 | 4 => delivery.claim(who, everyone, now).unwrap_or_default(),
                5 => {
                    let other = everyone[usize::try_from(random.below(4)).expect("it is small")];
                    delivery
                        .commit(who, commit(epoch, &[other]), Some(&[other]), now)
                        .unwrap_or_default()
                }
                6 => delivery
                    .commit(who, commit(epoch, &[]), Some(&[]), now)
                    .unwrap_or_default(),
                7 => {
                    restarted |= delivery.epoch().is_none();
                    delivery.report(who, asking(epoch), now).unwrap_or_default()
                }
                _ => delivery.resync(who, now),
            };
            for (to, message) in &told {
                if let ServerMessage::MlsKeyPackage { key_package, .. } = message {
                    let before = seen.insert(text(key_package), *to);
                    assert_eq!(before, None, "seed {seed}: handed out twice");
                }
            }
            let accepted = told
                .iter()
                .filter(|(_, message)| matches!(message, ServerMessage::MlsAccepted { .. }))
                .count();
            assert!(accepted <= 1, "seed {seed}");
            if let (Some(before), Some(after)) = (last, delivery.epoch()) {
                if accepted == 1 {
                    assert_eq!(after, before + 1, "seed {seed}");
                } else if !restarted {
                    assert_eq!(after, before, "seed {seed}");
                }
            }
            last = delivery.epoch();
            restarted = false;
        }
    }
}

#[test]
fn whom_the_group_never_had_is_added_like_anybody_else_whatever_it_says() {
    let start = Instant::now();
    let mut delivery = group_of(&[A, B], start);
    delivery.introduce(B, "ben");
    let now = start + Duration::from_mins(1);

    let told = delivery.rejoin(D, asking(1), now);

    assert_eq!(told, Ok(vec![(D, ServerMessage::MlsKeyPackageWanted {})]));
    assert_eq!(delivery.place(D), None);
    let by_stranger = delivery.commit(D, commit(1, &[]), Some(&[]), now);
    assert_eq!(by_stranger, Err(Invalid::NotAMember));
    assert_eq!(delivery.report(D, asking(1), now), Ok(Vec::new()));
    assert_eq!(delivery.resync(D, now), []);
    assert_eq!(delivery.place(D), None);
    let by_member = delivery.commit(A, commit(1, &[]), Some(&[]), now);
    let told = by_member.expect("it is valid");
    assert!(told.iter().all(|(to, _)| *to != D), "{told:?}");

    delivery.leave(B, now);
    delivery.introduce(B, "mallory");
    let told = delivery.rejoin(B, asking(2), now);
    assert_eq!(told, Ok(vec![(B, ServerMessage::MlsKeyPackageWanted {})]));
}

#[test]
fn a_member_that_lost_its_place_in_the_room_comes_back_by_its_word() {
    let start = Instant::now();
    let mut delivery = group_of(&[A, B], start);
    delivery.introduce(B, "ben");
    let now = start + Duration::from_mins(1);
    delivery.leave(B, now);

    delivery.introduce(B, "ben");
    let told = delivery.rejoin(B, asking(1), now + Duration::from_mins(2));

    assert_eq!(told, Ok(Vec::new()));
    assert_eq!(place(&delivery, B), Some((Some(0), 1)));

    delivery.leave(B, now);
    delivery.introduce(B, "ben");
    let told = delivery.rejoin(B, asking(1), now + Duration::from_mins(4));
    assert_eq!(told, Ok(vec![(B, ServerMessage::MlsKeyPackageWanted {})]));
}

#[test]
fn who_comes_back_long_after_a_restart_is_brought_to_a_member_at_once() {
    let now = Instant::now();
    let mut delivery = Delivery::default();
    delivery.rejoin(A, asking(7), now).expect("it is valid");
    let later = now + Duration::from_secs(30);

    let told = delivery.rejoin(B, asking(7), later);

    assert_eq!(told, Ok(vec![(B, ServerMessage::MlsKeyPackageWanted {})]));
    let handed = delivery.key_package(B, key_package(B), later);
    let message = ServerMessage::MlsKeyPackage {
        participant_id: B.to_string(),
        key_package: key_package(B),
    };
    assert_eq!(handed, Ok(vec![(A, message)]));
    let added = delivery.commit(A, commit(7, &[B]), Some(&[B]), later);
    assert!(
        added
            .expect("it is valid")
            .iter()
            .any(|(to, message)| *to == B && matches!(message, ServerMessage::MlsWelcome { .. }))
    );
}

fn group_of_one(now: Instant) -> Delivery {
    let mut delivery = Delivery::default();
    join(&mut delivery, A, now);
    delivery.report(A, asking(0), now).expect("it is valid");
    delivery
}

fn group_of(members: &[ParticipantId], now: Instant) -> Delivery {
    let mut delivery = group_of_one(now);
    for (epoch, member) in (0..).zip(&members[1..]) {
        join(&mut delivery, *member, now);
        delivery
            .commit(members[0], commit(epoch, &[*member]), Some(&[*member]), now)
            .expect("it is valid");
        let mut arrived = asking(epoch + 1);
        arrived.group_info = None;
        delivery.report(*member, arrived, now).expect("it is valid");
    }
    delivery
}

/// Leaf and epoch of somebody.
fn place(delivery: &Delivery, id: ParticipantId) -> Option<(Option<u32>, u32)> {
    let place = delivery.place(id)?;
    Some((place.leaf, place.epoch))
}

fn join(delivery: &mut Delivery, id: ParticipantId, now: Instant) -> Vec<Told> {
    delivery
        .join(id, Some(key_package(id)), now)
        .expect("it is small")
}

fn commit(epoch: u32, added: &[ParticipantId]) -> GroupCommit {
    GroupCommit {
        epoch,
        leaf: 0,
        commit: opaque(&format!("commit-{epoch}")),
        welcome: (!added.is_empty()).then(|| opaque("welcome")),
        added: added.iter().map(ToString::to_string).collect(),
        group_info: opaque("group-info"),
        transcript_hash: hash(epoch + 1),
    }
}

fn feed(epoch: u32) -> ServerMessage {
    let commit = commit(epoch, &[]).commit;
    ServerMessage::MlsCommit { epoch, commit }
}

/// Where somebody is, who asks for what it missed.
fn asking(epoch: u32) -> GroupReport {
    GroupReport {
        epoch,
        transcript_hash: hash(epoch),
        leaf: 0,
        group_info: Some(opaque("group-info")),
        commits: Vec::new(),
    }
}

fn hash(epoch: u32) -> Opaque {
    opaque(&format!("hash-{epoch}"))
}

fn key_package(id: ParticipantId) -> Opaque {
    opaque(&format!("key-of-{id}"))
}

fn opaque(text: &str) -> Opaque {
    text.to_owned().try_into().expect("it is base64url")
}

fn text(opaque: &Opaque) -> String {
    serde_json::to_string(opaque).expect("it is plain data")
}

/// Numbers that are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
