//! Session descriptions (RFC 8866), as little of them as a participant needs.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::client::dtls::Fingerprint;
use crate::client::ice::Credentials;
use crate::media::rtp::ExtensionIds;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Audio,
    Video,
}

/// Our end of a transport.
#[derive(Clone, Debug)]
pub struct LocalEnd {
    pub credentials: Credentials,
    pub fingerprint: Fingerprint,
    pub candidate: SocketAddr,
}

/// A media section of an offer of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedSection {
    pub mid: String,
    pub kind: Kind,
    pub flow: Flow,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flow {
    Receive,
    /// One source, with another one for its retransmissions.
    Send {
        ssrc: u32,
        repair: Option<u32>,
    },
    /// Simulcast, by these restriction ids.
    SendLayers {
        rids: Vec<String>,
    },
}

/// What a peer's description says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    pub credentials: Credentials,
    pub fingerprint: Fingerprint,
    /// Host candidates for UDP.
    pub candidates: Vec<SocketAddr>,
    /// Where connections are taken (RFC 6544).
    pub tcp_candidates: Vec<SocketAddr>,
    pub sections: Vec<Section>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    pub mid: String,
    pub kind: Kind,
    pub is_rejected: bool,
    pub extensions: ExtensionIds,
    /// Opus for audio, VP8 for video.
    pub payload_type: Option<u8>,
    /// Of VP8's retransmissions.
    pub repair_type: Option<u8>,
    pub takes_simulcast: bool,
    /// Sources of retransmissions, and whose each of them repeats (RFC 5576
    /// §4.2).
    pub repairs: Vec<(u32, u32)>,
}

impl Description {
    /// Reads a description; `Err` says what is missing.
    pub fn parse(sdp: &str) -> Result<Self, &'static str> {
        let (mut ufrag, mut password, mut fingerprint) = (None, None, None);
        let (mut candidates, mut tcp_candidates) = (Vec::new(), Vec::new());
        let mut sections: Vec<Section> = Vec::new();
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                sections.push(Section::new(media)?);
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else {
                continue;
            };
            let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            match name {
                "ice-ufrag" => ufrag = ufrag.or(Some(value.to_owned())),
                "ice-pwd" => password = password.or(Some(value.to_owned())),
                "fingerprint" => {
                    let hash = value
                        .split_once(' ')
                        .filter(|(name, _)| name.eq_ignore_ascii_case("sha-256"));
                    fingerprint =
                        fingerprint.or(hash.and_then(|(_, hash)| Fingerprint::parse(hash)));
                }
                "candidate" => {
                    candidates.extend(candidate(value, "udp"));
                    tcp_candidates.extend(candidate(value, "tcp"));
                }
                _ => {
                    if let Some(section) = sections.last_mut() {
                        section.read(name, value);
                    }
                }
            }
        }
        candidates.dedup();
        tcp_candidates.dedup();
        Ok(Self {
            credentials: Credentials {
                ufrag: ufrag.ok_or("the description has no a=ice-ufrag")?,
                password: password.ok_or("the description has no a=ice-pwd")?,
            },
            fingerprint: fingerprint.ok_or("the description has no a=fingerprint of SHA-256")?,
            candidates,
            tcp_candidates,
            sections,
        })
    }

    /// The sources of retransmissions of all sections, and whose each repeats.
    pub fn repairs(&self) -> Vec<(u32, u32)> {
        let sections = self.sections.iter();
        sections
            .flat_map(|section| section.repairs.clone())
            .collect()
    }

    pub fn section(&self, mid: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.mid == mid && !section.is_rejected)
    }
}

impl Section {
    fn new(media: &str) -> Result<Self, &'static str> {
        let mut words = media.split_ascii_whitespace();
        let kind = match words.next() {
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            _ => return Err("the description has a section that is neither audio nor video"),
        };
        Ok(Self {
            mid: String::new(),
            kind,
            is_rejected: words.next() == Some("0"),
            extensions: ExtensionIds::default(),
            payload_type: None,
            repair_type: None,
            takes_simulcast: false,
            repairs: Vec::new(),
        })
    }

    fn read(&mut self, name: &str, value: &str) {
        match name {
            "mid" => value.clone_into(&mut self.mid),
            "simulcast" => self.takes_simulcast = true,
            "ssrc-group" => {
                let words: Vec<_> = value.split_ascii_whitespace().collect();
                if let ["FID", media, repair] = words[..]
                    && let (Ok(media), Ok(repair)) = (media.parse(), repair.parse())
                {
                    self.repairs.push((repair, media));
                }
            }
            "extmap" => self.read_extension(value),
            "rtpmap" => {
                let Some((number, encoding)) = value.split_once(' ') else {
                    return;
                };
                let encoding = encoding.to_ascii_lowercase();
                let codec = match self.kind {
                    Kind::Audio => "opus/48000",
                    Kind::Video => "vp8/90000",
                };
                let number = number.parse().ok();
                if encoding.starts_with(codec) {
                    self.payload_type = self.payload_type.or(number);
                } else if encoding.starts_with("rtx/") {
                    self.repair_type = self.repair_type.or(number);
                }
            }
            _ => {}
        }
    }

    fn read_extension(&mut self, value: &str) {
        let Some((id, uri)) = value.split_once(' ') else {
            return;
        };
        let id = id.split('/').next().and_then(|id| id.parse().ok());
        let ids = &mut self.extensions;
        let known = match uri.split_ascii_whitespace().next() {
            Some(MID) => &mut ids.mid,
            Some(RID) => &mut ids.rid,
            Some(REPAIRED_RID) => &mut ids.repaired_rid,
            Some(AUDIO_LEVEL) => &mut ids.audio_level,
            Some(TRANSPORT_NUMBER) => &mut ids.transport_sequence_number,
            Some(DEPENDENCY_DESCRIPTOR) => &mut ids.dependency_descriptor,
            _ => return,
        };
        *known = id;
    }
}

