//! What a participant asks of its room, beyond media and the group.

use std::time::Instant;

use sfu::identity::ParticipantId;

use crate::access::UnixTime;
use crate::protocol::{ClientMessage, parse_participant_id};
use crate::room::{Decision, Effect, Room};

/// What of a message must be on record before [`handle`] gets it.
pub(super) fn decisions(
    room: &Room,
    id: ParticipantId,
    message: &ClientMessage,
    now: UnixTime,
) -> Vec<Decision> {
    match message {
        ClientMessage::AcceptConsent { hash } => room.decide_accept(id, hash, now),
        ClientMessage::Admit { participant_ids } => room.decide_admit(id, &ids(participant_ids)),
        ClientMessage::AdmitAll {} => room.decide_admit_all(id),
        ClientMessage::Lock { locked } => room.decide_lock(id, *locked),
        ClientMessage::Remove { participant_id } => match parse_participant_id(participant_id) {
            Some(other) => room.decide_remove(id, other),
            None => Vec::new(),
        },
        ClientMessage::EndSession {} => room.decide_end(id),
        _ => Vec::new(),
    }
}

/// Hands a message to the room. Nothing comes of one that names nobody, or is
/// about something else.
pub(super) fn handle(
    room: &mut Room,
    id: ParticipantId,
    message: ClientMessage,
    now: Instant,
) -> Vec<Effect> {
    room.note_activity(id, now);
    let other = match &message {
        ClientMessage::Refuse { participant_id }
        | ClientMessage::TellWaiting { participant_id, .. }
        | ClientMessage::Mute { participant_id, .. }
        | ClientMessage::Ask { participant_id, .. }
        | ClientMessage::StopShare { participant_id }
        | ClientMessage::Remove { participant_id } => match parse_participant_id(participant_id) {
            Some(other) => other,
            // Whoever is not of this form is not here.
            None => return Vec::new(),
        },
        _ => id,
    };
    match message {
        ClientMessage::AcceptConsent { hash } => room.accept_consent(id, &hash, now),
        ClientMessage::Knock { sealed_name } => room.knock(id, sealed_name),
        ClientMessage::DoorKey { key } => room.set_door_key(id, key),
        ClientMessage::Admit { participant_ids } => room.admit(id, &ids(&participant_ids), now),
        ClientMessage::AdmitAll {} => room.admit_all(id, now),
        ClientMessage::Refuse { .. } => room.refuse(id, other, now),
        ClientMessage::TellWaiting { message, .. } => room.tell_caller(id, other, message),
        ClientMessage::Lock { locked } => room.set_locked(id, locked),
        ClientMessage::Mute { source, .. } => room.mute(id, other, source),
        ClientMessage::MuteAll {} => room.mute_all(id),
        ClientMessage::Ask { source, .. } => room.ask(id, other, source),
        ClientMessage::StopShare { .. } => room.stop_share(id, other),
        ClientMessage::Remove { .. } => room.remove(id, other, now),
        ClientMessage::EndSession {} => room.end_session(id),
        _ => Vec::new(),
    }
}

fn ids(texts: &[String]) -> Vec<ParticipantId> {
    let ids = texts.iter().filter_map(|text| parse_participant_id(text));
    ids.collect()
}
