//! What this node's own relay does.

use std::fmt;

use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use turn::driver::Handle;

use super::node::Page;

pub(super) fn encode(page: &mut Page, turn: &Handle) -> fmt::Result {
    let statistics = turn.statistics();
    let server = statistics.server;
    for (name, help, value) in [
        (
            "quietroom_turn_allocations",
            "Allocations that clients of the relay have",
            server.allocations,
        ),
        (
            "quietroom_turn_connections",
            "TCP and TLS connections of the relay's clients",
            server.streams,
        ),
        (
            "quietroom_turn_relay_ports",
            "UDP ports that are open for peers on other nodes",
            statistics.relay_ports,
        ),
        (
            "quietroom_turn_waiting_bytes",
            "What waits for clients of the relay that read too slowly from their connections",
            statistics.waiting_bytes,
        ),
    ] {
        page.gauge(name, help, value)?;
    }
    for (name, help, value) in [
        (
            "quietroom_turn_requests",
            "Requests to the relay",
            server.requests,
        ),
        (
            "quietroom_turn_requests_refused",
            "Requests to the relay that were refused, but not for a fresh nonce alone",
            server.refused,
        ),
        (
            "quietroom_turn_allocations_made",
            "Allocations that were made",
            server.allocated,
        ),
        (
            "quietroom_turn_connections_ended",
            "Connections that the relay refused, or closed for what came over them or did not",
            server.streams_ended,
        ),
    ] {
        page.counter(name, help, value)?;
    }
    page.counters(
        "quietroom_turn_packets",
        "Packets that were relayed, up from clients or down to them",
        "direction",
        [("up", server.packets_up), ("down", server.packets_down)],
    )?;
    let mut family = page.describe(
        "quietroom_turn_relayed",
        "Data that was relayed, up from clients or down to them",
        Some(&Unit::Bytes),
        MetricType::Counter,
    )?;
    for (direction, bytes) in [("up", server.bytes_up), ("down", server.bytes_down)] {
        family
            .encode_family(&[("direction", direction)])?
            .encode_counter::<NoLabelSet, _, f64>(&bytes, None)?;
    }
    page.counters(
        "quietroom_turn_dropped",
        "What was not relayed or answered, by reason",
        "reason",
        [
            ("malformed", server.dropped.malformed),
            ("unknown", server.dropped.unknown),
            ("not-permitted", server.dropped.not_permitted),
            ("excess", server.dropped.excess),
            ("slow-client", statistics.late),
            ("busy-worker", statistics.lost),
        ],
    )?;
    page.describe(
        "quietroom_turn_busy",
        "Time that the relay's thread worked rather than waited",
        Some(&Unit::Seconds),
        MetricType::Counter,
    )?
    .encode_counter::<NoLabelSet, _, f64>(&turn.busy().as_secs_f64(), None)
}
