//! Writes the seeds anew: `cargo run -p fuzz-entries --example write_seeds`.
//! Files of other names, such as inputs that once failed, stay.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

#[allow(
    dead_code,
    reason = "the tests of the media plane use more of it than the seeds"
)]
#[path = "../../../sfu/tests/virtual_time/descriptor.rs"]
mod descriptor;
#[path = "seeds/turn.rs"]
mod turn;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dtls::{Config, Dtls, Output, certificate};
use fuzz_entries::media_port::head;
use fuzz_entries::token;
use serde_json::{Value, json};
use sfu::rtcp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{Ssrc, Timestamp};

fn main() {
    media_port();
    for (name, packet) in rtp_packets() {
        write("rtp", name, &packet);
    }
    for (name, stream) in [
        ("one_spatial_layer", descriptors(&[descriptor::l1t3()])),
        ("two_spatial_layers", descriptors(&[descriptor::l2t1_key()])),
        (
            "another_structure",
            descriptors(&[descriptor::l1t3(), descriptor::l2t1_key()]),
        ),
        (
            "without_structure",
            vec![3, 0xC1, 0, 7, 4, 0x81, 0, 8, 0x40],
        ),
        (
            "cut_short",
            descriptors(&[descriptor::l1t3()])[..9].to_vec(),
        ),
    ] {
        write("dependency_descriptor", name, &stream);
    }
    for (name, compound) in rtcp_packets() {
        write("rtcp", name, &compound);
    }
    stun();
    first_bytes();
    for (name, seed) in turn::seeds() {
        write("turn", name, &seed);
    }
    let offers = offers();
    for (name, offer) in &offers {
        let sdp = offer["sdp"].as_str().expect("a description");
        write("session_description", name, sdp.as_bytes());
    }
    signaling(&offers);
    tokens();
}

fn write(entry: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../seeds")
        .join(entry);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join(name), bytes).expect("the file can be written");
}

fn media_port() {
    published_media();
    control();
    let checks = [
        datagram(2, SIGNED, &check("node1:peer1", &[0x00, 0x25, 0, 0])),
        datagram(3, SIGNED, &check("node3:peer3", &[])),
        datagram(4, SIGNED, &check("node4:peer4", &[])),
        datagram(0, SIGNED, &check("node1:peer1", &CONTROLLED)),
        datagram(0, SIGNED, &check("node1:peer1", &[0x7F, 0xFF, 0, 0])),
        datagram(5, UNSIGNED, &check("node1:peer1", &[])),
        datagram(5, UNSIGNED, &check("nobody:peer1", &[])),
        datagram(5, AS_IT_IS, &check("node1:peer1", &[])),
    ];
    write("media_port", "checks", &checks.concat());

    let flights = handshake();
    let begun: Vec<u8> = flights
        .iter()
        .flat_map(|flight| datagram(3, AS_IT_IS, flight))
        .collect();
    write("media_port", "handshake", &begun);
    let again = [
        datagram(0, AS_IT_IS, &flights[0]),
        datagram(
            1,
            AS_IT_IS,
            &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0],
        ),
        datagram(
            0,
            AS_IT_IS,
            &[21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 6, 1, 0, 3, 3, 3, 3],
        ),
        datagram(
            1,
            AS_IT_IS,
            &[23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0],
        ),
        datagram(2, AS_IT_IS, &flights[0]),
    ];
    write("media_port", "handshake_in_a_call", &again.concat());
    let strange = [
        datagram(5, AS_IT_IS, &picture(100, 0x10, 0)),
        datagram(0, AS_IT_IS, &picture(100, 0x10, 0)),
        datagram(0, AS_IT_IS, &report(0xB000_0001)),
        datagram(3, RTP, &sound(100)),
        datagram(5, AS_IT_IS, &flights[0]),
        datagram(0, RTP, &packet(0x80, 0x4D, 1, 0xA000_0001, &[&[1, 2, 3]])),
        datagram(0, RTP, &packet(0x80, 0x60, 1, 0xDEAD_BEEF, &[&[1, 2, 3]])),
    ];
    write("media_port", "strangers", &strange.concat());
}

