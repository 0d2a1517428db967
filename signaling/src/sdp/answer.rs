//! Writing an answer.

use std::fmt::{self, Write};

use sfu::identity::MediaKind;
use sfu::rtp::{Codec, Ssrc};
use sfu::worker::command::CodecParameters;

use super::codecs::{Choice, encoding};
use super::extensions::Taken;
use super::negotiation::LocalTransport;
use super::section::Section;

/// What a section's answer says.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    /// At least one, the most wanted first.
    pub(super) codecs: Vec<Choice<'a>>,
    pub(super) extensions: Vec<Taken>,
    /// Of simulcast layers, the least first; none for a single stream.
    pub(super) stream_ids: Vec<&'a str>,
    pub(super) flow: Flow,
}

impl Accepted<'_> {
    pub(super) fn has_extension(&self, uri: &str) -> bool {
        self.extensions.iter().any(|taken| taken.uri == uri)
    }

    pub(super) fn drop_extension(&mut self, uri: &str) {
        self.extensions.retain(|taken| taken.uri != uri);
    }

    /// Whether it is sound of which no packet carries anything of another
    /// (RFC 2198).
    pub(super) fn is_single_sound(&self) -> bool {
        let mut codecs = self.codecs.iter().map(|codec| codec.parameters.codec);
        codecs.all(|codec| codec == Codec::Opus)
    }

    pub(super) fn codec_parameters(&self) -> Vec<CodecParameters> {
        self.codecs.iter().map(|codec| codec.parameters).collect()
    }

    /// Whether lost packets of any codec can be sent again.
    pub(super) fn has_rtx(&self) -> bool {
        self.codecs
            .iter()
            .any(|codec| codec.parameters.rtx.is_some())
    }
}

/// Which way media flows, from the server's side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flow {
    Receive,
    Send {
        pair: u16,
        kind: MediaKind,
        ssrc: Ssrc,
        /// Of retransmissions, should they have been negotiated.
        rtx: Option<Ssrc>,
    },
}

/// Collects the answers to an offer's sections, which must be given in order.
#[derive(Debug)]
pub(super) struct AnswerWriter<'a> {
    local: &'a LocalTransport,
    restarts: u32,
    allow_mixed_extensions: bool,
    bundle: String,
    sections: Text,
}

impl<'a> AnswerWriter<'a> {
    /// For an answer after so many restarts of ICE.
    pub(super) fn new(
        local: &'a LocalTransport,
        restarts: u32,
        allow_mixed_extensions: bool,
    ) -> Self {
        Self {
            local,
            restarts,
            allow_mixed_extensions,
            bundle: String::new(),
            sections: Text::default(),
        }
    }

    /// Refuses a section: a zero port (RFC 3264 §6), outside the bundle.
    pub(super) fn reject(&mut self, section: &Section) {
        let text = &mut self.sections;
        text.line(format_args!(
            "m={} 0 {} {}",
            section.media(),
            section.protocol(),
            section.formats().join(" ")
        ));
        text.line(format_args!("c=IN IP4 0.0.0.0"));
        text.line(format_args!("a=inactive"));
        text.line(format_args!("a=mid:{}", section.mid));
    }

    /// Takes a section into the bundle.
    pub(super) fn accept(&mut self, section: &Section, accepted: &Accepted) {
        let first = self.bundle.is_empty();
        self.bundle.push(' ');
        self.bundle.push_str(section.mid);

        let text = &mut self.sections;
        let formats: Vec<_> = accepted
            .codecs
            .iter()
            .flat_map(|codec| [Some(codec.parameters.payload_type), codec.parameters.rtx])
            .flatten()
            .map(|payload_type| payload_type.0.to_string())
            .collect();
        text.line(format_args!(
            "m={} 9 {} {}",
            section.media(),
            section.protocol(),
            formats.join(" ")
        ));
        text.line(format_args!("c=IN IP4 0.0.0.0"));
        text.line(format_args!("a=mid:{}", section.mid));
        if first {
            // A bundle's candidates are in its first section only
            // (RFC 9143 §7.3).
            write_candidates(text, self.local, self.restarts);
        }
        text.line(format_args!("a=rtcp-mux"));
        if section.has("rtcp-rsize") {
            text.line(format_args!("a=rtcp-rsize"));
        }
        for Taken {
            id,
            uri,
            is_one_way,
        } in &accepted.extensions
        {
            let direction = if *is_one_way { "/recvonly" } else { "" };
            text.line(format_args!("a=extmap:{id}{direction} {uri}"));
        }
        for codec in &accepted.codecs {
            write_codec(text, codec);
        }
        write_flow(text, accepted);
        write_simulcast(text, &accepted.stream_ids);
    }

