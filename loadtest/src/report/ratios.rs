//! What a comparison comes to: Quietroom against the floor, against its peers
//! and against itself with other numbers of people.

use super::json::Record;
use crate::target::Target;

/// A line for each scenario, and one where the same publisher had few
/// receivers and many.
pub fn lines(records: &[Record]) -> Vec<String> {
    let own = Target::Quietroom.to_string();
    let of_own: Vec<_> = records.iter().filter(|r| r.target == own).collect();
    let mut lines: Vec<_> = of_own
        .iter()
        .map(|record| {
            let others: Vec<_> = records
                .iter()
                .filter(|other| other.scenario == record.scenario)
                .collect();
            against_others(record, &others)
        })
        .collect();
    if let [few, .., many] = &of_broadcasts(&of_own)[..] {
        let growth = many.cpu_ns_per_forwarded_packet / few.cpu_ns_per_forwarded_packet;
        lines.push(format!(
            "a packet in {} costs {growth:.2} times what it does in {}",
            many.scenario, few.scenario
        ));
    }
    lines
}

fn against_others(own: &Record, others: &[&Record]) -> String {
    let mut parts = Vec::new();
    parts.extend(
        own.ratio_to_floor
            .map(|ratio| format!("{ratio:.2} times the floor's processor time a packet")),
    );
    let floor = Target::Floor.to_string();
    let floor = others.iter().find(|other| other.target == floor);
    let delays = own.delay_ms.p99.zip(floor.and_then(|f| f.delay_ms.p99));
    parts.extend(delays.map(|(own, floor)| format!("p99 delay {:+.2} ms", own - floor)));
    let best_peer = others
        .iter()
        // What was overwhelmed spent its time on what did not arrive.
        .filter(|other| !is_ours(other) && other.loss <= MOST_LOST)
        .min_by(|a, b| {
            let cost = |record: &Record| record.cpu_ns_per_forwarded_packet;
            cost(a).total_cmp(&cost(b))
        });
    parts.extend(best_peer.map(|peer| {
        let times = peer.cpu_ns_per_forwarded_packet / own.cpu_ns_per_forwarded_packet;
        format!("1/{times:.1} of what {} takes", peer.target)
    }));
    if own.frame_check == Some("off") {
        parts.push("ITS FRAME CHECK IS OFF".into());
    }
    format!("{}: {}", own.scenario, parts.join(", "))
}

/// Those with one publisher, by their receivers.
fn of_broadcasts<'a>(records: &[&'a Record]) -> Vec<&'a Record> {
    let receivers = |record: &Record| record.scenario.strip_prefix("1x")?.parse::<u32>().ok();
    let mut found: Vec<_> = records
        .iter()
        .filter_map(|record| Some((receivers(record)?, *record)))
        .collect();
    found.sort_by_key(|(receivers, _)| *receivers);
    found.into_iter().map(|(_, record)| record).collect()
}

fn is_ours(record: &Record) -> bool {
    [Target::Floor, Target::FloorSingly, Target::Quietroom]
        .iter()
        .any(|target| record.target == target.to_string())
}

const MOST_LOST: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: Target, scenario: &str, cost: f64, delay: f64) -> Record {
        let mut record = Record {
            target: target.to_string(),
            scenario: scenario.to_owned(),
            cpu_ns_per_forwarded_packet: cost,
            ..Record::default()
        };
        record.delay_ms.p99 = Some(delay);
        record
    }

    #[test]
    fn quietroom_is_set_against_the_floor_and_the_best_peer() {
        let mut own = record(Target::Quietroom, "1x50", 1500.0, 2.5);
        own.ratio_to_floor = Some(1.25);
        let records = [
            record(Target::Floor, "1x50", 1200.0, 2.0),
            own,
            record(Target::Janus, "1x50", 30_000.0, 9.0),
            record(Target::JanusEventLoops, "1x50", 12_000.0, 9.0),
            record(Target::Janus, "1x500", 10.0, 9.0),
            record(Target::Quietroom, "1x500", 1650.0, 2.5),
        ];

        let lines = lines(&records);

        assert_eq!(
            lines[0],
            "1x50: 1.25 times the floor's processor time a packet, p99 delay +0.50 ms, \
             1/8.0 of what janus, event loops takes"
        );
        assert_eq!(
            lines[2],
            "a packet in 1x500 costs 1.10 times what it does in 1x50"
        );
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_peer_that_lost_much_is_not_shown_as_slow() {
        let mut peer = record(Target::Janus, "1x500", 198_000.0, 9.0);
        peer.loss = 0.95;
        let records = [record(Target::Quietroom, "1x500", 1800.0, 2.5), peer];

        assert!(!lines(&records)[0].contains("janus"));
    }
}
