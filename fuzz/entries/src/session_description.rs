//! Offers. The input is the text of a session description.

use std::io::Cursor;

use rtc_sdp::SessionDescription;
use sfu::rtp::Ssrc;
use sfu::transport::{Fingerprint, IceCredentials};
use signaling::SlotsBy;
use signaling::protocol::{PublicationSection, PublicationSource, SlotSections};
use signaling::sdp::{LocalTransport, Negotiated, Negotiation, SlotSources};

/// Answers an offer.
pub fn run(data: &[u8]) {
    is_answered(data);
}

/// Whether the offer is good; its sections are numbered as the seeds have
/// them, with one or two slots.
pub fn is_answered(data: &[u8]) -> bool {
    let sdp = String::from_utf8_lossy(data);
    let publications = [
        publication("0", PublicationSource::Microphone),
        publication("1", PublicationSource::Camera),
    ];
    let mut slots = vec![slot("2", "3")];
    if sdp.contains("a=mid:5") {
        slots.push(slot("4", "5"));
    }
    let mut negotiation = negotiation(
        0,
        SlotsBy {
            people: slots.len() as u16,
            screens: 0,
        },
    );
    let slots = SlotsBy {
        people: &slots[..],
        screens: &[],
    };
    match negotiation.answer(&sdp, &publications, slots) {
        Err(refusal) => {
            assert!(refusal.to_string().len() < 200);
            false
        }
        Ok(negotiated) => {
            check_answer(&sdp, &negotiated);
            let again = negotiation
                .answer(&sdp, &publications, slots)
                .expect("what was taken once is taken again");
            assert_eq!(again.media, negotiated.media);
            assert_eq!(again.transport, negotiated.transport);
            true
        }
    }
}

/// What a participant negotiates with; `number` sets its sources apart.
pub(crate) fn negotiation(number: u32, count: SlotsBy<u16>) -> Negotiation {
    let mut slots: Vec<_> = (0..u32::from(count.people + count.screens))
        .map(|slot| SlotSources {
            audio: Ssrc(number * 0x100 + slot * 3),
            video: Ssrc(number * 0x100 + slot * 3 + 1),
            video_rtx: Ssrc(number * 0x100 + slot * 3 + 2),
        })
        .collect();
    let local = LocalTransport {
        credentials: IceCredentials {
            ufrag: format!("node{number}"),
            password: "a-local-password-of-24-c".into(),
        },
        ufrag_prefix: "00".into(),
        fingerprint: Fingerprint([7; 32]),
        candidates: vec![([192, 0, 2, 1], 443).into()],
        tcp_candidates: vec![([192, 0, 2, 1], 443).into()],
        session_id: 42,
    };
    let screens = slots.split_off(usize::from(count.people));
    let people = slots;
    Negotiation::new(local, SlotsBy { people, screens }).with_restarts(|prefix| IceCredentials {
        ufrag: format!("{prefix}fresh"),
        password: "another-password-of-24-c".into(),
    })
}

/// Nothing that an offer says breaks out of its line of the answer.
pub(crate) fn check_answer(offer: &str, negotiated: &Negotiated) {
    let answer = &negotiated.answer;
    assert!(answer.len() <= 2 * offer.len() + 4096);
    let lines = answer.strip_suffix("\r\n").expect("a whole last line");
    for line in lines.split("\r\n") {
        let bytes = line.as_bytes();
        assert!(bytes.len() > 2 && bytes[0].is_ascii_lowercase() && bytes[1] == b'=');
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let sections = |text: &str| {
        SessionDescription::unmarshal(&mut Cursor::new(text))
            .map(|description| description.media_descriptions.len())
            .ok()
    };
    assert_eq!(sections(answer), sections(offer), "{answer}");

    let media = &negotiated.media;
    assert!(media.publications.len() <= 4 && media.slots.len() <= 8);
    for publication in &media.publications {
        assert!(publication.mid.len() <= 16);
        assert!(publication.ssrcs.len() <= 16 && publication.rtx_ssrcs.len() <= 32);
    }
}

fn publication(mid: &str, source: PublicationSource) -> PublicationSection {
    PublicationSection {
        mid: mid.into(),
        source,
    }
}

fn slot(audio: &str, video: &str) -> SlotSections {
    SlotSections {
        audio: audio.into(),
        video: video.into(),
    }
}

pub const DICTIONARY: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
    b"m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n",
    b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    b"a=mid:",
    b"a=mid:1\r\n",
    b"a=sendonly\r\n",
    b"a=recvonly\r\n",
    b"a=inactive\r\n",
    b"a=bundle-only\r\n",
    b"a=rtcp-mux\r\n",
    b"a=group:BUNDLE ",
    b"a=extmap:15 ",
    b"a=extmap:255 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
    b"a=rtpmap:96 VP8/90000\r\n",
    b"a=rtpmap:97 rtx/90000\r\n",
    b"a=fmtp:97 apt=96\r\n",
    b"a=rtcp-fb:* nack pli\r\n",
    b"a=ssrc:4294967295 cname:x\r\n",
    b"a=ssrc-group:FID 1 2\r\n",
    b"a=fingerprint:sha-256 ",
    b"a=setup:passive\r\n",
    b"a=ice-ufrag:",
    b"a=ice-pwd:",
    b"a=simulcast:send q;h;f\r\n",
    b"c=IN IP6 ::1\r\n",
    b"b=AS:1\r\n",
    b"t=0 0\r\n",
    b"r=7d 1h 0 25h\r\n",
    b"z=2882844526 -1h\r\n",
    b"k=prompt\r\n",
    b"\xE2\x80\xA8",
];
