//! What peers tell us, and requests for key frames (RFC 4585, RFC 5104).

use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    NackPair, TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc_shared::marshal::Unmarshal;

use super::reports::bytes;
use super::transport_feedback::{self, ArrivalTime};
use crate::rtp::{Ssrc, Timestamp};

/// One thing a compound packet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    SenderReport {
        ssrc: Ssrc,
        ntp: u64,
        timestamp: Timestamp,
    },
    /// The peer cannot decode the stream without a key frame.
    KeyFrameRequest { ssrc: Ssrc },
    /// The peer misses a packet (RFC 4585 §6.2.1).
    Nack { ssrc: Ssrc, number: u16 },
    /// What came of a stream at the peer.
    ReportBlock {
        ssrc: Ssrc,
        /// In 1/256.
        fraction_lost: u8,
        /// The middle of our last report's NTP timestamp, 0 if none came.
        last_sender_report: u32,
        /// Since that came, in 1/65536 s.
        delay: u32,
    },
    /// When the packet with a transport-wide number came at the peer, or that
    /// it did not.
    Arrival {
        number: u16,
        at: Option<ArrivalTime>,
    },
    /// All arrivals of a report were given.
    ArrivalsEnd,
    /// The peer's estimate of what it may be sent, in bits a second
    /// (draft-alvestrand-rmcat-remb-03).
    MaximumBitrate(u64),
}

/// Reads a decrypted compound packet and hands what concerns us to `handle`.
/// Packets of other kinds are stepped over unread, and so are malformed ones;
/// what lies beyond the limits below is not read at all.
pub fn read(mut compound: &[u8], mut handle: impl FnMut(Received)) {
    let mut pairs = MAX_NACK_PAIRS;
    let mut statuses = MAX_STATUSES;
    for _ in 0..MAX_PACKETS {
        let Some((kind, packet, rest)) = split_first(compound) else {
            return;
        };
        compound = rest;
        match kind {
            Kind::SenderReport => {
                let Some(report) = parse::<SenderReport>(packet) else {
                    continue;
                };
                handle(Received::SenderReport {
                    ssrc: Ssrc(report.ssrc),
                    ntp: report.ntp_time,
                    timestamp: Timestamp(report.rtp_time),
                });
                report.reports.iter().map(block).for_each(&mut handle);
            }
            Kind::ReceiverReport => {
                if let Some(report) = parse::<ReceiverReport>(packet) {
                    report.reports.iter().map(block).for_each(&mut handle);
                }
            }
            Kind::Nack => {
                let Some(nack) = parse::<TransportLayerNack>(packet) else {
                    continue;
                };
                let asked = &nack.nacks[..nack.nacks.len().min(pairs)];
                pairs -= asked.len();
                for number in asked.iter().flat_map(NackPair::packet_list) {
                    handle(Received::Nack {
                        ssrc: Ssrc(nack.media_ssrc),
                        number,
                    });
                }
            }
            Kind::PictureLossIndication => {
                if let Some(indication) = parse::<PictureLossIndication>(packet) {
                    handle(Received::KeyFrameRequest {
                        ssrc: Ssrc(indication.media_ssrc),
                    });
                }
            }
            Kind::FullIntraRequest => {
                let request = parse::<FullIntraRequest>(packet).unwrap_or_default();
                for entry in request.fir.iter().take(MAX_PACKETS) {
                    handle(Received::KeyFrameRequest {
                        ssrc: Ssrc(entry.ssrc),
                    });
                }
            }
            Kind::TransportWide => {
                let count = transport_feedback::read(packet, statuses, |number, at| {
                    handle(Received::Arrival { number, at });
                });
                statuses -= count;
                if count > 0 {
                    handle(Received::ArrivalsEnd);
                }
            }
            Kind::ApplicationLayer => {
                if let Some(bitrate) = maximum_bitrate(packet) {
                    handle(Received::MaximumBitrate(bitrate));
                }
            }
            Kind::Other => {}
        }
    }
}

/// The kinds of packets that concern us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    SenderReport,
    ReceiverReport,
    Nack,
    PictureLossIndication,
    FullIntraRequest,
    TransportWide,
    ApplicationLayer,
    Other,
}

/// The first packet of a compound one, its kind, and what follows it
/// (RFC 3550 §6.4.1). By hand: the crate gives up the whole for one packet
/// that it cannot read, and a few bytes of some kinds cost it much.
fn split_first(compound: &[u8]) -> Option<(Kind, &[u8], &[u8])> {
    let [first, packet_type, high, low] = *compound.first_chunk()?;
    if first >> 6 != VERSION {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([high, low])) + 1;
    let (packet, rest) = compound.split_at_checked(4 * words)?;
    let kind = match (packet_type, first & 0x1F) {
        (200, _) => Kind::SenderReport,
        (201, _) => Kind::ReceiverReport,
        (205, 1) => Kind::Nack,
        (206, 1) => Kind::PictureLossIndication,
        (206, 4) => Kind::FullIntraRequest,
        (205, 15) => Kind::TransportWide,
        (206, 15) => Kind::ApplicationLayer,
        _ => Kind::Other,
    };
    Some((kind, packet, rest))
}

