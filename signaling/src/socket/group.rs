//! A participant's messages about the group, from the socket to the room.

use std::time::Instant;

use sfu::identity::ParticipantId;

use crate::protocol::{GroupCommit, GroupReport, Opaque, Permission, parse_participant_id};
use crate::room::{Effect, Room};

/// What a client says about the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum GroupMessage {
    KeyPackage(Opaque),
    Claim(Vec<String>),
    Commit(GroupCommit),
    Report(GroupReport),
    Message(Opaque),
    Resync,
}

/// Hands a message to the room.
pub(super) fn deliver(
    room: &mut Room,
    id: ParticipantId,
    message: GroupMessage,
    now: Instant,
) -> Vec<Effect> {
    if matches!(message, GroupMessage::Message(_))
        && let Err(refusal) = room.require(id, Permission::Chat)
    {
        return refusal;
    }
    let message = match message {
        GroupMessage::KeyPackage(key_package) if room.is_waiting(id) => {
            room.keep_key_package(id, key_package);
            return Vec::new();
        }
        message => message,
    };
    room.deliver(id, |delivery| match message {
        GroupMessage::Report(report) => delivery.report(id, report, now),
        GroupMessage::KeyPackage(key_package) => delivery.key_package(id, key_package, now),
        // Whoever is not of this form is not here.
        GroupMessage::Claim(wanted) => delivery.claim(
            id,
            wanted.iter().filter_map(|id| parse_participant_id(id)),
            now,
        ),
        GroupMessage::Commit(commit) => {
            let added: Option<Vec<_>> = commit
                .added
                .iter()
                .map(|id| parse_participant_id(id))
                .collect();
            delivery.commit(id, commit, added.as_deref(), now)
        }
        GroupMessage::Message(message) => delivery.message(id, &message),
        GroupMessage::Resync => Ok(delivery.resync(id, now)),
    })
}
