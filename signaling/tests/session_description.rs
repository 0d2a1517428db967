//! Real browsers' offers, and broken ones, are answered as they should be.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use sfu::identity::{MediaKind, SlotId, Source};
use sfu::rtp::extensions::ExtensionIds;
use sfu::rtp::{Codec, PayloadType, Ssrc};
use sfu::transport::{Fingerprint, IceCredentials};
use signaling::SlotsBy;
use signaling::protocol::{PublicationSection, PublicationSource, SlotSections};
use signaling::sdp::{InvalidOffer, LocalTransport, Negotiated, Negotiation, SlotSources};

#[test]
fn chromium_is_understood() {
    let media = answer(&offer("chromium-trimmed-2"))
        .expect("it is good")
        .media;

    assert_eq!(
        media.extensions,
        ExtensionIds {
            mid: Some(4),
            audio_level: Some(1),
            transport_sequence_number: Some(3),
            absolute_send_time: Some(2),
            stream_id: Some(10),
            repaired_stream_id: Some(11),
            dependency_descriptor: None,
        }
    );
    let [microphone, camera] = &media.publications[..] else {
        panic!("two publications are offered");
    };
    assert_eq!(microphone.source, Source::Microphone);
    assert_eq!(microphone.codecs[0].codec, Codec::Opus);
    assert_eq!(microphone.codecs[0].payload_type, PayloadType(111));
    assert_eq!(microphone.codecs[0].rtx, None);
    assert_eq!(microphone.ssrcs.len(), 1);
    assert_eq!(camera.source, Source::Camera);
    assert_eq!(camera.mid, "1");
    assert_eq!(camera.codecs[0].codec, Codec::Vp8);
    assert_eq!(camera.codecs[0].payload_type, PayloadType(96));
    assert_eq!(camera.codecs[0].rtx, Some(PayloadType(97)));
    // The retransmissions' source is not one of a stream.
    assert_eq!(camera.ssrcs.len(), 1);
    assert_eq!(camera.rtx_ssrcs.len(), 1);

    let slots: Vec<_> = media
        .slots
        .iter()
        .map(|slot| {
            (
                slot.slot,
                slot.kind,
                slot.mid.as_str(),
                slot.ssrc,
                slot.rtx_ssrc,
            )
        })
        .collect();
    assert_eq!(
        slots,
        [
            (SlotId(0), MediaKind::Audio, "2", Ssrc(100), None),
            (SlotId(1), MediaKind::Video, "3", Ssrc(101), Some(Ssrc(102))),
            (SlotId(2), MediaKind::Audio, "4", Ssrc(103), None),
            (SlotId(3), MediaKind::Video, "5", Ssrc(104), Some(Ssrc(105))),
        ]
    );
}

#[test]
fn firefox_is_understood() {
    let negotiated = answer(&offer("firefox-trimmed-2")).expect("it is good");

    assert_eq!(
        negotiated.media.extensions,
        ExtensionIds {
            mid: Some(3),
            audio_level: Some(1),
            transport_sequence_number: Some(7),
            absolute_send_time: Some(4),
            ..ExtensionIds::default()
        }
    );
    assert_eq!(
        negotiated.media.publications[1].codecs[0].payload_type,
        PayloadType(120)
    );
    assert_eq!(
        negotiated.media.publications[1].codecs[0].rtx,
        Some(PayloadType(124))
    );
    assert_eq!(negotiated.media.slots.len(), 4);
    // Bundled sections with a zero port are alive.
    assert!(!negotiated.answer.contains(" 0 UDP/TLS"));
}

#[test]
fn untrimmed_offers_come_to_the_same_codecs_first() {
    for name in ["chromium-full-1", "firefox-full-1"] {
        let negotiated = answer(&offer(name)).expect("it is good");

        let codecs: Vec<_> = negotiated
            .media
            .slots
            .iter()
            .map(|slot| slot.codecs[0].codec)
            .collect();
        assert_eq!(codecs, [Codec::Opus, Codec::Vp8], "{name}");
        for absent in ["H264", "red/90000", "ulpfec", "G722", "PCMU"] {
            assert!(!negotiated.answer.contains(absent), "{name}: {absent}");
        }
    }
}