fn parse<T: Unmarshal>(mut packet: &[u8]) -> Option<T> {
    T::unmarshal(&mut packet).ok()
}

/// The estimate of a REMB packet: a mantissa of 18 bits and an exponent of 6.
fn maximum_bitrate(packet: &[u8]) -> Option<u64> {
    let body = packet.get(12..20)?;
    if body[..4] != *b"REMB" {
        return None;
    }
    let exponent = u32::from(body[5] >> 2);
    let mantissa = u64::from(u32::from_be_bytes([0, body[5] & 3, body[6], body[7]]));
    let most = mantissa.leading_zeros().min(63);
    Some(if exponent > most {
        u64::MAX
    } else {
        mantissa << exponent
    })
}

fn block(report: &ReceptionReport) -> Received {
    Received::ReportBlock {
        ssrc: Ssrc(report.ssrc),
        fraction_lost: report.fraction_lost,
        last_sender_report: report.last_sender_report,
        delay: report.delay,
    }
}

/// A request for the packets of `media` with these numbers, in order
/// (RFC 4585 §6.2.1).
pub fn nack(sender: Ssrc, media: Ssrc, numbers: &[u16]) -> Vec<u8> {
    bytes(&TransportLayerNack {
        sender_ssrc: sender.0,
        media_ssrc: media.0,
        nacks: nack_pairs_from_sequence_numbers(numbers),
    })
}

/// A request for a key frame of `media` (RFC 4585 §6.3.1).
pub fn picture_loss_indication(sender: Ssrc, media: Ssrc) -> Vec<u8> {
    bytes(&PictureLossIndication {
        sender_ssrc: sender.0,
        media_ssrc: media.0,
    })
}

const VERSION: u8 = 2;
/// Packets read of one compound packet.
const MAX_PACKETS: usize = 32;
/// Pairs read of all its requests: more than a second of video.
const MAX_NACK_PAIRS: usize = 64;
/// Packets whose arrival is read of all its feedback: a second at 20 Mbit/s.
const MAX_STATUSES: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(compound: &[u8]) -> Vec<Received> {
        let mut received = Vec::new();
        read(compound, |item| received.push(item));
        received
    }

    #[test]
    fn a_written_request_reads_back() {
        let request = picture_loss_indication(Ssrc(1), Ssrc(42));

        assert_eq!(
            read_all(&request),
            [Received::KeyFrameRequest { ssrc: Ssrc(42) }]
        );
    }

    #[test]
    fn missing_packets_read_back_across_the_wrap() {
        let numbers = [65_530, 65_534, 65_535, 3, 400];

        let request = nack(Ssrc(1), Ssrc(42), &numbers);

        let expected = numbers.map(|number| Received::Nack {
            ssrc: Ssrc(42),
            number,
        });
        assert_eq!(read_all(&request), expected);
    }

    #[test]
    fn every_part_of_a_compound_packet_is_read() {
        let figures = crate::rtcp::SentFigures {
            ssrc: Ssrc(7),
            ntp: 5 << 32,
            timestamp: Timestamp(99),
            packets: 1,
            octets: 2,
        };
        let mut compound = crate::rtcp::sender_report(&figures, "name");
        compound.extend(picture_loss_indication(Ssrc(1), Ssrc(42)));

        assert_eq!(
            read_all(&compound),
            [
                Received::SenderReport {
                    ssrc: Ssrc(7),
                    ntp: 5 << 32,
                    timestamp: Timestamp(99)
                },
                Received::KeyFrameRequest { ssrc: Ssrc(42) }
            ]
        );
    }

    #[test]
    fn a_packet_of_no_concern_hides_none_behind_it() {
        // Slice loss, a bandwidth estimate of the wrong form, application
        // data, and transport-wide feedback that claims 65,535 packets.
        for other in [
            &[0x82, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..],
            &[0x8F, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
            &[0x80, 204, 0, 1, 0, 0, 0, 1],
            &[
                0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0x3F, 0xFF,
                0x3F, 0xFF,
            ],
        ] {
            let compound = [other, &picture_loss_indication(Ssrc(1), Ssrc(42))].concat();

            assert_eq!(
                read_all(&compound),
                [Received::KeyFrameRequest { ssrc: Ssrc(42) }],
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_datagram_asks_for_no_more_than_a_second_of_video() {
        let request = [
            &[0x81, 205, 0, 3][..],
            &[0, 0, 0, 1, 0, 0, 0, 42, 0, 0, 0xFF, 0xFF],
        ];
        let many = request.concat().repeat(4000);
        let mut one = nack(Ssrc(1), Ssrc(42), &[0]);
        one.extend([0, 0, 0xFF, 0xFF].repeat(10_000));
        let words = (one.len() / 4 - 1) as u16;
        one[2..4].copy_from_slice(&words.to_be_bytes());

        assert_eq!(read_all(&many).len(), 32 * 17);
        assert!(read_all(&one).len() <= 64 * 17);
    }

    #[test]
    fn garbage_says_nothing() {
        for length in 0..64 {
            assert_eq!(read_all(&vec![0xFF; length]), []);
        }
    }
}
