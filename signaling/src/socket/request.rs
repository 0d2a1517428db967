//! What a participant asks of its room, beyond media and the group.

use std::time::Instant;

use sfu::identity::ParticipantId;

use crate::access::UnixTime;
use crate::protocol::{ClientMessage, parse_participant_id};
use crate::room::{Decided, Room};

/// Hands a message to the room. Nothing comes of one that names nobody, or is
/// about something else.
pub(super) fn handle(
    room: &mut Room,
    id: ParticipantId,
    message: ClientMessage,
    now: Instant,
    time: UnixTime,
) -> Decided {
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
            None => return Decided::default(),
        },
        _ => id,
    };
    let effects = match message {
        ClientMessage::AcceptConsent { hash } => return room.decide_accept(id, &hash, time),
        ClientMessage::Admit { participant_ids } => {
            return room.decide_admit(id, &ids(&participant_ids), now);
        }
        ClientMessage::AdmitAll {} => {
            let all: Vec<_> = room.waiting_people().collect();
            return room.decide_admit(id, &all, now);
        }
        ClientMessage::Lock { locked } => return room.decide_lock(id, locked),
        ClientMessage::Remove { .. } => return room.decide_remove(id, other),
        ClientMessage::EndSession {} => return room.decide_end(id),
        ClientMessage::Knock { sealed_name } => room.knock(id, sealed_name),
        ClientMessage::DoorKey { key } => room.set_door_key(id, key),
        ClientMessage::Refuse { .. } => room.refuse(id, other, now),
        ClientMessage::TellWaiting { message, .. } => room.tell_caller(id, other, message),
        ClientMessage::Mute { source, .. } => room.mute(id, other, source),
        ClientMessage::MuteAll {} => room.mute_all(id),
        ClientMessage::Ask { source, .. } => room.ask(id, other, source),
        ClientMessage::StopShare { .. } => room.stop_share(id, other),
        _ => Vec::new(),
    };
    effects.into()
}

fn ids(texts: &[String]) -> Vec<ParticipantId> {
    let ids = texts.iter().filter_map(|text| parse_participant_id(text));
    ids.collect()
}