fn published_media() {
    let sounds = [100, 101, 103].map(|number| datagram(0, RTP, &sound(number)));
    write("media_port", "sounds", &sounds.concat());
    write("media_port", "frames", &frames());
    let silence = [frames(), vec![0xFF; 4], frames()];
    write("media_port", "silence", &silence.concat());

    let lost = [
        datagram(0, RTP, &picture(100, 0x10, 0)),
        datagram(0, RTP, &picture(103, 0x10, 1)),
        datagram(0, RTP, &repair(100, 101)),
        datagram(0, RTP, &repair(101, 102)),
    ];
    write("media_port", "lost_and_repaired", &lost.concat());

    let by_mid = |number: u16, mid: u8, ssrc, payload_type, payload: &[u8]| {
        let extension = [0xBE, 0xDE, 0, 1, 0x10, mid, 0, 0];
        datagram(
            1,
            RTP,
            &packet(0x90, payload_type, number, ssrc, &[&extension, payload]),
        )
    };
    let unannounced = [
        by_mid(100, b'0', 0xC000_0001, 0x6F, &[7; 40]),
        by_mid(100, b'1', 0xC000_0002, 0x60, &[0x90, 0x80, 1, 0, 9, 9]),
        by_mid(101, b'1', 0xC000_0002, 0xE0, &[0x10, 1, 9, 9]),
        by_mid(100, b'1', 0xC000_0003, 0x61, &[0, 99, 0x10, 1, 9, 9]),
        datagram(1, RTCP, &report(0xC000_0002)),
    ];
    write("media_port", "unannounced", &unannounced.concat());

    let mut padded = packet(
        0xB0,
        0x60,
        104,
        0xB000_0001,
        &[&TRANSPORT_NUMBER, &[0x10, 0, 1, 2]],
    );
    padded.extend([0, 0, 3]);
    let padding = packet(0xA0, 0x61, 90, 0xB800_0001, &[&[0, 0, 0, 0, 5]]);
    let padded = [datagram(0, RTP, &padded), datagram(0, RTP, &padding)];
    write("media_port", "padded", &padded.concat());
}

fn control() {
    let numbers: Vec<u16> = (80..120).collect();
    let slot = Ssrc(0x5000_0201);
    let asked = [
        frames(),
        datagram(1, RTCP, &rtcp::nack(Ssrc(1), slot, &numbers)),
        datagram(1, RTCP, &rtcp::picture_loss_indication(Ssrc(1), slot)),
        datagram(1, RTCP, &full_intra_request(slot.0)),
    ];
    write("media_port", "asked_again", &asked.concat());
    let reports = [
        datagram(0, RTCP, &report(0xB000_0001)),
        datagram(0, RTCP, &report(0xA000_0001)),
        datagram(1, RTCP, &receiver_report()),
        datagram(1, RTCP, &[0x81, 203, 0, 1, 0xC0, 0, 0, 1]),
    ];
    write("media_port", "reports", &reports.concat());
}

fn frames() -> Vec<u8> {
    let packets = [(100, 0x10, 0), (101, 0, 0), (102, 0x10, 1)];
    packets
        .map(|(number, start, inter)| datagram(0, RTP, &picture(number, start, inter)))
        .concat()
}

fn datagram(sender: u8, sealing: u8, bytes: &[u8]) -> Vec<u8> {
    [&head(sender, sealing, 33, bytes)[..], bytes].concat()
}

fn picture(number: u16, start: u8, inter: u8) -> Vec<u8> {
    let payload = [0x80 | start, 0x80, 0x81, number as u8, inter];
    packet(
        0x90,
        0xE0,
        number,
        0xB000_0001,
        &[&TRANSPORT_NUMBER, &payload, &[5; 60]],
    )
}

fn sound(number: u16) -> Vec<u8> {
    packet(
        0x90,
        0x6F,
        number,
        0xA000_0001,
        &[&LEVEL_AND_NUMBER, &[7; 40]],
    )
}

fn repair(number: u16, original: u16) -> Vec<u8> {
    let [high, low] = original.to_be_bytes();
    let payload = [high, low, 0x80, 0x80, 0x81, 2, 1];
    packet(
        0x90,
        0xE1,
        number,
        0xB800_0001,
        &[&TRANSPORT_NUMBER, &payload, &[5; 60]],
    )
}

fn descriptors(structures: &[descriptor::Structure]) -> Vec<u8> {
    structures.iter().flat_map(stream_of).collect()
}

fn stream_of(structure: &descriptor::Structure) -> Vec<u8> {
    let templates = structure.templates.len() as u8;
    let mut stream = Vec::new();
    for number in 0..=templates {
        let packet = descriptor::Packet {
            starts_frame: true,
            ends_frame: number % 2 == 0,
            template: structure.first_id + number % templates,
            frame_number: number.into(),
            attached: (number == 0).then_some(structure),
            active_targets: (number == 1).then_some(1),
            indications: (number == 2).then_some("SSS"),
            references: (number == 3).then_some(&[1, 20, 300]),
            chains: None,
        };
        let bytes = packet.to_bytes(structure.targets);
        stream.push(bytes.len() as u8);
        stream.extend(bytes);
    }
    stream
}

