//! The choice of RTP header extensions (RFC 8285).

use sfu::identity::MediaKind;
use sfu::rtp::extensions::ExtensionIds;

use super::InvalidOffer;
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
    id: fn(&mut ExtensionIds) -> &mut Option<u8>,
}

/// Takes the section's known extensions into the session's numbering and
/// gives them out with their numbers.
///
/// # Errors
/// A malformed line, or two numbers for one extension: a bundle has one
/// numbering (RFC 9143 §9.1).
pub(super) fn choose(
    section: &Section,
    kind: MediaKind,
    session: &mut ExtensionIds,
) -> Result<Vec<(u8, Extension)>, InvalidOffer> {
    let mut chosen: Vec<(u8, Extension)> = Vec::new();
    for line in section.values("extmap") {
        let mut words = line.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else {
            return Err(malformed(section));
        };
        // A direction of its own (`2/recvonly`) is for extensions that are not
        // wanted here.
        let Ok(id) = id.parse::<u8>() else {
            if id.contains('/') {
                continue;
            }
            return Err(malformed(section));
        };
        if id == 0 {
            return Err(malformed(section));
        }
        let Some(extension) = KNOWN.iter().find(|known| known.uri == uri) else {
            continue;
        };
        let wanted = match kind {
            MediaKind::Audio => extension.audio,
            MediaKind::Video => extension.video,
        };
        if !wanted || chosen.iter().any(|(_, other)| other.uri == uri) {
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
        chosen.push((id, *extension));
    }
    Ok(chosen)
}

fn malformed(section: &Section) -> InvalidOffer {
    InvalidOffer::in_section(section.mid, "an a=extmap is malformed")
}

const KNOWN: [Extension; 4] = [
    Extension {
        uri: "urn:ietf:params:rtp-hdrext:sdes:mid",
        audio: true,
        video: true,
        id: |ids| &mut ids.mid,
    },
    Extension {
        uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        audio: true,
        video: false,
        id: |ids| &mut ids.audio_level,
    },
    Extension {
        uri: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        audio: true,
        video: true,
        id: |ids| &mut ids.transport_sequence_number,
    },
    Extension {
        uri: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        audio: true,
        video: true,
        id: |ids| &mut ids.absolute_send_time,
    },
];