#[test]
fn red_is_taken_behind_the_opus_that_it_repeats() {
    for (name, expected) in [("chromium-full-1", true), ("firefox-full-1", false)] {
        let negotiated = answer(&offer(name)).expect("it is good");

        let sound = [
            &negotiated.media.publications[0].codecs,
            &negotiated.media.slots[0].codecs,
        ];
        for codecs in sound {
            let codecs: Vec<_> = codecs.iter().map(|of| (of.codec, of.rtx)).collect();
            let both = [(Codec::Opus, None), (Codec::Red, None)];
            assert_eq!(codecs, &both[..=usize::from(expected)], "{name}");
        }
        let lines = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
        assert_eq!(negotiated.answer.contains(lines), expected, "{name}");
        assert_eq!(
            negotiated.answer.contains(" 111 63\r\n"),
            expected,
            "{name}"
        );
    }
}

#[test]
fn red_of_anything_but_the_opus_that_is_taken_is_not_taken() {
    let long = "111/111/111/111/111/111/111/111/111";
    for format in ["", "111", "111/0", "0/111", "111/", "/111", "111 111", long] {
        let mut offer = offer("chromium-full-1");
        let line = format!("a=fmtp:63 {format}");
        offer.sdp = offer.sdp.replace("a=fmtp:63 111/111", &line);

        let negotiated = answer(&offer).expect("it is good");

        assert!(!negotiated.answer.contains("red/"), "{format}");
        assert_eq!(negotiated.media.slots[0].codecs.len(), 1, "{format}");
    }
}

#[test]
fn sound_without_redundancy_bears_nothing_that_would_differ_if_it_was_sent_again() {
    for (name, has_stamps) in [
        ("chromium-full-1", true),
        ("chromium-trimmed-2", false),
        ("firefox-trimmed-2", false),
        ("firefox-full-1", false),
    ] {
        let answer = answer(&offer(name)).expect("it is good").answer;

        let sections = || answer.split("\r\nm=").skip(1);
        let microphone = sections().next().expect("a microphone");
        assert!(microphone.starts_with("audio") && microphone.contains("a=recvonly"));
        for stamp in ["transport-wide-cc", "abs-send-time"] {
            let extension = |section: &str| {
                lines(section, "a=extmap:").any(|extension| extension.contains(stamp))
            };
            let is_offered = offer(name).sdp.contains(stamp);
            assert_eq!(extension(microphone), has_stamps && is_offered, "{name}");
            // Pictures have retransmissions of their own.
            let camera = sections().nth(1).expect("a camera");
            assert_eq!(extension(camera), is_offered, "{name}");
        }
    }
}

#[test]
fn feedback_is_of_payload_types_in_the_section_and_was_offered() {
    for name in FIXTURES {
        let offer = offer(name);
        let answer = answer(&offer).expect("it is good").answer;

        for section in answer.split("\r\nm=").skip(1) {
            let formats: Vec<_> = section
                .lines()
                .next()
                .expect("a section has a line")
                .split(' ')
                .skip(3)
                .collect();
            for line in lines(section, "a=rtcp-fb:") {
                let (number, feedback) = line.split_once(' ').expect("a number and a feedback");
                assert!(formats.contains(&number), "{name}: {line}");
                assert_ne!(feedback, "goog-remb");
                assert!(offer.sdp.contains(&format!("a=rtcp-fb:{line}\r\n")));
            }
        }
        assert!(answer.contains(" nack pli\r\n"), "{name}");
    }
}

#[test]
fn pictures_are_never_turned_by_receivers() {
    for name in FIXTURES {
        let answer = answer(&offer(name)).expect("it is good").answer;

        assert!(!answer.contains("video-orientation"), "{name}");
    }
}

#[test]
fn the_answer_describes_one_passive_ice_lite_transport() {
    let negotiated = answer(&offer("chromium-trimmed-2")).expect("it is good");
    let text = &negotiated.answer;

    assert_eq!(lines(text, "a=ice-lite").count(), 1);
    assert_eq!(
        lines(text, "a=ice-ufrag:").collect::<Vec<_>>(),
        ["localufrag"]
    );
    assert_eq!(lines(text, "a=setup:").collect::<Vec<_>>(), ["passive"]);
    let session_level = text.split("m=").next().expect("there is one");
    for line in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"] {
        assert_eq!(lines(session_level, line).count(), 1, "{line}");
    }
    assert_eq!(
        lines(text, "a=candidate:").collect::<Vec<_>>(),
        [
            "1 1 udp 33555199 192.0.2.1 8443 typ host",
            "2 1 udp 33555199 2001:db8::1 8443 typ host",
            "3 1 tcp 33554943 192.0.2.1 443 typ host tcptype passive",
        ]
    );
    assert_eq!(lines(text, "a=end-of-candidates").count(), 1);
    assert_eq!(
        lines(text, "a=group:BUNDLE ").collect::<Vec<_>>(),
        ["0 1 2 3 4 5"]
    );
    assert_eq!(lines(text, "a=rtcp-mux").count(), 6);
    assert_eq!(lines(text, "a=recvonly").count(), 2);
    assert_eq!(lines(text, "a=sendonly").count(), 4);
    assert_eq!(negotiated.transport.local, local().credentials);
    assert_eq!(negotiated.transport.remote.ufrag.len(), 4);
    assert!(
        text.lines()
            .all(|line| line.is_char_boundary(1) && &line[1..2] == "=")
    );
}

