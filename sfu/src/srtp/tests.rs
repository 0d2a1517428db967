//! SRTP held against another implementation and the RFCs' vectors.

use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::crypto::providers::RingCrypto;

use super::*;
use crate::rtp::header::Header;

const PROFILES: [(Profile, ProtectionProfile, usize, usize); 3] = [
    (
        Profile::AeadAes256Gcm,
        ProtectionProfile::AeadAes256Gcm,
        32,
        12,
    ),
    (
        Profile::AeadAes128Gcm,
        ProtectionProfile::AeadAes128Gcm,
        16,
        12,
    ),
    (
        Profile::Aes128CmHmacSha1_80,
        ProtectionProfile::Aes128CmHmacSha1_80,
        16,
        14,
    ),
];

const SSRC: Ssrc = Ssrc(0xCAFE_BABE);

fn material(profile: Profile) -> Vec<u8> {
    let length = match profile {
        Profile::AeadAes256Gcm => 88,
        Profile::AeadAes128Gcm => 56,
        Profile::Aes128CmHmacSha1_80 => 60,
    };
    (0..length).map(|i: u8| i.wrapping_mul(3)).collect()
}

fn rtp_packet(number: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(number.to_be_bytes());
    packet.extend(1234_u32.to_be_bytes());
    packet.extend(SSRC.0.to_be_bytes());
    packet.extend(0..200_u8);
    packet
}

fn receiver_report() -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(SSRC.0.to_be_bytes());
    packet
}

fn protect(outbound: &Outbound, packet: &[u8], sequence: ExtendedSequence) -> Vec<u8> {
    let mut protected = packet.to_vec();
    protected.resize(packet.len() + outbound.rtp_overhead(), 0);
    outbound.protect_rtp(&mut protected, 12, SSRC, sequence);
    protected
}

fn unprotect(
    inbound: &Inbound,
    packet: &[u8],
    source: &mut ReceivedSource,
) -> Result<Vec<u8>, UnprotectError> {
    let header = Header::parse(packet).expect("an RTP header");
    let mut packet = packet.to_vec();
    let (length, _) = inbound.unprotect_rtp(
        &mut packet,
        header.length,
        header.ssrc,
        header.sequence_number,
        source,
    )?;
    packet.truncate(length);
    Ok(packet)
}

/// The other implementation, reading with the keys of the DTLS server.
fn oracle(profile: Profile, other: ProtectionProfile, key: usize, salt: usize) -> Context {
    let material = material(profile);
    Context::new(
        &material[key..2 * key],
        &material[2 * key + salt..],
        other,
        None,
        None,
        &RingCrypto,
    )
    .expect("keys of the profile's length")
}

#[test]
fn another_implementation_reads_what_is_protected_across_roll_over() {
    for (profile, other, key, salt) in PROFILES {
        let mut session =
            Session::for_dtls_server(profile, &material(profile)).expect("the right length");
        let mut oracle = oracle(profile, other, key, salt);

        for place in 65_530..65_550_u64 {
            let sequence = ExtendedSequence(place);
            let packet = rtp_packet(sequence.number());
            let protected = protect(&session.outbound, &packet, sequence);
            let read = oracle.decrypt_rtp(&protected).expect("authentic");
            assert_eq!(&read[..], &packet[..], "{profile:?} {place}");
        }
        for _ in 0..3 {
            let mut report = receiver_report();
            session.outbound.protect_rtcp(&mut report);
            let read = oracle.decrypt_rtcp(&report).expect("authentic");
            assert_eq!(&read[..], &receiver_report()[..], "{profile:?}");
        }
    }
}

#[test]
fn what_another_implementation_protects_is_read_across_roll_over() {
    for (profile, other, key, salt) in PROFILES {
        let mut session =
            Session::for_dtls_client(profile, &material(profile)).expect("the right length");
        let mut oracle = oracle(profile, other, key, salt);
        let mut source = ReceivedSource::default();

        for place in 65_530..65_550_u64 {
            let packet = rtp_packet(ExtendedSequence(place).number());
            let protected = oracle.encrypt_rtp(&packet).expect("a valid packet");
            let read = unprotect(&session.inbound, &protected, &mut source);
            assert_eq!(read.as_deref(), Ok(&packet[..]), "{profile:?} {place}");
        }
        for _ in 0..3 {
            let mut protected = oracle
                .encrypt_rtcp(&receiver_report())
                .expect("a valid packet")
                .to_vec();
            let length = session
                .inbound
                .unprotect_rtcp(&mut protected)
                .expect("authentic");
            assert_eq!(&protected[..length], &receiver_report()[..], "{profile:?}");
        }
    }
}

