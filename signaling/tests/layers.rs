//! Offers of simulcast layers, of several codecs, and of the Dependency
//! Descriptor, and what is taken of them.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use sfu::rtp::{Codec, PayloadType, Ssrc};
use sfu::transport::{Fingerprint, IceCredentials};
use signaling::SlotsBy;
use signaling::protocol::{PublicationSection, SlotSections};
use signaling::sdp::{
    InvalidOffer, LocalTransport, Negotiated, Negotiation, SlotSources, VideoCodecs,
};

#[test]
fn the_layers_of_a_camera_are_taken_in_their_order() {
    let negotiated = answer(&simulcast("send q;h;f", &["q", "h", "f"])).expect("it is good");

    let camera = &negotiated.media.publications[1];
    assert_eq!(camera.stream_ids, ["q", "h", "f"]);
    assert_eq!(negotiated.media.extensions.stream_id, Some(10));
    assert_eq!(negotiated.media.extensions.repaired_stream_id, Some(11));
    let section = section(&negotiated.answer, "1");
    for line in [
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    ] {
        assert!(section.lines().any(|of| of == line), "{line} in {section}");
    }
    assert_eq!(negotiated.answer.matches("a=simulcast:").count(), 1);
}

#[test]
fn of_more_layers_than_are_forwarded_the_first_are_taken() {
    let offer = simulcast("send a;b,x;~c;d", &["a", "b", "x", "c", "d"]);

    let negotiated = answer(&offer).expect("it is good");

    assert_eq!(negotiated.media.publications[1].stream_ids, ["a", "b", "c"]);
    assert!(!negotiated.answer.contains("a=rid:d"));
}

#[test]
fn layers_that_no_packet_could_name_are_not_taken() {
    let mut offer = simulcast("send q;h", &["q", "h"]);
    offer.sdp = offer.sdp.replace("rtp-stream-id", "rtp-stream-no");

    let negotiated = answer(&offer).expect("it is good");

    assert!(negotiated.media.publications[1].stream_ids.is_empty());
    assert!(!negotiated.answer.contains("simulcast"));
}

#[test]
fn malformed_layers_are_refused() {
    for (line, ids) in [
        ("send", &["q"][..]),
        ("send q;", &["q"]),
        ("send q;q", &["q"]),
        ("send q;h", &["q"]),
        ("send q recv", &["q"]),
        ("both q", &["q"]),
        ("send q-1", &["q-1"]),
        ("send 12345678901234567", &["12345678901234567"]),
    ] {
        let refusal = answer(&simulcast(line, ids)).expect_err(line).to_string();

        assert!(refusal.contains("a=simulcast"), "{line}: {refusal}");
    }
}

#[test]
fn an_extension_for_sending_only_is_answered_in_kind() {
    let mut offer = simulcast("send q;h", &["q", "h"]);
    offer.sdp = offer.sdp.replace("a=extmap:10 ", "a=extmap:10/sendonly ");

    let negotiated = answer(&offer).expect("it is good");

    assert_eq!(negotiated.media.extensions.stream_id, Some(10));
    assert!(
        negotiated
            .answer
            .contains("a=extmap:10/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n")
    );
}

#[test]
fn the_dependency_descriptor_is_taken_both_ways_where_its_long_form_is() {
    for (allows_mixed, expected) in [(true, true), (false, false)] {
        let mut offer = offer("chromium-trimmed-2");
        let line = format!("a=extmap:9 {DESCRIPTOR}\r\na=rtcp-rsize\r\n");
        offer.sdp = offer.sdp.replace("a=rtcp-rsize\r\n", &line);
        if !allows_mixed {
            offer.sdp = offer.sdp.replace("a=extmap-allow-mixed\r\n", "");
        }

        let negotiated = answer(&offer).expect("it is good");

        assert_eq!(negotiated.media.extensions.dependency_descriptor, Some(9));
        let slots = &negotiated.media.slots;
        assert!(slots[1].dependency_descriptor == expected && !slots[0].dependency_descriptor);
        assert!(section(&negotiated.answer, "1").contains(DESCRIPTOR));
        let in_slot = section(&negotiated.answer, "3").contains(DESCRIPTOR);
        assert_eq!(in_slot, expected);
    }
}