#[test]
fn the_halves_of_a_slot_share_a_stream_id() {
    let text = answer(&offer("chromium-trimmed-2"))
        .expect("it is good")
        .answer;

    assert_eq!(
        lines(&text, "a=msid:").collect::<Vec<_>>(),
        [
            "slot-0 slot-0-audio",
            "slot-0 slot-0-video",
            "slot-1 slot-1-audio",
            "slot-1 slot-1-video",
        ]
    );
    assert_eq!(
        lines(&text, "a=ssrc-group:FID ").collect::<Vec<_>>(),
        ["101 102", "104 105"]
    );
}

#[test]
fn opus_keeps_its_parameters() {
    let text = answer(&offer("chromium-trimmed-2"))
        .expect("it is good")
        .answer;

    assert!(text.contains("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0;cbr=1\r\n"));
}

#[test]
fn what_the_client_does_not_name_is_rejected_in_its_place() {
    let mut offer = offer("chromium-full-1");
    offer.publications.remove(1);

    let text = answer(&offer).expect("it is good").answer;

    let ports: Vec<_> = lines(&text, "m=")
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        ports,
        ["audio 9", "video 0", "audio 9", "video 9", "application 0"]
    );
    assert_eq!(
        lines(&text, "a=group:BUNDLE ").collect::<Vec<_>>(),
        ["0 2 3"]
    );
}

#[test]
fn without_retransmissions_offered_none_are_answered() {
    let mut offer = offer("chromium-trimmed-2");
    offer.sdp = offer
        .sdp
        .replace("SAVPF 96 97", "SAVPF 96")
        .replace("a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n", "");

    let negotiated = answer(&offer).expect("it is good");

    assert!(!negotiated.answer.contains("rtx"));
    assert!(!negotiated.answer.contains("FID"));
    assert!(
        negotiated
            .media
            .slots
            .iter()
            .all(|slot| slot.rtx_ssrc.is_none())
    );
}

#[test]
fn a_later_offer_keeps_the_sources_and_the_transport() {
    let offer = offer("chromium-trimmed-2");
    let mut negotiation = negotiation();
    let mut fewer = offer.clone();
    fewer.slots.pop();

    let first = negotiate(&mut negotiation, &fewer).expect("it is good");
    let second = negotiate(&mut negotiation, &offer).expect("it is good");

    assert_eq!(first.slots.people, 1);
    assert_eq!(second.slots.people, 2);
    assert_eq!(first.media.slots[..], second.media.slots[..2]);
    assert_eq!(first.transport, second.transport);
    assert!(first.answer.contains("o=- 42 1 "));
    assert!(second.answer.contains("o=- 42 2 "));
}