    /// The whole answer. `version` grows by one with each answer of a stay.
    pub(super) fn finish(self, version: u64) -> String {
        let mut text = Text::default();
        text.line(format_args!("v=0"));
        text.line(format_args!(
            "o=- {} {version} IN IP4 127.0.0.1",
            self.local.session_id
        ));
        text.line(format_args!("s=-"));
        text.line(format_args!("t=0 0"));
        text.line(format_args!("a=group:BUNDLE{}", self.bundle));
        text.line(format_args!("a=ice-lite"));
        write_transport(&mut text, self.local);
        text.line(format_args!("a=msid-semantic: WMS *"));
        if self.allow_mixed_extensions {
            text.line(format_args!("a=extmap-allow-mixed"));
        }
        text.0 + &self.sections.0
    }
}

/// For all sections at once. Firefox 153 crashes on a bundle that describes
/// its transport in the first section only.
fn write_transport(text: &mut Text, local: &LocalTransport) {
    text.line(format_args!("a=ice-ufrag:{}", local.credentials.ufrag));
    text.line(format_args!("a=ice-pwd:{}", local.credentials.password));
    text.line(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
    text.line(format_args!("a=setup:passive"));
}

/// Candidates with priorities that are the same for all of UDP, lower for TCP
/// (RFC 6544 §4.2), and higher after each restart. They are below what a browser
/// gives its own, but for relays that it reaches over TCP or TLS. The lower
/// priority is what counts of a pair (RFC 8445 §6.1.2.3): so UDP, be it by a
/// relay, comes before TCP, which comes before a relay over TCP; a pair after a
/// restart comes before all pairs before it, but for the last; and apart from
/// that the browser's own choice of path counts. Chromium would otherwise stay on
/// a path that is dead for seconds.
fn write_candidates(text: &mut Text, local: &LocalTransport, restarts: u32) {
    let rounds = restarts.min(MOST_ROUNDS);
    let preference = |of_protocol: u32| 2 * rounds + of_protocol;
    let priority = |of_protocol: u32| TYPE_PREFERENCE << 24 | preference(of_protocol) << 8 | 255;
    let mut foundations = 1_u32..;
    for (protocol, candidates, of_protocol, typ) in [
        ("udp", &local.candidates, 2, "typ host"),
        ("tcp", &local.tcp_candidates, 1, "typ host tcptype passive"),
    ] {
        let priority = priority(of_protocol);
        for (candidate, foundation) in candidates.iter().zip(&mut foundations) {
            text.line(format_args!(
                "a=candidate:{foundation} 1 {protocol} {priority} {} {} {typ}",
                candidate.ip(),
                candidate.port()
            ));
        }
    }
    text.line(format_args!("a=end-of-candidates"));
}

fn write_codec(text: &mut Text, codec: &Choice) {
    let payload_type = codec.parameters.payload_type.0;
    let encoding = encoding(codec.parameters.codec);
    text.line(format_args!("a=rtpmap:{payload_type} {encoding}"));
    for feedback in &codec.feedback {
        text.line(format_args!("a=rtcp-fb:{payload_type} {feedback}"));
    }
    if let Some(format) = codec.format {
        text.line(format_args!("a=fmtp:{payload_type} {format}"));
    }
    if let Some(rtx) = codec.parameters.rtx {
        text.line(format_args!("a=rtpmap:{} rtx/90000", rtx.0));
        text.line(format_args!("a=fmtp:{} apt={payload_type}", rtx.0));
    }
}

fn write_flow(text: &mut Text, accepted: &Accepted) {
    let Flow::Send {
        pair,
        kind,
        ssrc,
        rtx,
    } = accepted.flow
    else {
        text.line(format_args!("a=recvonly"));
        return;
    };
    text.line(format_args!("a=sendonly"));
    // One stream id for both halves: browsers keep lips and sound together
    // within a stream only.
    let track = match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    text.line(format_args!("a=msid:slot-{pair} slot-{pair}-{track}"));
    let rtx = rtx.filter(|_| accepted.has_rtx());
    if let Some(rtx) = rtx {
        text.line(format_args!("a=ssrc-group:FID {} {}", ssrc.0, rtx.0));
    }
    for ssrc in [Some(ssrc), rtx].into_iter().flatten() {
        text.line(format_args!("a=ssrc:{} cname:slot-{pair}", ssrc.0));
    }
}

/// The layers that are taken (RFC 8853 §5.3.2).
fn write_simulcast(text: &mut Text, stream_ids: &[&str]) {
    if stream_ids.is_empty() {
        return;
    }
    for id in stream_ids {
        text.line(format_args!("a=rid:{id} recv"));
    }
    text.line(format_args!("a=simulcast:recv {}", stream_ids.join(";")));
}

/// Lines that end as RFC 8866 §5 wants them.
#[derive(Default, Debug)]
struct Text(String);

impl Text {
    fn line(&mut self, line: fmt::Arguments) {
        self.0
            .write_fmt(line)
            .expect("writing to a string does not fail");
        self.0.push_str("\r\n");
    }
}

/// Relays over UDP have 2 in Chromium and Safari and 5 in Firefox, and those over
/// TCP and TLS less in each (RFC 8445 §5.1.2.1).
const TYPE_PREFERENCE: u32 = 2;

/// Restarts of ICE after which priorities grow no more: they have 16 bits
/// (RFC 8445 §5.1.2.1).
const MOST_ROUNDS: u32 = 32_000;