fn rtp_packets() -> Vec<(&'static str, Vec<u8>)> {
    let csrcs = packet(
        0x92,
        0x6F,
        9,
        1,
        &[&[0, 0, 0, 7, 0, 0, 0, 8], &LEVEL_AND_NUMBER, &[1, 2]],
    );
    let two_byte = [0x10, 0, 0, 2, 1, 2, b'a', b'b', 0, 5, 0, 0];
    let mut padded = packet(0xB0, 0x60, 104, 3, &[&TRANSPORT_NUMBER, &[0x10, 0, 1, 2]]);
    padded.extend([0, 0, 3]);
    vec![
        (
            "sound",
            packet(0x90, 0x6F, 7, 1, &[&LEVEL_AND_NUMBER, &[7; 20]]),
        ),
        ("contributing_sources", csrcs),
        (
            "two_byte_extensions",
            packet(0x90, 0x60, 7, 1, &[&two_byte, &[0x10, 0]]),
        ),
        ("padded", padded),
        (
            "picture_id_short",
            packet(0x80, 0x60, 7, 1, &[&[0x90, 0x80, 0x11, 0, 1]]),
        ),
        (
            "picture_id_long",
            packet(0x80, 0xE0, 7, 1, &[&[0x90, 0x80, 0xFF, 0xFF, 1, 1]]),
        ),
        (
            "all_of_vp8",
            packet(
                0x80,
                0x60,
                7,
                1,
                &[&[0x90, 0xF0, 0x81, 0x23, 4, 0x20, 0, 1]],
            ),
        ),
        ("empty", packet(0x80, 0x60, 7, 1, &[])),
    ]
}

