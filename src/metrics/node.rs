//! What this node does: people, packets, refusals. No label tells one room or
//! person from another, so none grows with them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use sfu::driver::WorkerHandle;
use sfu::worker::statistics::Statistics;
use signaling::limits::Connections;
use signaling::socket::Service;
use tokio::runtime::Handle;

use super::turn::encode as encode_turn;

/// Reads the figures of all parts when it is asked.
#[derive(Debug)]
pub(crate) struct NodeMetrics {
    pub(crate) service: Service,
    pub(crate) workers: Arc<Vec<WorkerHandle>>,
    /// Of this node's own relay, if it has one.
    pub(crate) turn: Option<turn::driver::Handle>,
    pub(crate) connections: Connections,
    pub(crate) runtime: Handle,
}

impl Collector for NodeMetrics {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        self.encode_service(&mut page)?;
        let workers: Vec<_> = self.workers.iter().map(WorkerHandle::statistics).collect();
        encode_media(&mut page, &workers)?;
        encode_refusals(&mut page, &workers)?;
        let busy = self.workers.iter().map(WorkerHandle::busy);
        encode_busy(&mut page, busy)?;
        self.turn
            .as_ref()
            .map_or(Ok(()), |turn| encode_turn(&mut page, turn))
    }
}

impl NodeMetrics {
    fn encode_service(&self, page: &mut Page) -> fmt::Result {
        let statistics = self.service.statistics();
        page.gauge("quietroom_rooms", "Rooms open", statistics.rooms)?;
        page.gauge(
            "quietroom_participants",
            "Participants in rooms",
            statistics.participants,
        )?;
        page.gauge(
            "quietroom_websockets",
            "Websockets open, joined or not",
            statistics.sockets,
        )?;
        page.gauge(
            "quietroom_connections",
            "TCP connections open on the clients' port",
            self.connections.open(),
        )?;
        page.gauge(
            "quietroom_tasks",
            "Tasks of the websocket service's runtime",
            self.runtime.metrics().num_alive_tasks(),
        )?;
        page.counter(
            "quietroom_connections_evicted",
            "TCP connections closed before a join because newer ones came",
            self.connections.evictions(),
        )?;
        page.counters(
            "quietroom_joins",
            "Attempts to join, by how they went",
            "outcome",
            statistics
                .joins
                .iter()
                .map(|(outcome, count)| (outcome.name(), *count)),
        )?;
        page.counters(
            "quietroom_websockets_given_up",
            "Participants' websockets that the server closed, by reason",
            "reason",
            statistics
                .given_up
                .iter()
                .map(|(reason, count)| (reason.name(), *count)),
        )?;
        page.counter(
            "quietroom_websocket_messages_dropped",
            "Messages on websockets that came too fast",
            statistics.messages_dropped,
        )
    }
}

