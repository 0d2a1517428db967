//! The choice of RTP header extensions (RFC 8285).

use sfu::identity::MediaKind;
use sfu::rtp::extensions::ExtensionIds;

use super::InvalidOffer;
use super::offer::Purpose;
use super::section::Section;

/// A header extension that is kept when it is offered.
///
/// `urn:3gpp:video-orientation` is not among them and must never be: a sender
/// that has it leaves turning the picture to receivers, and Firefox does not
/// know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension {
    pub(super) uri: &'static str,
    audio: bool,
    video: bool,
    /// Whether it is taken on what the client sends and on what it receives.
    flows: (bool, bool),
    id: fn(&mut ExtensionIds) -> &mut Option<u8>,
}

/// An extension taken from an offered section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) id: u8,
    pub(super) uri: &'static str,
    /// It was offered for sending only, and the answer must say so too
    /// (RFC 8285 §5).
    pub(super) is_one_way: bool,
}

/// Takes the section's known extensions into the session's numbering and
/// gives them out with their numbers.
///
/// # Errors
/// A malformed line, or two numbers for one extension: a bundle has one
/// numbering (RFC 9143 §9.1).
pub(super) fn choose(
    section: &Section,
    purpose: Purpose,
    session: &mut ExtensionIds,
) -> Result<Vec<Taken>, InvalidOffer> {
    let mut chosen: Vec<Taken> = Vec::new();
    for line in section.values("extmap") {
        let mut words = line.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else {
            return Err(malformed(section));
        };
        let (id, direction) = id
            .split_once('/')
            .map_or((id, None), |(id, direction)| (id, Some(direction)));
        let is_publication = matches!(purpose, Purpose::Publication(_));
        let is_one_way = match direction {
            None => false,
            Some("sendonly") if is_publication => true,
            // Not for what flows here.
            Some(_) => continue,
        };
        let Ok(id) = id.parse::<u8>() else {
            return Err(malformed(section));
        };
        if id == 0 {
            return Err(malformed(section));
        }
        let Some(extension) = KNOWN.iter().find(|known| known.uri == uri) else {
            continue;
        };
        let suits_kind = match purpose.kind() {
            MediaKind::Audio => extension.audio,
            MediaKind::Video => extension.video,
        };
        let suits_flow = if is_publication {
            extension.flows.0
        } else {
            extension.flows.1
        };
        if !suits_kind || !suits_flow || chosen.iter().any(|other| other.uri == uri) {
            continue;
        }
        let known = (extension.id)(session);
        if known.is_some_and(|known| known != id) {
            return Err(InvalidOffer::in_section(
                section.mid,
                "it numbers a header extension unlike another section",
            ));
        }
        *known = Some(id);
        chosen.push(Taken {
            id,
            uri: extension.uri,
            is_one_way,
        });
    }
    Ok(chosen)
}

fn malformed(section: &Section) -> InvalidOffer {
    InvalidOffer::in_section(section.mid, "an a=extmap is malformed")
}

/// The Dependency Descriptor.
pub(super) const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
const TRANSPORT_NUMBER: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const SENDING_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// What differs each time that a packet is sent.
pub(super) const STAMPS: [&str; 2] = [TRANSPORT_NUMBER, SENDING_TIME];
/// The id of a simulcast layer.
pub(super) const STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

const BOTH: (bool, bool) = (true, true);
const SENT: (bool, bool) = (true, false);

const KNOWN: [Extension; 7] = [
    Extension {
        uri: "urn:ietf:params:rtp-hdrext:sdes:mid",
        audio: true,
        video: true,
        flows: BOTH,
        id: |ids| &mut ids.mid,
    },
    Extension {
        uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        audio: true,
        video: false,
        flows: BOTH,
        id: |ids| &mut ids.audio_level,
    },
    Extension {
        uri: TRANSPORT_NUMBER,
        audio: true,
        video: true,
        flows: BOTH,
        id: |ids| &mut ids.transport_sequence_number,
    },
    Extension {
        uri: SENDING_TIME,
        audio: true,
        video: true,
        flows: BOTH,
        id: |ids| &mut ids.absolute_send_time,
    },
    Extension {
        uri: STREAM_ID,
        audio: false,
        video: true,
        flows: SENT,
        id: |ids| &mut ids.stream_id,
    },
    Extension {
        uri: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        audio: false,
        video: true,
        flows: SENT,
        id: |ids| &mut ids.repaired_stream_id,
    },
    Extension {
        uri: DEPENDENCY_DESCRIPTOR,
        audio: false,
        video: true,
        flows: BOTH,
        id: |ids| &mut ids.dependency_descriptor,
    },
];
