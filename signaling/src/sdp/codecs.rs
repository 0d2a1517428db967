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

/// The video codecs of this server's rooms, the most wanted first. VP8 is
/// among them: every browser has it, so that a room never lacks one that all
/// its members can decode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VideoCodecs(Vec<Codec>);

impl VideoCodecs {
    /// `None` if VP8 is not there, or something twice, or no video.
    pub fn new(codecs: &[Codec]) -> Option<Self> {
        let is_sound = |codec: &Codec| codec.kind() == MediaKind::Audio;
        let is_repeated = |at: usize| codecs[..at].contains(&codecs[at]);
        let is_good = codecs.contains(&Codec::Vp8)
            && !codecs.iter().any(is_sound)
            && !(0..codecs.len()).any(is_repeated);
        is_good.then(|| Self(codecs.to_vec()))
    }

    pub fn as_slice(&self) -> &[Codec] {
        &self.0
    }
}

impl Default for VideoCodecs {
    fn default() -> Self {
        Self(vec![Codec::Vp8, Codec::Vp9, Codec::Av1])
    }
}

/// Takes Opus for audio, behind it RED of that Opus (RFC 2198) if it is offered,
/// and of `video` those codecs that are offered, in that order, each under the
/// payload type the offerer likes best.
///
/// # Errors
/// No such codec is offered, or a line that describes one is malformed.
pub(super) fn choose<'a>(
    section: &Section<'a>,
    kind: MediaKind,
    video: &[Codec],
) -> Result<Vec<Choice<'a>>, InvalidOffer> {
    let (wanted, missing) = match kind {
        MediaKind::Audio => (&[Codec::Opus][..], "it does not offer Opus"),
        MediaKind::Video => (video, "it offers no codec of this room, such as VP8"),
    };
    let mut choices = Vec::with_capacity(wanted.len());
    for codec in wanted {
        choices.extend(choose_one(section, *codec)?);
    }
    let Some(first) = choices.first() else {
        return Err(InvalidOffer::in_section(section.mid, missing));
    };
    if kind == MediaKind::Audio {
        // Opus stays first: it is what a client sends that knows no better.
        choices.extend(redundancy(section, first.parameters.payload_type));
    }
    Ok(choices)
}

/// What an `a=rtpmap` calls a codec (RFC 7587 §7, RFC 7741 §6.1, RFC 9628 §7,
/// RTP Payload Format For AV1 §7).
pub(super) fn encoding(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus/48000/2",
        Codec::Red => "red/48000/2",
        Codec::Vp8 => "VP8/90000",
        Codec::Vp9 => "VP9/90000",
        Codec::Av1 => "AV1/90000",
    }
}

fn choose_one<'a>(section: &Section<'a>, codec: Codec) -> Result<Option<Choice<'a>>, InvalidOffer> {
    let found = payload_types(section).find(|(number, _)| {
        rtpmap(section, number).is_some_and(|name| name.eq_ignore_ascii_case(encoding(codec)))
            && is_of_main_profile(codec, parameter(section, "fmtp", number))
    });
    let Some((number, payload_type)) = found else {
        return Ok(None);
    };
    let format = parameter(section, "fmtp", number);
    if format.is_some_and(|format| !format.bytes().all(|byte| matches!(byte, b' '..=b'~'))) {
        return Err(InvalidOffer::in_section(
            section.mid,
            "an a=fmtp is malformed",
        ));
    }
    Ok(Some(Choice {
        parameters: CodecParameters {
            codec,
            payload_type,
            rtx: rtx(section, number, codec),
        },
        format: match codec.kind() {
            MediaKind::Audio => Some(OPUS_FORMAT),
            MediaKind::Video => format,
        },
        feedback: feedback(section, number, codec),
    }))
}

/// RED whose blocks are all of the payload type `opus`: of others the receivers
/// are told nothing.
fn redundancy<'a>(section: &Section<'a>, opus: PayloadType) -> Option<Choice<'a>> {
    let (number, payload_type, format) = payload_types(section).find_map(|(number, red)| {
        let is_red = rtpmap(section, number)?.eq_ignore_ascii_case(encoding(Codec::Red));
        let format = parameter(section, "fmtp", number)?;
        (is_red && is_of_blocks(format, opus)).then_some((number, red, format))
    })?;
    Some(Choice {
        parameters: CodecParameters {
            codec: Codec::Red,
            payload_type,
            rtx: None,
        },
        format: Some(format),
        feedback: feedback(section, number, Codec::Red),
    })
}

/// Whether a format of RED (RFC 2198 §5) names two blocks or more, and only
/// this payload type.
fn is_of_blocks(format: &str, payload_type: PayloadType) -> bool {
    let is_it = |block: &str| block.parse() == Ok(payload_type.0);
    format.contains('/') && format.len() <= LONGEST_RED_FORMAT && format.split('/').all(is_it)
}

/// Whether a format is of eight bits a sample and colour at half the
/// resolution, which everybody decodes: profile 0, also when none is said.
fn is_of_main_profile(codec: Codec, format: Option<&str>) -> bool {
    let name = match codec {
        Codec::Vp9 => "profile-id",
        Codec::Av1 => "profile",
        Codec::Vp8 | Codec::Opus | Codec::Red => return true,
    };
    let mut pairs = format.unwrap_or_default().split(';');
    let profile = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    profile.is_none_or(|profile| profile == "0")
}

/// The retransmission payload type (RFC 4588 §8.6). Browsers have none for
/// Opus, and the answer must not say otherwise.
fn rtx(section: &Section, number: &str, codec: Codec) -> Option<PayloadType> {
    if codec.kind() == MediaKind::Audio {
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
    let known: &[&'static str] = match codec.kind() {
        MediaKind::Audio => &["transport-cc"],
        MediaKind::Video => &["transport-cc", "ccm fir", "nack", "nack pli"],
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

/// Of some eight blocks; browsers name two.
const LONGEST_RED_FORMAT: usize = 32;

/// What we ask of everybody's Opus (RFC 7587 §6.1). The sizes of packets of
/// variable bitrate give away something of what is said (RFC 6562), and so
/// would silence that is not sent.
const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1;usedtx=0;cbr=1";
