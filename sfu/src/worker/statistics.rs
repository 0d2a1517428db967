//! What a worker has counted since it started.

use crate::transport::DtlsFailure;

/// Counters, all of them only ever growing, except where said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Rooms at present.
    pub rooms: u64,
    /// Participants at present.
    pub participants: u64,
    /// Receivers at present whose path takes less than all that they show
    /// could use.
    pub narrow_paths: u64,
    /// What the narrowest path takes at present, in bits per second, of those
    /// whose limit has shown.
    pub narrowest_path: Option<u64>,
    /// Authentic RTP packets.
    pub packets_received: u64,
    /// Bytes of these as they came, without UDP and IP headers.
    pub bytes_received: u64,
    /// RTP packets sent on, retransmissions among them.
    pub packets_sent: u64,
    /// Bytes of these as sent.
    pub bytes_sent: u64,
    /// Packets that publishers' streams lacked when they were next reported on.
    pub packets_lost: u64,
    /// Packets asked for again.
    pub nacks_sent: u64,
    /// Packets that receivers asked for again.
    pub nacks_received: u64,
    pub retransmitted: u64,
    /// Packets of sound that receivers were sent a second time unasked.
    pub sound_repeated: u64,
    /// Packets of padding, sent to measure receivers' paths.
    pub probes_sent: u64,
    pub key_frame_requests_sent: u64,
    pub key_frame_requests_received: u64,
    pub dtls_wrong_certificate: u64,
    pub dtls_no_srtp_profile: u64,
    pub dtls_protocol: u64,
    /// Of video, by simulcast layer, the least first. A single stream is the
    /// least layer.
    pub layers: [LayerPackets; LAYERS],
    /// Slots that went over to a higher simulcast layer.
    pub switched_up: u64,
    /// Slots that went over to a lower simulcast layer.
    pub switched_down: u64,
    /// Connections that carry media at present.
    pub connections: u64,
    /// Datagrams that were not sent, since their connection was behind.
    pub left_out: u64,
    pub dropped: Dropped,
}

/// Packets of one simulcast layer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LayerPackets {
    pub received: u64,
    /// Sent on, retransmissions left out.
    pub sent: u64,
}

/// Simulcast layers of a source at most.
pub const LAYERS: usize = 3;

/// Datagrams that were dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dropped {
    /// Of no protocol that shares a media port.
    pub unknown_protocol: u64,
    /// From an address that no check vouches for.
    pub unknown_path: u64,
    /// STUN that is no check of a participant here, or is beyond the rate at
    /// which such are answered.
    pub stun: u64,
    /// Media before the handshake was done.
    pub too_early: u64,
    /// Not RTP or RTCP inside.
    pub malformed: u64,
    /// Not protected with the session's keys.
    pub forged: u64,
    pub replayed: u64,
    /// Of a source or payload type that was not negotiated.
    pub unknown_source: u64,
    /// Of a participant that sends more than anybody needs to.
    pub excess: u64,
    /// Of frames that were not encrypted end to end with their publisher's key.
    pub unencrypted: u64,
}

impl Statistics {
    pub(super) fn count_dtls_failure(&mut self, failure: DtlsFailure) {
        *match failure {
            DtlsFailure::WrongCertificate => &mut self.dtls_wrong_certificate,
            DtlsFailure::NoSrtpProfile => &mut self.dtls_no_srtp_profile,
            DtlsFailure::Protocol => &mut self.dtls_protocol,
        } += 1;
    }
}