#[test]
fn a_packet_is_accepted_once() {
    for (profile, ..) in PROFILES {
        let mut sender =
            Session::for_dtls_server(profile, &material(profile)).expect("the right length");
        let mut receiver =
            Session::for_dtls_client(profile, &material(profile)).expect("the right length");
        let mut source = ReceivedSource::default();
        let protected = protect(&sender.outbound, &rtp_packet(7), ExtendedSequence(7));
        let mut report = receiver_report();
        sender.outbound.protect_rtcp(&mut report);

        let first = unprotect(&receiver.inbound, &protected, &mut source);
        let second = unprotect(&receiver.inbound, &protected, &mut source);
        let first_report = receiver.inbound.unprotect_rtcp(&mut report.clone());
        let second_report = receiver.inbound.unprotect_rtcp(&mut report.clone());

        assert!(first.is_ok());
        assert_eq!(second, Err(UnprotectError::Replayed));
        assert!(first_report.is_ok());
        assert_eq!(second_report, Err(UnprotectError::Replayed));
    }
}

#[test]
fn any_changed_bit_is_a_forgery() {
    for (profile, ..) in PROFILES {
        let mut sender =
            Session::for_dtls_server(profile, &material(profile)).expect("the right length");
        let mut receiver =
            Session::for_dtls_client(profile, &material(profile)).expect("the right length");
        let protected = protect(&sender.outbound, &rtp_packet(7), ExtendedSequence(7));
        let mut report = receiver_report();
        sender.outbound.protect_rtcp(&mut report);

        for at in [1, 3, 6, 11, 12, 100, protected.len() - 1] {
            let mut forged = protected.clone();
            forged[at] ^= 1;
            let mut source = ReceivedSource::default();
            assert_eq!(
                unprotect(&receiver.inbound, &forged, &mut source),
                Err(UnprotectError::Forged),
                "{profile:?} byte {at}"
            );
        }
        for at in 0..report.len() {
            let mut forged = report.clone();
            forged[at] ^= 1;
            assert_eq!(
                receiver.inbound.unprotect_rtcp(&mut forged),
                Err(UnprotectError::Forged),
                "{profile:?} RTCP byte {at}"
            );
        }
    }
}

#[test]
fn each_source_counts_its_rtcp_by_itself() {
    let profile = Profile::AeadAes256Gcm;
    let mut first = Session::for_dtls_server(profile, &material(profile)).expect("the length");
    let mut second = Session::for_dtls_server(profile, &material(profile)).expect("the length");
    let mut receiver = Session::for_dtls_client(profile, &material(profile)).expect("the length");
    let mut report = receiver_report();
    let mut other = receiver_report();
    other[7] ^= 0xFF;
    first.outbound.protect_rtcp(&mut report);
    second.outbound.protect_rtcp(&mut other);

    assert!(receiver.inbound.unprotect_rtcp(&mut report).is_ok());
    assert!(receiver.inbound.unprotect_rtcp(&mut other).is_ok());
}

#[test]
fn no_rtcp_index_is_used_twice() {
    for (profile, ..) in PROFILES {
        let session = Session::for_dtls_server(profile, &material(profile));
        let mut outbound = session.expect("the length").outbound;
        outbound.rtcp_index = INDEX_MASK - 1;
        let mut last = receiver_report();
        let mut beyond = receiver_report();

        outbound.protect_rtcp(&mut last);
        outbound.protect_rtcp(&mut beyond);

        assert!(last.len() > receiver_report().len());
        assert_eq!(beyond, []);
    }
}

#[test]
fn short_packets_are_refused() {
    for (profile, ..) in PROFILES {
        let mut receiver =
            Session::for_dtls_client(profile, &material(profile)).expect("the right length");
        for length in 0..16 {
            let mut packet = vec![0x80; length];
            assert!(receiver.inbound.unprotect_rtcp(&mut packet).is_err());
        }
        let mut packet = rtp_packet(1);
        packet.truncate(14);
        let mut source = ReceivedSource::default();
        assert_eq!(
            unprotect(&receiver.inbound, &packet, &mut source),
            Err(UnprotectError::TooShort)
        );
    }
}