#[test]
fn an_offer_with_new_credentials_restarts_ice_and_nothing_else() {
    let offer = offer("chromium-trimmed-2");
    let mut negotiation = negotiation();
    let first = negotiate(&mut negotiation, &offer).expect("it is good");

    let second = negotiate(&mut negotiation, &restarted(&offer, "1")).expect("it is a restart");
    let again = negotiate(&mut negotiation, &restarted(&offer, "1")).expect("it is known");
    let third = negotiate(&mut negotiation, &restarted(&offer, "2")).expect("it is a restart");

    let restarts = [&first, &second, &again, &third].map(|of| of.restarts_ice);
    assert_eq!(restarts, [false, true, false, true]);
    assert_eq!(second.media, first.media);
    assert_eq!(second.slots, first.slots);
    let (before, after) = (&first.transport, &second.transport);
    assert_eq!(after.remote_fingerprint, before.remote_fingerprint);
    assert_eq!(after.remote.ufrag, format!("{}1", before.remote.ufrag));
    let priorities = ["1 1 udp ", "3 1 tcp "].map(|candidate| {
        let of = |of: &Negotiated| {
            let start = format!("a=candidate:{candidate}");
            let mut candidates = lines(&of.answer, &start);
            let (priority, _) = candidates.next()?.split_once(' ')?;
            priority.parse::<u32>().ok()
        };
        [&first, &second, &again, &third]
            .map(of)
            .map(Option::unwrap)
    });
    // UDP before TCP, and either after a restart before both before it.
    let in_order = [[2, 4, 4, 6], [1, 3, 3, 5]];
    let expected = in_order.map(|of| of.map(|place| 2 << 24 | place << 8 | 255));
    assert_eq!(priorities, expected);
    assert!(second.transport.local.ufrag.starts_with("07"));
    // All of it is in the answer, and differs each time.
    let locals = [&first, &second, &third].map(|of| of.transport.local.clone());
    for (local, negotiated) in locals.iter().zip([&first, &second, &third]) {
        for line in [
            format!("a=ice-ufrag:{}\r\n", local.ufrag),
            format!("a=ice-pwd:{}\r\n", local.password),
        ] {
            assert_eq!(negotiated.answer.matches(&line).count(), 1);
        }
    }
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        assert_ne!(locals[one].ufrag, locals[other].ufrag);
        assert_ne!(locals[one].password, locals[other].password);
    }
    assert_eq!(again.transport, second.transport);
}

#[test]
fn half_a_restart_or_another_certificate_is_refused_and_changes_nothing() {
    let good = offer("chromium-trimmed-2");
    let mut negotiation = negotiation();
    let first = negotiate(&mut negotiation, &good).expect("it is good");
    let whole = restarted(&good, "1");
    let only_name = Offer {
        sdp: good.sdp.replace("a=ice-ufrag:", "a=ice-ufrag:x"),
        ..good.clone()
    };
    let only_password = Offer {
        sdp: good.sdp.replace("a=ice-pwd:", "a=ice-pwd:x"),
        ..good.clone()
    };
    let certificate = Offer {
        sdp: whole
            .sdp
            .replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:"),
        ..good.clone()
    };
    let mut other = good.clone();
    let start = good.sdp.find("sha-256 ").expect("it has one") + "sha-256 ".len();
    let pair = if &good.sdp[start..start + 2] == "00" {
        "01"
    } else {
        "00"
    };
    let whole_line = &good.sdp[start..start + 95];
    other.sdp = good
        .sdp
        .replace(whole_line, &format!("{pair}{}", &whole_line[2..]));

    for bad in [
        &only_name,
        &only_password,
        &certificate,
        &other,
        &restarted(&other, "1"),
    ] {
        let refusal = negotiate(&mut negotiation, bad).expect_err("it is no restart");
        assert!(refusal.to_string().len() < 200);
    }

    let second = negotiate(&mut negotiation, &good).expect("it is good");
    assert_eq!(second.transport, first.transport);
    assert!(!second.restarts_ice);
}

/// The same offer with other ICE credentials in all its sections.
fn restarted(offer: &Offer, suffix: &str) -> Offer {
    let lines = offer.sdp.split_inclusive("\r\n").map(|line| {
        let is_credential = line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:");
        match line.strip_suffix("\r\n") {
            Some(text) if is_credential => format!("{text}{suffix}\r\n"),
            _ => line.to_owned(),
        }
    });
    Offer {
        sdp: lines.collect(),
        ..offer.clone()
    }
}

#[test]
fn a_slot_is_never_taken_back() {
    let good = offer("chromium-trimmed-2");
    let mut negotiation = negotiation();
    negotiate(&mut negotiation, &good).expect("it is good");
    let mut fewer = good.clone();
    fewer.slots.pop();

    let refusal = negotiate(&mut negotiation, &fewer).expect_err("a slot is missing");

    assert!(refusal.to_string().contains("fewer slots"), "{refusal}");
    assert!(negotiate(&mut negotiation, &good).is_ok());
}

