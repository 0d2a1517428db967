//! Sender and receiver reports (RFC 3550 §6.4).

use std::time::Duration;

use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc_shared::marshal::Marshal;

use super::{Figures, wall_clock};
use crate::rtp::{Ssrc, Timestamp};

/// What a receiver report says of one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportBlock(ReceptionReport);

impl ReportBlock {
    /// The block for the stream of `ssrc`, whose last sender report said
    /// `ntp` and came the given time ago.
    pub fn new(ssrc: Ssrc, figures: Figures, last_sender_report: Option<(u64, Duration)>) -> Self {
        let (last_sender_report, delay) = last_sender_report.map_or((0, 0), |(ntp, ago)| {
            (
                wall_clock::middle(ntp),
                u32::try_from((ago.as_micros() << 16) / 1_000_000).unwrap_or(u32::MAX),
            )
        });
        Self(ReceptionReport {
            ssrc: ssrc.0,
            fraction_lost: figures.fraction_lost,
            total_lost: u32::try_from(figures.total_lost.clamp(0, MAX_TOTAL_LOST)).unwrap_or(0),
            last_sequence_number: (figures.highest.0 & 0xFFFF_FFFF) as u32,
            jitter: figures.jitter,
            last_sender_report,
            delay,
        })
    }
}

/// A receiver report from `sender` with at most 31 `blocks`.
pub fn receiver_report(sender: Ssrc, blocks: &[ReportBlock]) -> Vec<u8> {
    bytes(&ReceiverReport {
        ssrc: sender.0,
        reports: blocks
            .iter()
            .take(MAX_BLOCKS)
            .map(|block| block.0.clone())
            .collect(),
        ..Default::default()
    })
}

/// What a sender report says of what was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentFigures {
    pub ssrc: Ssrc,
    /// The moment of the report, as an NTP timestamp.
    pub ntp: u64,
    /// The same moment in the stream's ticks.
    pub timestamp: Timestamp,
    pub packets: u64,
    /// Payload bytes.
    pub octets: u64,
}

/// A sender report, with the source description that makes the compound
/// packet complete.
pub fn sender_report(figures: &SentFigures, canonical_name: &str) -> Vec<u8> {
    sender_reports(std::slice::from_ref(figures), canonical_name)
}

/// Sender reports on several sources of one name in one compound packet
/// (RFC 8108 §5.3): at most [`MOST_SENDER_REPORTS`], which fit a datagram.
pub fn sender_reports(all: &[SentFigures], canonical_name: &str) -> Vec<u8> {
    let all = &all[..all.len().min(MOST_SENDER_REPORTS)];
    let mut compound = Vec::new();
    for figures in all {
        compound.extend(bytes(&SenderReport {
            ssrc: figures.ssrc.0,
            ntp_time: figures.ntp,
            rtp_time: figures.timestamp.0,
            packet_count: (figures.packets & 0xFFFF_FFFF) as u32,
            octet_count: (figures.octets & 0xFFFF_FFFF) as u32,
            ..Default::default()
        }));
    }
    let chunks = all.iter().map(|figures| SourceDescriptionChunk {
        source: figures.ssrc.0,
        items: vec![SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: canonical_name.to_owned().into(),
        }],
    });
    compound.extend(bytes(&SourceDescription {
        chunks: chunks.collect(),
    }));
    compound
}

pub(super) fn bytes(packet: &impl Marshal) -> Vec<u8> {
    // Marshalling fails only for packets beyond the protocol's sizes, which
    // none of ours reaches: better silent than wrong.
    packet
        .marshal()
        .map(|bytes| bytes.to_vec())
        .unwrap_or_default()
}

/// Each takes 44 bytes with a name of nine.
pub const MOST_SENDER_REPORTS: usize = 24;
/// The field has 24 bits and a sign.
const MAX_TOTAL_LOST: i64 = 0x7F_FFFF;
/// The header's count has five bits.
const MAX_BLOCKS: usize = 31;