#[test]
fn of_the_rooms_codecs_those_offered_are_taken_in_the_rooms_order() {
    let offer = offer("chromium-full-1");
    let rooms = VideoCodecs::new(&[Codec::Av1, Codec::Vp8, Codec::Vp9]).expect("VP8 is there");

    let negotiated = negotiate(&offer, rooms).expect("it is good");

    for codecs in [
        &negotiated.media.publications[1].codecs,
        &negotiated.media.slots[1].codecs,
    ] {
        let names: Vec<_> = codecs.iter().map(|of| of.codec).collect();
        assert_eq!(names, [Codec::Av1, Codec::Vp8, Codec::Vp9]);
        let numbers: Vec<_> = codecs.iter().map(|of| (of.payload_type, of.rtx)).collect();
        let expected = [(45, 46), (96, 97), (98, 99)]
            .map(|(number, rtx)| (PayloadType(number), Some(PayloadType(rtx))));
        assert_eq!(numbers, expected);
    }
    let camera = section(&negotiated.answer, "1");
    assert!(camera.starts_with("video 9 UDP/TLS/RTP/SAVPF 45 46 96 97 98 99\r\n"));
    for line in [
        "a=rtpmap:45 AV1/90000",
        "a=fmtp:98 profile-id=0",
        "a=fmtp:46 apt=45",
        "a=rtcp-fb:45 nack pli",
    ] {
        assert!(camera.lines().any(|of| of == line), "{line} in {camera}");
    }
}

#[test]
fn profiles_that_not_everybody_decodes_are_passed_over() {
    let mut offer = offer("chromium-full-1");
    offer.sdp = offer
        .sdp
        .replace("a=fmtp:98 profile-id=0", "a=fmtp:98 profile-id=2")
        .replace("profile=0", "profile=1");

    let rooms = VideoCodecs::new(&[Codec::Vp9, Codec::Vp8, Codec::Av1]).expect("VP8 is there");
    let negotiated = negotiate(&offer, rooms).expect("it is good");

    let camera = &negotiated.media.publications[1].codecs;
    let names: Vec<_> = camera.iter().map(|of| of.codec).collect();
    assert_eq!(names, [Codec::Vp8]);
}

#[test]
fn a_room_without_vp8_or_with_sound_for_video_cannot_be() {
    assert_eq!(VideoCodecs::new(&[Codec::Vp9, Codec::Av1]), None);
    assert_eq!(VideoCodecs::new(&[Codec::Vp8, Codec::Opus]), None);
    assert_eq!(VideoCodecs::new(&[Codec::Vp8, Codec::Vp8]), None);
    assert_eq!(VideoCodecs::new(&[]), None);
}

/// The camera's section with layers, as Chromium writes it.
fn simulcast(line: &str, ids: &[&str]) -> Offer {
    let mut offer = offer("chromium-trimmed-2");
    let ids: Vec<_> = ids.iter().map(|id| format!("a=rid:{id} send")).collect();
    let lines = format!("{}\r\na=simulcast:{line}\r\na=mid:1\r\n", ids.join("\r\n"));
    offer.sdp = offer.sdp.replace("a=mid:1\r\n", &lines);
    offer
}

/// The section of an answer with this `a=mid`, from the word after `m=` on.
fn section<'a>(answer: &'a str, mid: &str) -> &'a str {
    let line = format!("\r\na=mid:{mid}\r\n");
    answer
        .split("\r\nm=")
        .find(|section| section.contains(&line))
        .expect("it is answered")
}

#[derive(Deserialize)]
struct Offer {
    sdp: String,
    publications: Vec<PublicationSection>,
    slots: Vec<SlotSections>,
}

fn offer(name: &str) -> Offer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.json"));
    let text = fs::read_to_string(path).expect("the fixture is there");
    serde_json::from_str(&text).expect("the fixture is an offer message")
}

fn answer(offer: &Offer) -> Result<Negotiated, InvalidOffer> {
    negotiate(offer, VideoCodecs::default())
}

fn negotiate(offer: &Offer, codecs: VideoCodecs) -> Result<Negotiated, InvalidOffer> {
    let local = LocalTransport {
        credentials: IceCredentials {
            ufrag: "localufrag".into(),
            password: "a-local-password-of-24-c".into(),
        },
        ufrag_prefix: "00".into(),
        fingerprint: Fingerprint([7; 32]),
        candidates: Vec::new(),
        tcp_candidates: Vec::new(),
        session_id: 42,
    };
    let slots = (0..2)
        .map(|slot| SlotSources {
            audio: Ssrc(100 + slot * 3),
            video: Ssrc(101 + slot * 3),
            video_rtx: Ssrc(102 + slot * 3),
        })
        .collect();
    let slots = SlotsBy {
        people: slots,
        screens: Vec::new(),
    };
    let offered = SlotsBy {
        people: &offer.slots[..],
        screens: &[],
    };
    Negotiation::new(local, slots)
        .with_video_codecs(codecs)
        .answer(&offer.sdp, &offer.publications, offered)
}

const DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