/// An offer of ours.
pub fn offer(local: &LocalEnd, sections: &[OfferedSection]) -> String {
    let mut sdp = start(sections.iter().map(|section| section.mid.as_str()));
    for section in sections {
        let (formats, direction) = (
            match section.kind {
                Kind::Audio => "111",
                Kind::Video => "96 97",
            },
            match section.flow {
                Flow::Receive => "recvonly",
                Flow::Send { .. } | Flow::SendLayers { .. } => "sendonly",
            },
        );
        section_start(&mut sdp, section.kind, formats, &section.mid, local);
        // The client's role is always taken, so that there is one way only.
        push(&mut sdp, "a=setup:active");
        push(&mut sdp, &format!("a={direction}"));
        for (id, uri, kind) in OFFERED_EXTENSIONS {
            let is_of_layers = [RID, REPAIRED_RID].contains(uri);
            let has_layers = matches!(section.flow, Flow::SendLayers { .. });
            if kind.is_none_or(|kind| kind == section.kind) && (!is_of_layers || has_layers) {
                push(&mut sdp, &format!("a=extmap:{id} {uri}"));
            }
        }
        match section.kind {
            Kind::Audio => push(&mut sdp, OPUS),
            Kind::Video => push(&mut sdp, VP8),
        }
        match &section.flow {
            Flow::Receive => {}
            Flow::Send { ssrc, repair } => {
                let mid = &section.mid;
                push(&mut sdp, &format!("a=msid:load {mid}"));
                if let Some(repair) = repair {
                    push(&mut sdp, &format!("a=ssrc-group:FID {ssrc} {repair}"));
                }
                for ssrc in [Some(*ssrc), *repair].into_iter().flatten() {
                    push(&mut sdp, &format!("a=ssrc:{ssrc} cname:load"));
                }
            }
            Flow::SendLayers { rids } => {
                push(&mut sdp, &format!("a=msid:load {}", section.mid));
                for rid in rids {
                    push(&mut sdp, &format!("a=rid:{rid} send"));
                }
                push(&mut sdp, &format!("a=simulcast:send {}", rids.join(";")));
            }
        }
    }
    sdp
}

/// An answer to a peer that only sends.
pub fn receiving_answer(local: &LocalEnd, offered: &Description) -> String {
    let mut sdp = start(offered.sections.iter().map(|section| section.mid.as_str()));
    for section in &offered.sections {
        let Some(payload_type) = section.payload_type else {
            let media = match section.kind {
                Kind::Audio => "audio",
                Kind::Video => "video",
            };
            push(&mut sdp, &format!("m={media} 0 UDP/TLS/RTP/SAVPF 0"));
            push(&mut sdp, &format!("a=mid:{}\r\na=inactive", section.mid));
            continue;
        };
        let (encoding, formats) = match (section.kind, section.repair_type) {
            (Kind::Audio, _) => ("opus/48000/2", payload_type.to_string()),
            (Kind::Video, None) => ("VP8/90000", payload_type.to_string()),
            (Kind::Video, Some(repair)) => ("VP8/90000", format!("{payload_type} {repair}")),
        };
        section_start(&mut sdp, section.kind, &formats, &section.mid, local);
        push(&mut sdp, "a=setup:active\r\na=recvonly");
        push(&mut sdp, &format!("a=rtpmap:{payload_type} {encoding}"));
        if section.kind == Kind::Video {
            for feedback in ["nack", "nack pli", "ccm fir", "transport-cc"] {
                push(&mut sdp, &format!("a=rtcp-fb:{payload_type} {feedback}"));
            }
            if let Some(repair) = section.repair_type {
                push(&mut sdp, &format!("a=rtpmap:{repair} rtx/90000"));
                push(&mut sdp, &format!("a=fmtp:{repair} apt={payload_type}"));
            }
        }
        let ids = section.extensions;
        for (id, uri) in [
            (ids.mid, MID),
            (ids.transport_sequence_number, TRANSPORT_NUMBER),
            (ids.audio_level, AUDIO_LEVEL),
        ] {
            if let Some(id) = id {
                push(&mut sdp, &format!("a=extmap:{id} {uri}"));
            }
        }
    }
    sdp
}