fn rtcp_packets() -> Vec<(&'static str, Vec<u8>)> {
    let transport_wide = [
        0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, 9, 0, 0, 1, 0, 0x20, 9, 1, 1,
    ];
    let bitrate = [
        0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 4, 0, 9, 0, 0, 0, 7,
    ];
    vec![
        ("sender_report", report(7)),
        ("receiver_report", receiver_report()),
        (
            "nack",
            rtcp::nack(Ssrc(1), Ssrc(2), &[65_530, 65_535, 3, 400]),
        ),
        (
            "picture_loss",
            rtcp::picture_loss_indication(Ssrc(1), Ssrc(2)),
        ),
        ("full_intra_request", full_intra_request(9)),
        ("transport_wide", transport_wide.to_vec()),
        ("estimated_bitrate", bitrate.to_vec()),
        (
            "goodbye",
            vec![0x81, 203, 0, 2, 0, 0, 0, 1, 3, b'e', b'n', b'd'],
        ),
        (
            "application",
            vec![0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e'],
        ),
        (
            "compound",
            [report(7), full_intra_request(9), receiver_report()].concat(),
        ),
    ]
}

fn stun() {
    let sealed = |sealing: u8, message: Vec<u8>| [&[sealing][..], &message].concat();
    let success = [
        &[1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42][..],
        &[9; 12],
        &[0, 0x20, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7],
    ]
    .concat();
    for (name, seed) in [
        ("check", sealed(2, check("node1:peer1", &[0, 0x25, 0, 0]))),
        ("check_ipv6", sealed(0x82, check("node1:peer1", &[]))),
        ("unsigned", sealed(1, check("node1:peer1", &[]))),
        ("unsealed", sealed(0, check("node1:peer1", &[]))),
        ("role_conflict", sealed(2, check("a:b", &CONTROLLED))),
        (
            "unknown_attribute",
            sealed(2, check("a:b", &[0x7F, 0xFF, 0, 1, 1, 0, 0, 0])),
        ),
        ("no_colon", sealed(2, check("nobody", &[]))),
        ("success", sealed(1, success)),
    ] {
        write("stun", name, &seed);
    }
}

fn first_bytes() {
    let framed = |datagram: &[u8]| {
        let length = (datagram.len() as u16).to_be_bytes();
        [&length[..], datagram].concat()
    };
    let check = check("00node1:peer1", &[0, 0x25, 0, 0]);
    let allocate = [&[0, 3, 0, 8, 0x21, 0x12, 0xA4, 0x42][..], &[9; 12]].concat();
    for (name, seed) in [
        ("tls", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
        (
            "turn",
            [&allocate[..], &[0, 0x19, 0, 4, 17, 0, 0, 0]].concat(),
        ),
        ("check", framed(&check)),
        (
            "check_and_handshake",
            [framed(&check), framed(&[22, 254, 253, 0, 0]), framed(&[])].concat(),
        ),
        (
            "cut_frame",
            [&framed(&check)[..], &[3, 0xE8, 0x80]].concat(),
        ),
        ("request", b"GET / HTTP/1.1\r\n".to_vec()),
        ("nonsense", b"SSH-2.0-OpenSSH".to_vec()),
    ] {
        write("first_bytes", name, &seed);
    }
}

fn offers() -> Vec<(String, Value)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../signaling/tests/fixtures");
    let names = [
        "chromium-full-1",
        "chromium-trimmed-2",
        "firefox-full-1",
        "firefox-trimmed-2",
    ];
    let mut offers: Vec<_> = names
        .iter()
        .map(|name| {
            let text = fs::read_to_string(fixtures.join(format!("{name}.json")));
            let offer = serde_json::from_str(&text.expect("a fixture")).expect("an offer");
            (name.replace('-', "_"), offer)
        })
        .collect();
    offers.push(("minimal".into(), minimal_offer()));
    offers
}

/// The least that is answered, since short seeds are changed where it matters.
fn minimal_offer() -> Value {
    let mut sdp = String::from("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    sdp += "a=group:BUNDLE 0 1 2 3\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
    sdp += "a=setup:actpass\r\na=fingerprint:sha-256 ";
    sdp += &vec!["AB"; 32].join(":");
    sdp += "\r\n";
    for (mid, media, direction) in [
        (0, "audio", "sendonly"),
        (1, "video", "sendonly"),
        (2, "audio", "recvonly"),
        (3, "video", "recvonly"),
    ] {
        let (formats, codec) = match media {
            "audio" => ("111", "a=rtpmap:111 opus/48000/2\r\n"),
            _ => (
                "96 97",
                "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\n",
            ),
        };
        let _ = write!(
            sdp,
            "m={media} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
             a={direction}\r\na=rtcp-mux\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n{codec}"
        );
        if direction == "sendonly" {
            let _ = write!(
                sdp,
                "a=ssrc-group:FID {mid}1 {mid}2\r\na=ssrc:{mid}1 cname:c\r\na=ssrc:{mid}2 cname:c\r\n"
            );
        }
    }
    json!({
        "sdp": sdp,
        "publications": [{"mid": "0", "source": "microphone"}, {"mid": "1", "source": "camera"}],
        "slots": [{"audio": "2", "video": "3"}],
    })
}

fn signaling(offers: &[(String, Value)]) {
    let offer = |socket: char, offer: &Value| {
        let mut message = offer.clone();
        message["type"] = "offer".into();
        format!("{socket}{message}\n")
    };
    let minimal = &offers.last().expect("some").1;
    let join = |socket: char| format!("{socket}{}\n", json!({"type": "join", "token": "abc"}));
    let media = |socket: char| {
        let message = json!({"type": "media", "microphone": true, "camera": false});
        format!("{socket}{message}\n")
    };
    let leave = |socket: char| format!("{socket}{}\n", json!({"type": "leave"}));
    let all: String = ['0', '1', '2', '3'].map(join).concat();
    let call = [
        join('0'),
        offer('0', minimal),
        join('1'),
        offer('1', minimal),
        media('0'),
        leave('0'),
        join('2'),
        offer('2', minimal),
    ];
    let lost = [
        join('0'),
        offer('0', minimal),
        join('1'),
        "<\n".into(),
        join('0'),
        "9\n".into(),
    ];
    let twice = [
        join('0'),
        offer('0', minimal),
        offer('0', minimal),
        join('0'),
    ];
    for (name, text) in [
        (
            "joins_and_leaves",
            all.clone() + &leave('1') + &join('3') + &media('3'),
        ),
        ("call", call.concat()),
        ("lost_media", lost.concat()),
        ("twice", twice.concat()),
        ("chromium", join('0') + &offer('0', &offers[1].1)),
        (
            "not_of_the_protocol",
            "0{\"type\":\"hello\"}\n1[]\n2{\"type\":\"join\"}\n3\"\n".into(),
        ),
    ] {
        write("signaling", name, text.as_bytes());
    }
}

fn tokens() {
    let signed = |header: &str, claims: &str| format!("S{header}\n{claims}");
    let set = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig", "alg": "EdDSA",
         "x": "6kqGAonGBjJhRZr0WFhYLHVmDSEGqxwM2jZ0NFpYkU0"},
        {"kty": "EC", "crv": "P-256", "kid": "b",
         "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    ]});
    // PKCS#8 (RFC 8410 §7) of a key whose bytes are all seven.
    let mut pkcs8 = vec![
        0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    pkcs8.extend([7; 32]);
    let pem = format!(
        "P-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8)
    );
    // RFC 7515 appendix A.3.
    let es256 = "TeyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    for (name, text) in [
        ("good", format!("T{}", token::good_token())),
        ("es256", es256.into()),
        ("signed", signed(token::HEADER, token::CLAIMS)),
        (
            "signed_without_key_id",
            signed(r#"{"alg":"EdDSA"}"#, token::CLAIMS),
        ),
        (
            "signed_expired",
            signed(
                token::HEADER,
                r#"{"sub":"s","room":"r","role":"host","exp":1,"jti":"t"}"#,
            ),
        ),
        (
            "signed_control_characters",
            signed(
                token::HEADER,
                r#"{"sub":"a\u0000","room":"r\u007f","role":"co-host","exp":1900000000,"jti":"\n"}"#,
            ),
        ),
        (
            "signed_empty_ids",
            signed(
                token::HEADER,
                r#"{"sub":"","room":"r","role":"client","exp":1900000000,"jti":""}"#,
            ),
        ),
        ("keys", format!("K{set}")),
        ("key_file", pem),
    ] {
        write("token", name, text.as_bytes());
    }
}

/// An RTP packet whose timestamp follows from its number.
fn packet(first: u8, second: u8, number: u16, ssrc: u32, rest: &[&[u8]]) -> Vec<u8> {
    let timestamp = u32::from(number) * 960;
    let mut packet = vec![first, second];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(rest.concat());
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    rtcp::sender_report(
        &rtcp::SentFigures {
            ssrc: Ssrc(ssrc),
            ntp: 7 << 32,
            timestamp: Timestamp(96_000),
            packets: 3,
            octets: 300,
        },
        "name",
    )
}

fn receiver_report() -> Vec<u8> {
    let figures = rtcp::Figures {
        fraction_lost: 3,
        lost_since_last: 1,
        expected_since_last: 0,
        total_lost: 9,
        highest: ExtendedSequence(0x1_0007),
        jitter: 5,
    };
    let block = rtcp::ReportBlock::new(
        Ssrc(0x5000_0201),
        figures,
        Some((9 << 32, std::time::Duration::from_millis(30))),
    );
    rtcp::receiver_report(Ssrc(1), &[block])
}

fn full_intra_request(ssrc: u32) -> Vec<u8> {
    let mut request = vec![0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0];
    request.extend(ssrc.to_be_bytes());
    request.extend([1, 0, 0, 0]);
    request
}

/// A check as far as it is before it is signed.
fn check(username: &str, more: &[u8]) -> Vec<u8> {
    let mut attributes = vec![0x00, 0x06, 0, username.len() as u8];
    attributes.extend(username.as_bytes());
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    attributes.extend([0x00, 0x24, 0, 4, 0x6E, 0, 0, 1]);
    attributes.extend(more);
    let mut message = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xA4, 0x42];
    message.extend([9; 12]);
    message.extend(attributes);
    message
}

/// What a client sends in a handshake.
fn handshake() -> Vec<Vec<u8>> {
    let now = Instant::now();
    let mut ends = [true, false].map(|is_client| {
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let config = Config::builder()
            .use_server_cookie(false)
            .build()
            .expect("valid settings");
        let mut end = Dtls::new_12(Arc::new(config), certificate, now);
        end.set_active(is_client);
        end.handle_timeout(now).expect("no time-out");
        end
    });
    let mut recorded = Vec::new();
    for _ in 0..6 {
        let sent = packets(&mut ends[0]);
        for datagram in &sent {
            ends[1].handle_packet(datagram).expect("an honest client");
        }
        recorded.extend(sent);
        for datagram in packets(&mut ends[1]) {
            ends[0].handle_packet(&datagram).expect("an honest server");
        }
    }
    recorded
}

fn packets(end: &mut Dtls) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        match end.poll_output(&mut buffer) {
            Output::Packet(packet) => sent.push(packet.to_vec()),
            Output::Timeout(_) => return sent,
            Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
            _ => {}
        }
    }
}

const AS_IT_IS: u8 = 0;
const RTP: u8 = 1;
const RTCP: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
/// ICE-CONTROLLED (RFC 8445 §16.1).
const CONTROLLED: [u8; 12] = [0x80, 0x29, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
const TRANSPORT_NUMBER: [u8; 8] = [0xBE, 0xDE, 0, 1, 0x51, 0, 9, 0];
const LEVEL_AND_NUMBER: [u8; 12] = [0xBE, 0xDE, 0, 2, 0x51, 0, 9, 0x30, 0x9E, 0, 0, 0];