fn encode_media(page: &mut Page, workers: &[Statistics]) -> fmt::Result {
    let sum = |count: fn(&Statistics) -> u64| workers.iter().map(count).sum::<u64>();
    page.gauge(
        "quietroom_media_participants",
        "Participants with a media transport",
        sum(|of| of.participants),
    )?;
    page.gauge(
        "quietroom_media_connections",
        "TCP connections that carry media",
        sum(|of| of.connections),
    )?;
    page.gauge(
        "quietroom_narrow_paths",
        "Receivers whose path takes less than all that they show could use",
        sum(|of| of.narrow_paths),
    )?;
    let narrowest = workers.iter().filter_map(|of| of.narrowest_path).min();
    page.gauge(
        "quietroom_narrowest_path_bytes_per_second",
        "What the narrowest path to a receiver takes, of those whose limit has shown; 0: none",
        narrowest.map_or(0, |bits| bits / 8),
    )?;
    for (name, help, count) in [
        (
            "quietroom_media_packets_received",
            "Authentic RTP packets from publishers",
            sum(|of| of.packets_received),
        ),
        (
            "quietroom_media_packets_sent",
            "RTP packets to receivers, retransmissions among them",
            sum(|of| of.packets_sent),
        ),
        (
            "quietroom_media_packets_lost",
            "RTP packets that publishers' streams lacked when last reported on",
            sum(|of| of.packets_lost),
        ),
        (
            "quietroom_media_packets_retransmitted",
            "RTP packets sent again to receivers",
            sum(|of| of.retransmitted),
        ),
        (
            "quietroom_nacks_sent",
            "RTP packets asked for again from publishers",
            sum(|of| of.nacks_sent),
        ),
        (
            "quietroom_nacks_received",
            "RTP packets that receivers asked for again",
            sum(|of| of.nacks_received),
        ),
        (
            "quietroom_key_frame_requests_sent",
            "Key frames asked for from publishers",
            sum(|of| of.key_frame_requests_sent),
        ),
        (
            "quietroom_key_frame_requests_received",
            "Key frames that receivers asked for",
            sum(|of| of.key_frame_requests_received),
        ),
    ] {
        page.counter(name, help, count)?;
    }
    for (name, help, bytes) in [
        (
            "quietroom_media_received",
            "Authentic RTP from publishers, without UDP and IP headers",
            sum(|of| of.bytes_received),
        ),
        (
            "quietroom_media_sent",
            "RTP to receivers, without UDP and IP headers",
            sum(|of| of.bytes_sent),
        ),
    ] {
        page.describe(name, help, Some(&Unit::Bytes), MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, f64>(&bytes, None)?;
    }
    Ok(())
}

fn encode_refusals(page: &mut Page, workers: &[Statistics]) -> fmt::Result {
    let sum = |count: fn(&Statistics) -> u64| workers.iter().map(count).sum::<u64>();
    page.counters(
        "quietroom_dtls_failures",
        "DTLS handshakes and sessions that failed, by reason",
        "reason",
        [
            ("wrong-certificate", sum(|of| of.dtls_wrong_certificate)),
            ("no-srtp-profile", sum(|of| of.dtls_no_srtp_profile)),
            ("protocol", sum(|of| of.dtls_protocol)),
        ],
    )?;
    page.counters(
        "quietroom_datagrams_dropped",
        "Datagrams on the media ports that were dropped, by reason",
        "reason",
        [
            ("unknown-protocol", sum(|of| of.dropped.unknown_protocol)),
            ("unknown-path", sum(|of| of.dropped.unknown_path)),
            ("stun", sum(|of| of.dropped.stun)),
            ("too-early", sum(|of| of.dropped.too_early)),
            ("malformed", sum(|of| of.dropped.malformed)),
            ("forged", sum(|of| of.dropped.forged)),
            ("replayed", sum(|of| of.dropped.replayed)),
            ("unknown-source", sum(|of| of.dropped.unknown_source)),
            ("excess", sum(|of| of.dropped.excess)),
            ("unencrypted", sum(|of| of.dropped.unencrypted)),
        ],
    )?;
    page.counter(
        "quietroom_datagrams_left_out",
        "Datagrams that were not sent, since their TCP connection was behind",
        sum(|of| of.left_out),
    )
}

fn encode_busy(page: &mut Page, busy: impl Iterator<Item = Duration>) -> fmt::Result {
    let mut family = page.describe(
        "quietroom_worker_busy",
        "Time that a media worker's thread worked rather than waited",
        Some(&Unit::Seconds),
        MetricType::Counter,
    )?;
    for (worker, busy) in busy.enumerate() {
        family
            .encode_family(&[("worker", worker.to_string())])?
            .encode_counter::<NoLabelSet, _, f64>(&busy.as_secs_f64(), None)?;
    }
    Ok(())
}

/// The page that is being written. The encoder adds `_total` and units.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl TryInto<u64>,
    ) -> fmt::Result {
        let value = value.try_into().unwrap_or(u64::MAX);
        self.describe(name, help, None, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.describe(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = self.describe(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            family
                .encode_family(&[(label, value)])?
                .encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        Ok(())
    }

    pub(super) fn describe<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }
}
