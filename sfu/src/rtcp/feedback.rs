//! What peers tell us, and requests for key frames (RFC 4585, RFC 5104).

use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    NackPair, TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use super::reports::bytes;
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
}

/// Reads a decrypted compound packet and hands what concerns us to `handle`.
/// A malformed packet is left where it stops making sense.
pub fn read(mut compound: &[u8], mut handle: impl FnMut(Received)) {
    let Ok(packets) = rtc_rtcp::packet::unmarshal(&mut compound) else {
        return;
    };
    for packet in packets {
        let packet = packet.as_any();
        if let Some(report) = packet.downcast_ref::<SenderReport>() {
            handle(Received::SenderReport {
                ssrc: Ssrc(report.ssrc),
                ntp: report.ntp_time,
                timestamp: Timestamp(report.rtp_time),
            });
            report.reports.iter().map(block).for_each(&mut handle);
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            report.reports.iter().map(block).for_each(&mut handle);
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            let pairs = nack.nacks.iter().take(MAX_NACK_PAIRS);
            for number in pairs.flat_map(NackPair::packet_list) {
                handle(Received::Nack {
                    ssrc: Ssrc(nack.media_ssrc),
                    number,
                });
            }
        } else if let Some(indication) = packet.downcast_ref::<PictureLossIndication>() {
            handle(Received::KeyFrameRequest {
                ssrc: Ssrc(indication.media_ssrc),
            });
        } else if let Some(request) = packet.downcast_ref::<FullIntraRequest>() {
            for entry in &request.fir {
                handle(Received::KeyFrameRequest {
                    ssrc: Ssrc(entry.ssrc),
                });
            }
        }
    }
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

/// Pairs read of one request: more than a second of video.
const MAX_NACK_PAIRS: usize = 32;

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
    fn garbage_says_nothing() {
        for length in 0..64 {
            assert_eq!(read_all(&vec![0xFF; length]), []);
        }
    }
}
