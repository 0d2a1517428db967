//! What peers tell us, and requests for key frames (RFC 4585, RFC 5104).

use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::sender_report::SenderReport;

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

/// A request for a key frame of `media` (RFC 4585 §6.3.1).
pub fn picture_loss_indication(sender: Ssrc, media: Ssrc) -> Vec<u8> {
    bytes(&PictureLossIndication {
        sender_ssrc: sender.0,
        media_ssrc: media.0,
    })
}

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