#[test]
fn a_screen_slot_keeps_its_number_however_many_others_are_offered() {
    let mut offer = offer("chromium-trimmed-2");
    offer.screen_slots = vec![offer.slots.pop().expect("it has two slots")];
    offer.publications[0].source = PublicationSource::ScreenAudio;
    offer.publications[1].source = PublicationSource::Screen;

    let negotiated = answer(&offer).expect("the offer is good");

    let sources = negotiated.media.publications.iter();
    assert_eq!(
        sources.map(|sent| sent.source).collect::<Vec<_>>(),
        [Source::ScreenAudio, Source::Screen]
    );
    let slots = negotiated.media.slots.iter();
    assert_eq!(
        slots.map(|slot| (slot.slot, slot.ssrc)).collect::<Vec<_>>(),
        [
            (SlotId(0), Ssrc(100)),
            (SlotId(1), Ssrc(101)),
            (SlotId(4), Ssrc(106)),
            (SlotId(5), Ssrc(107)),
        ]
    );
    let counts = (negotiated.slots.people, negotiated.slots.screens);
    assert_eq!(counts, (1, 1));

    let screens = std::mem::take(&mut offer.screen_slots);
    offer.screen_slots = [screens.clone(), screens].concat();
    let refusal = answer(&offer).expect_err("there is one screen slot");
    assert!(refusal.to_string().contains("more slots"), "{refusal}");
}

#[test]
fn each_fault_is_named() {
    let cases: &[(&str, &str, &str)] = &[
        ("a=rtcp-mux\r\n", "", "rtcp-mux"),
        ("a=group:BUNDLE 0 1 2 3 4 5\r\n", "", "bundled"),
        ("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1", "bundled"),
        ("a=setup:actpass", "a=setup:passive", "setup"),
        ("a=setup:actpass\r\n", "", "setup"),
        (
            "a=fingerprint:sha-256",
            "a=fingerprint:sha-1",
            "fingerprint",
        ),
        ("a=ice-pwd:", "a=ice-pwd: ", "ice-pwd"),
        ("a=ice-ufrag:", "a=ice-ufrag:é", "ice-ufrag"),
        ("a=sendonly", "a=sendrecv", "sendonly"),
        ("a=recvonly", "a=sendrecv", "recvonly"),
        ("opus/48000/2", "opas/48000/2", "Opus"),
        ("VP8/90000", "VP7/90000", "no codec"),
        ("a=mid:0\r\n", "", "mid"),
        ("a=mid:0\r\n", "a=mid:1\r\n", "twice"),
        ("a=mid:0\r\n", "a=mid:a b\r\n", "mid"),
        ("a=mid:0\r\n", "a=mid:12345678901234567\r\n", "mid"),
        ("a=mid:5\r\n", "a=mid:6\r\n", "not there"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "SAVPF"),
        ("m=audio 9", "m=audio 0", "stopped"),
        ("a=extmap:1 ", "a=extmap:0 ", "extmap"),
        ("a=extmap:1 ", "a=extmap:x ", "extmap"),
        ("a=ssrc:", "a=ssrc:x", "ssrc"),
        ("v=0", "v=x", "not a session description"),
    ];
    for (from, to, expected) in cases {
        let mut offer = offer("chromium-trimmed-2");
        assert!(offer.sdp.contains(from), "{from}");
        offer.sdp = offer.sdp.replace(from, to);

        let refusal = answer(&offer).expect_err(from).to_string();

        assert!(refusal.contains(expected), "{from}: {refusal}");
    }
}

#[test]
fn one_extension_has_one_number_in_a_bundle() {
    let mut offer = offer("chromium-trimmed-2");
    offer.sdp = offer.sdp.replacen(
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
        1,
    );

    let refusal = answer(&offer).expect_err("the numbers differ").to_string();

    assert!(refusal.contains("header extension"), "{refusal}");
}

#[test]
fn contradicting_purposes_are_refused() {
    let good = offer("chromium-trimmed-2");

    let mut twice = good.clone();
    twice.slots[1].audio = "2".into();
    assert!(answer(&twice).is_err());

    let mut two_cameras = good.clone();
    let camera = two_cameras.publications[1].clone();
    two_cameras.publications.push(PublicationSection {
        mid: "3".into(),
        ..camera
    });
    assert!(answer(&two_cameras).is_err());

    let mut wrong_kind = good.clone();
    wrong_kind.publications[0].mid = "1".into();
    wrong_kind.publications[1].mid = "0".into();
    assert!(answer(&wrong_kind).is_err());

    let mut too_many = good.clone();
    too_many.slots.push(SlotSections {
        audio: "6".into(),
        video: "7".into(),
    });
    assert!(answer(&too_many).is_err());

    let mut nothing = good;
    nothing.publications.clear();
    nothing.slots.clear();
    assert!(answer(&nothing).is_err());
}

