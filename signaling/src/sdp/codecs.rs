//! The choice of payload types.

use sfu::identity::MediaKind;
use sfu::rtp::{Codec, PayloadType};
use sfu::worker::command::CodecParameters;

use super::InvalidOffer;
use super::section::Section;

/// A codec taken from an offered section, with all that the answer repeats.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) parameters: CodecParameters,
    /// The format parameters (RFC 8866 §6.15), if any.
    pub(super) format: Option<&'a str>,
    /// The feedback both sides know, of what was offered (RFC 4585 §4.2).
    pub(super) feedback: Vec<&'static str>,
}

/// Takes Opus for audio and VP8 for video, under the payload type the offerer
/// likes best.
///
/// # Errors
/// The codec is not offered, or a line that describes it is malformed.
pub(super) fn choose<'a>(
    section: &Section<'a>,
    kind: MediaKind,
) -> Result<Choice<'a>, InvalidOffer> {
    let (codec, encoding, missing) = match kind {
        MediaKind::Audio => (Codec::Opus, "opus/48000/2", "it does not offer Opus"),
        MediaKind::Video => (Codec::Vp8, "VP8/90000", "it does not offer VP8"),
    };
    let (number, payload_type) = payload_types(section)
        .find(|(number, _)| {
            rtpmap(section, number).is_some_and(|name| name.eq_ignore_ascii_case(encoding))
        })
        .ok_or_else(|| InvalidOffer::in_section(section.mid, missing))?;

    let format = parameter(section, "fmtp", number);
    if format.is_some_and(|format| !format.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
        return Err(InvalidOffer::in_section(
            section.mid,
            "an a=fmtp is malformed",
        ));
    }
    Ok(Choice {
        parameters: CodecParameters {
            codec,
            payload_type,
            rtx: rtx(section, number, codec),
        },
        format: match codec {
            Codec::Opus => Some(OPUS_FORMAT),
            Codec::Vp8 => format,
        },
        feedback: feedback(section, number, codec),
    })
}

/// The retransmission payload type (RFC 4588 §8.6). Browsers have none for
/// Opus, and the answer must not say otherwise.
fn rtx(section: &Section, number: &str, codec: Codec) -> Option<PayloadType> {
    if codec != Codec::Vp8 {
        return None;
    }
    payload_types(section)
        .find(|(rtx, _)| {
            rtpmap(section, rtx).is_some_and(|name| name.eq_ignore_ascii_case("rtx/90000"))
                && parameter(section, "fmtp", rtx).is_some_and(|format| {
                    format
                        .split(';')
                        .filter_map(|pair| pair.trim().strip_prefix("apt="))
                        .any(|apt| apt == number)
                })
        })
        .map(|(_, payload_type)| payload_type)
}

fn feedback(section: &Section, number: &str, codec: Codec) -> Vec<&'static str> {
    let known: &[&'static str] = match codec {
        Codec::Opus => &["transport-cc"],
        Codec::Vp8 => &["transport-cc", "ccm fir", "nack", "nack pli"],
    };
    let offered = |wanted: &str| {
        section.values("rtcp-fb").any(|line| {
            line.split_once(' ').is_some_and(|(target, feedback)| {
                (target == number || target == "*") && feedback.trim() == wanted
            })
        })
    };
    known
        .iter()
        .copied()
        .filter(|wanted| offered(wanted))
        .collect()
}

/// The dynamic and static payload types of the `m=` line, as text and number.
fn payload_types<'a>(section: &Section<'a>) -> impl Iterator<Item = (&'a str, PayloadType)> {
    section.formats().iter().filter_map(|number| {
        let value: u8 = number.parse().ok()?;
        (value < 128).then_some((number.as_str(), PayloadType(value)))
    })
}

fn rtpmap<'a>(section: &Section<'a>, number: &str) -> Option<&'a str> {
    parameter(section, "rtpmap", number)
}

/// What an attribute such as `a=fmtp:111 …` says of a payload type.
fn parameter<'a>(section: &Section<'a>, name: &'static str, number: &str) -> Option<&'a str> {
    section
        .values(name)
        .filter_map(|line| line.split_once(' '))
        .find(|(target, _)| *target == number)
        .map(|(_, value)| value.trim())
}

/// What we ask of everybody's Opus (RFC 7587 §6.1). The sizes of packets of
/// variable bitrate give away something of what is said (RFC 6562), and so
/// would silence that is not sent.
const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1;usedtx=0;cbr=1";