fn start<'a>(mids: impl Iterator<Item = &'a str>) -> String {
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    sdp.push_str("a=group:BUNDLE");
    for mid in mids {
        // Writing to a string does not fail.
        let _ = write!(sdp, " {mid}");
    }
    sdp.push_str("\r\n");
    sdp
}

fn section_start(sdp: &mut String, kind: Kind, formats: &str, mid: &str, local: &LocalEnd) {
    let media = match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    };
    push(sdp, &format!("m={media} 9 UDP/TLS/RTP/SAVPF {formats}"));
    push(sdp, "c=IN IP4 0.0.0.0");
    push(sdp, &format!("a=mid:{mid}"));
    push(sdp, &format!("a=ice-ufrag:{}", local.credentials.ufrag));
    push(sdp, &format!("a=ice-pwd:{}", local.credentials.password));
    push(sdp, &format!("a=fingerprint:sha-256 {}", local.fingerprint));
    let (ip, port) = (local.candidate.ip(), local.candidate.port());
    push(
        sdp,
        &format!("a=candidate:1 1 udp {HOST_PRIORITY} {ip} {port} typ host"),
    );
    push(sdp, "a=rtcp-mux\r\na=rtcp-rsize");
}

fn push(sdp: &mut String, line: &str) {
    sdp.push_str(line);
    sdp.push_str("\r\n");
}

/// `1 1 udp 2130706431 192.0.2.1 3478 typ host …`
fn candidate(value: &str, wanted: &str) -> Option<SocketAddr> {
    let words: Vec<_> = value.split_ascii_whitespace().collect();
    let [_, "1", protocol, _, ip, port, "typ", "host", ..] = words[..] else {
        return None;
    };
    if !protocol.eq_ignore_ascii_case(wanted) {
        return None;
    }
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const TRANSPORT_NUMBER: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
const OFFERED_EXTENSIONS: &[(u8, &str, Option<Kind>)] = &[
    (1, AUDIO_LEVEL, Some(Kind::Audio)),
    (3, TRANSPORT_NUMBER, None),
    (4, MID, None),
    (10, RID, Some(Kind::Video)),
    (11, REPAIRED_RID, Some(Kind::Video)),
    (12, DEPENDENCY_DESCRIPTOR, Some(Kind::Video)),
];
const OPUS: &str =
    "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;cbr=1";
const VP8: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\n\
                   a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
                   a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96";
/// RFC 8445 §5.1.2.1, for one host candidate.
const HOST_PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> LocalEnd {
        LocalEnd {
            credentials: Credentials {
                ufrag: "abcd".into(),
                password: "0123456789012345678901".into(),
            },
            fingerprint: Fingerprint([7; 32]),
            candidate: "127.0.0.1:4000".parse().unwrap(),
        }
    }

    #[test]
    fn what_we_offer_can_be_read() {
        let sdp = offer(
            &local(),
            &[
                OfferedSection {
                    mid: "a".into(),
                    kind: Kind::Audio,
                    flow: Flow::Send {
                        ssrc: 9,
                        repair: Some(8),
                    },
                },
                OfferedSection {
                    mid: "v".into(),
                    kind: Kind::Video,
                    flow: Flow::SendLayers {
                        rids: vec!["q".into(), "f".into()],
                    },
                },
            ],
        );

        let description = Description::parse(&sdp).unwrap();

        assert_eq!(description.credentials, local().credentials);
        assert_eq!(description.fingerprint, local().fingerprint);
        assert_eq!(description.candidates, [local().candidate]);
        let audio = description.section("a").unwrap();
        assert_eq!(audio.payload_type, Some(111));
        assert_eq!(audio.extensions.audio_level, Some(1));
        assert_eq!(audio.extensions.rid, None);
        assert_eq!(audio.repairs, [(8, 9)]);
        let video = description.section("v").unwrap();
        assert_eq!(
            (video.payload_type, video.repair_type),
            (Some(96), Some(97))
        );
        assert_eq!(video.extensions.rid, Some(10));
        assert!(video.takes_simulcast);
    }

    #[test]
    fn an_answer_takes_what_is_offered_under_its_numbers() {
        let offered = Description::parse(
            "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
             a=fingerprint:sha-256 07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 120 121\r\na=mid:x\r\na=rtpmap:120 VP8/90000\r\n\
             a=rtpmap:121 rtx/90000\r\n\
             a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
        )
        .unwrap();

        let answer = Description::parse(&receiving_answer(&local(), &offered)).unwrap();

        let section = answer.section("x").unwrap();
        assert_eq!(section.payload_type, Some(120));
        assert_eq!(section.repair_type, Some(121));
        assert_eq!(section.extensions.mid, Some(7));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            Description::parse("v=0\r\n"),
            Err("the description has no a=ice-ufrag")
        );
    }

    #[test]
    fn rejected_sections_and_other_candidates_are_left_out() {
        assert_eq!(candidate("1 1 tcp 1 127.0.0.1 9 typ host", "udp"), None);
        assert_eq!(candidate("1 2 udp 1 127.0.0.1 9 typ host", "udp"), None);
        assert!(
            Section::new("video 0 UDP/TLS/RTP/SAVPF 96")
                .unwrap()
                .is_rejected
        );
    }
}