#[test]
fn an_offer_beyond_the_bounds_is_refused() {
    let mut large = offer("chromium-trimmed-2");
    large.sdp.push_str(&"a=x\r\n".repeat(60_000));
    assert!(answer(&large).is_err());

    let mut long = offer("chromium-trimmed-2");
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    long.sdp.push_str(&section.repeat(300));
    assert!(answer(&long).is_err());
}

/// Takes lines and bytes out, doubles and swaps them, thousands of times. What
/// matters is that each call returns; of the good answers, that they are SDP.
#[test]
fn no_mutation_of_an_offer_panics() {
    let mut random = Random(0x5EED);
    for name in FIXTURES {
        let original = offer(name);
        for _ in 0..1_500 {
            let mut offer = original.clone();
            for _ in 0..=random.below(3) {
                offer.sdp = mutate(&offer.sdp, &mut random);
            }
            if let Ok(negotiated) = answer(&offer) {
                for line in negotiated.answer.split_terminator("\r\n") {
                    assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
                }
            }
        }
    }
}

fn mutate(sdp: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = sdp.split_inclusive("\r\n").map(str::to_owned).collect();
    let (here, there) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(6) {
        0 => drop(lines.remove(here)),
        1 => lines.swap(here, there),
        2 => lines.insert(there, lines[here].clone()),
        3 => {
            let cut = random.below(lines[here].len());
            let kept: String = lines[here].chars().take(cut).collect();
            lines[here] = kept;
        }
        4 => {
            let mut bytes = lines[here].clone().into_bytes();
            let at = random.below(bytes.len());
            bytes[at] = b" :/=-0\n\r\0z"[random.below(10)];
            lines[here] = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => lines[here].insert_str(0, &"9".repeat(random.below(40))),
    }
    lines.concat()
}

/// Marsaglia's xorshift: a seed is one run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap_or(0)
    }
}

#[derive(Clone, Deserialize)]
struct Offer {
    sdp: String,
    publications: Vec<PublicationSection>,
    slots: Vec<SlotSections>,
    #[serde(default, rename = "screenSlots")]
    screen_slots: Vec<SlotSections>,
}

const FIXTURES: [&str; 4] = [
    "chromium-trimmed-2",
    "chromium-full-1",
    "firefox-trimmed-2",
    "firefox-full-1",
];

fn offer(name: &str) -> Offer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.json"));
    let text = fs::read_to_string(path).expect("the fixture is there");
    serde_json::from_str(&text).expect("the fixture is an offer message")
}

fn answer(offer: &Offer) -> Result<Negotiated, InvalidOffer> {
    negotiate(&mut negotiation(), offer)
}

fn negotiate(negotiation: &mut Negotiation, offer: &Offer) -> Result<Negotiated, InvalidOffer> {
    let slots = SlotsBy {
        people: &offer.slots[..],
        screens: &offer.screen_slots,
    };
    negotiation.answer(&offer.sdp, &offer.publications, slots)
}

fn negotiation() -> Negotiation {
    let mut people: Vec<_> = (0..3)
        .map(|slot| SlotSources {
            audio: Ssrc(100 + slot * 3),
            video: Ssrc(101 + slot * 3),
            video_rtx: Ssrc(102 + slot * 3),
        })
        .collect();
    let screens = people.split_off(2);
    Negotiation::new(local(), SlotsBy { people, screens }).with_restarts(|prefix| {
        static RESTARTS: AtomicU32 = AtomicU32::new(0);
        let number = RESTARTS.fetch_add(1, Ordering::Relaxed);
        IceCredentials {
            ufrag: format!("{prefix}fresh{number}"),
            password: format!("a-fresh-password-{number:08}"),
        }
    })
}

fn local() -> LocalTransport {
    LocalTransport {
        credentials: IceCredentials {
            ufrag: "localufrag".into(),
            password: "a-local-password-of-24-c".into(),
        },
        ufrag_prefix: "07".into(),
        fingerprint: Fingerprint([7; 32]),
        candidates: vec![
            "192.0.2.1:8443".parse().expect("an address"),
            "[2001:db8::1]:8443".parse().expect("an address"),
        ],
        tcp_candidates: vec!["192.0.2.1:443".parse().expect("an address")],
        session_id: 42,
    }
}

fn lines<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(start))
}
