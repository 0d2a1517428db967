//! What waits to be sent to one receiver, and when it leaves.

use std::time::{Duration, Instant};

use slab::Slab;

use super::batch::TransmitBatch;
use super::statistics::Statistics;
use super::writer::Writer;
use crate::congestion::{Bitrate, Controller, Pacer};
use crate::publish::Stream;
use crate::subscribe::allocation::Lately;
use crate::subscribe::fallback::Fallback;
use crate::subscribe::repetition::{Recent, Repetition};
use crate::subscribe::{Forward, Segment, SlotState, runs};
use crate::transport::{Importance, Path, TransportProtocol};

/// Packets on their way out to one receiver, by their urgency.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) congestion: Controller,
    pub(super) repetition: Repetition,
    pacer: Pacer,
    queues: [Vec<Forward>; URGENCIES],
    turn: Turn,
    allocation: Allocation,
    /// What the sound takes that is meant for it, if it is sent once, with its
    /// headers.
    pub(super) sound: Bitrate,
    /// There is less than would be of use.
    pub(super) is_constrained: bool,
    /// What its path has taken of late.
    pub(super) lately: Lately,
    /// Whether it is left with sound alone.
    pub(super) fallback: Fallback,
    /// It takes less than all that is shown could use.
    pub(super) is_narrow: bool,
    /// What it was last found to take, once a limit has shown.
    pub(super) limit: Option<Bitrate>,
    /// The worker has it on its list of those that wait for their time.
    pub(super) is_listed: bool,
}

/// Memory to work in, the same for all receivers, so that it stays in the
/// processor's cache.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    segments: Vec<Segment>,
    /// Lent to receivers for whom nothing waits.
    queue: Vec<Forward>,
}

/// When a path was last shared out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Allocation {
    Due,
    Done(Instant),
    /// What there is to be shared out is not what it was then.
    Changed(Instant),
}

/// In this order packets leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgency {
    /// Never waits.
    Audio,
    Repair,
    Video,
}

impl Urgency {
    /// What it is to a connection that is behind. What is sent again is of
    /// pictures.
    fn importance(self) -> Importance {
        match self {
            Self::Audio => Importance::Sound,
            Self::Repair | Self::Video => Importance::Picture,
        }
    }
}

/// When a receiver is to be written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Nothing waits.
    Idle,
    /// With the next batch.
    Now,
    /// Not before this.
    At(Instant),
}

impl Outbound {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            congestion: Controller::new(now),
            repetition: Repetition::default(),
            pacer: Pacer::new(now),
            queues: [const { Vec::new() }; URGENCIES],
            turn: Turn::Idle,
            allocation: Allocation::Due,
            sound: Bitrate::ZERO,
            is_constrained: false,
            lately: Lately::default(),
            fallback: Fallback::default(),
            is_narrow: false,
            limit: None,
            is_listed: false,
        }
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn
    }

    /// Has the path shared out anew at the next look.
    pub(super) fn share_out_now(&mut self) {
        self.allocation = Allocation::Due;
    }

    /// Has the path shared out anew as soon as what comes and goes all the
    /// time may have it.
    pub(super) fn share_out_soon(&mut self) {
        if let Allocation::Done(at) = self.allocation {
            self.allocation = Allocation::Changed(at);
        }
    }

    /// Notes that the path is shared out.
    pub(super) fn note_allocation(&mut self, now: Instant) {
        self.allocation = Allocation::Done(now);
    }

    /// Whether it is time to share the path out.
    pub(super) fn is_allocation_due(&self, now: Instant) -> bool {
        match self.allocation {
            Allocation::Due => true,
            Allocation::Done(at) if !self.is_constrained => now >= at + INTERVAL,
            Allocation::Done(at) | Allocation::Changed(at) => now >= at + CONSTRAINED_INTERVAL,
        }
    }

    /// Queues a packet. Gives whether the receiver is now to be written for
    /// and was not before.
    pub(super) fn queue(&mut self, forward: Forward, urgency: Urgency) -> bool {
        // A probe's next part has its time, and nothing else waits for that.
        let waits = urgency != Urgency::Audio && self.turn != Turn::Now && self.is_held();
        self.queues[urgency as usize].push(forward);
        match self.turn {
            Turn::Now => false,
            Turn::At(_) if waits => false,
            Turn::Idle | Turn::At(_) => {
                self.turn = Turn::Now;
                true
            }
        }
    }

    /// Lends memory for packets of this urgency, unless it has some.
    pub(super) fn lend(&mut self, urgency: Urgency, scratch: &mut Scratch) {
        let queue = &mut self.queues[urgency as usize];
        if queue.capacity() == 0 {
            std::mem::swap(queue, &mut scratch.queue);
        }
    }

    /// Takes back what was lent, unless packets wait in it.
    pub(super) fn take_back(&mut self, urgency: Urgency, scratch: &mut Scratch) {
        let queue = &mut self.queues[urgency as usize];
        if queue.is_empty() && scratch.queue.capacity() == 0 {
            std::mem::swap(queue, &mut scratch.queue);
        }
    }

    /// Whether packets wait for their time.
    pub(super) fn is_held(&self) -> bool {
        self.queues.iter().any(|queue| !queue.is_empty())
    }

    /// Makes it this receiver's turn, if its time has come or there is a probe
    /// to be sent. Gives whether it was not before.
    pub(super) fn wake(&mut self, now: Instant) -> bool {
        let is_due = match self.turn {
            Turn::Idle => self.congestion.next_probe().is_some(),
            Turn::Now => false,
            // Sound that is due again must not hold up a probe.
            Turn::At(at) => {
                let probe = self.congestion.next_probe();
                at <= now || (!self.is_held() && probe.is_some_and(|at| at <= now))
            }
        };
        if is_due {
            self.turn = Turn::Now;
        }
        is_due
    }

    /// Sees whether sound is to be sent twice: where some is lost, and there is
    /// room for it beside what else is sent.
    pub(super) fn review_repetition(&mut self, now: Instant, protocol: Option<TransportProtocol>) {
        let estimate = self.congestion.estimate(now);
        let is_wide = estimate.is_none_or(|estimate| estimate >= self.sound.scaled(WIDE));
        // TCP loses nothing: what is missing was left out, as it was behind.
        let may_lose = protocol != Some(TransportProtocol::Tcp);
        let has_room = may_lose && is_wide && !self.congestion.is_congested();
        let latest = self.congestion.loss_window();
        let recent = Recent {
            loss: self.congestion.recent_loss(),
            is_certain: self.congestion.is_loss_certain(),
        };
        self.repetition.update(now, latest, recent, has_room);
    }

    /// Drops all that waits.
    pub(super) fn clear(&mut self) -> Turn {
        self.queues.iter_mut().for_each(Vec::clear);
        self.repetition.clear();
        self.congestion.abandon_probe();
        self.turn = Turn::Idle;
        self.turn
    }

    /// Drops what waits of a stream that has ended.
    pub(super) fn forget(&mut self, stream: usize) {
        for queue in &mut self.queues {
            queue.retain(|forward| forward.stream != stream);
        }
    }

    /// Writes what may leave into `batch`, in trains, and gives when the next
    /// turn is: now, if the batch is full.
    #[allow(clippy::too_many_arguments, reason = "they belong to the participant")]
    pub(super) fn write(
        &mut self,
        now: Instant,
        writer: &Writer,
        path: Path,
        streams: &Slab<Stream>,
        slots: &mut [SlotState],
        batch: &mut TransmitBatch,
        scratch: &mut Scratch,
        statistics: &mut Statistics,
    ) -> Turn {
        let pace = self.congestion.pace(now);
        self.pacer.update(now, pace, self.waiting_bytes());
        if !self.write_again(now, path, batch, statistics) {
            self.turn = Turn::Now;
            return self.turn;
        }
        for urgency in [Urgency::Audio, Urgency::Repair, Urgency::Video] {
            if self.queues[urgency as usize].is_empty() {
                continue;
            }
            let is_whole = self.write_queue(
                now, urgency, writer, path, streams, batch, scratch, statistics,
            );
            if !is_whole {
                self.turn = Turn::Now;
                return self.turn;
            }
        }
        let next = if self.is_held() {
            Some(self.pacer.next_release())
        } else {
            self.pacer.rest();
            self.write_probe(now, writer, path, slots, batch, statistics);
            self.congestion.next_probe()
        };
        let next = next.into_iter().chain(self.repetition.next()).min();
        self.turn = next.map_or(Turn::Idle, Turn::At);
        self.turn
    }

    /// Writes sound that is due again; `false` if the batch is full.
    fn write_again(
        &mut self,
        now: Instant,
        path: Path,
        batch: &mut TransmitBatch,
        statistics: &mut Statistics,
    ) -> bool {
        while let Some(train) = self.repetition.due_train(now) {
            if !batch.has_room() {
                return false;
            }
            batch.push(path, train.length, Importance::Sound, |bytes| {
                self.repetition.release(train, bytes);
            });
            for _ in 0..train.count {
                let length = u16::try_from(train.length).unwrap_or(u16::MAX);
                self.congestion.sent_again(now, length);
            }
            let bytes = (train.count * train.length) as u64;
            self.pacer.spend(bytes);
            statistics.packets_sent += train.count as u64;
            statistics.bytes_sent += bytes;
            statistics.sound_repeated += train.count as u64;
        }
        true
    }

    /// Writes what may leave of one queue; `false` if the batch is full.
    #[allow(clippy::too_many_arguments, reason = "as for its caller")]
    fn write_queue(
        &mut self,
        now: Instant,
        urgency: Urgency,
        writer: &Writer,
        path: Path,
        streams: &Slab<Stream>,
        batch: &mut TransmitBatch,
        scratch: &mut Scratch,
        statistics: &mut Statistics,
    ) -> bool {
        let queue = &mut self.queues[urgency as usize];
        let allowance = match urgency {
            Urgency::Audio => u64::MAX,
            Urgency::Repair | Urgency::Video => self.pacer.allowance(),
        };
        let repeats = urgency == Urgency::Audio && self.repetition.is_on();
        let segments = &mut scratch.segments;
        segments.clear();
        let mut total = 0;
        for forward in &*queue {
            if total >= allowance {
                break;
            }
            let segment = writer.segment(forward);
            total += segment.length as u64;
            segments.push(segment);
        }
        let mut written = 0;
        for (run, length) in runs(segments) {
            if !batch.has_room() {
                break;
            }
            written = run.end;
            statistics.packets_sent += run.len() as u64;
            let before = batch.byte_count();
            batch.push(path, length, urgency.importance(), |bytes| {
                let last = run.end - 1;
                for at in run {
                    let own = segments[at].length;
                    let padding = if at == last { 0 } else { length - own };
                    let start = bytes.len();
                    let mut number = None;
                    let noted =
                        || *number.insert(note(&mut self.congestion, writer, now, own + padding));
                    writer.write(streams, &queue[at], padding, noted, bytes);
                    if let Some(number) = number
                        && repeats
                        && queue[at].is_single
                        && self.repetition.keep(now, &bytes[start..])
                    {
                        self.congestion.will_repeat(number);
                    }
                }
            });
            let bytes = (batch.byte_count() - before) as u64;
            statistics.bytes_sent += bytes;
            self.pacer.spend(bytes);
        }
        let is_whole = written == segments.len();
        queue.drain(..written);
        is_whole
    }

    /// Writes what a probe wants now, as retransmissions of nothing.
    fn write_probe(
        &mut self,
        now: Instant,
        writer: &Writer,
        path: Path,
        slots: &mut [SlotState],
        batch: &mut TransmitBatch,
        statistics: &mut Statistics,
    ) {
        if self.congestion.next_probe().is_none_or(|at| at > now) || !batch.has_room() {
            return;
        }
        let slot = slots.iter_mut().find(|slot| slot.can_pad());
        let Some(slot) = slot.filter(|_| writer.numbers()) else {
            self.congestion.abandon_probe();
            return;
        };
        let length = writer.padding_length();
        let wanted = self.congestion.release_probe(now).div_ceil(length as u64);
        let before = batch.byte_count();
        // Nobody misses a probe, and on a connection that is behind it shows
        // nothing.
        batch.push(path, length, Importance::Picture, |bytes| {
            for _ in 0..wanted.min(MOST_PADDING) {
                if let Some(padding) = slot.padding() {
                    let number = note(&mut self.congestion, writer, now, length);
                    writer.write_padding(&padding, number, bytes);
                    statistics.probes_sent += 1;
                }
            }
        });
        statistics.bytes_sent += (batch.byte_count() - before) as u64;
    }

    fn waiting_bytes(&self) -> u64 {
        let waiting = self.queues.iter().flatten();
        waiting
            .map(|forward| u64::from(forward.payload_length) + OVERHEAD)
            .sum()
    }
}

/// Has the controller note a packet, and gives its transport-wide number.
fn note(congestion: &mut Controller, writer: &Writer, now: Instant, length: usize) -> u16 {
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    if writer.numbers() {
        congestion.sent(now, length)
    } else {
        congestion.sent_unnumbered(now, length);
        0
    }
}

/// How often a path is shared out anew when there is not enough for all.
const CONSTRAINED_INTERVAL: Duration = Duration::from_millis(100);
/// How often when there is.
const INTERVAL: Duration = Duration::from_millis(500);
const URGENCIES: usize = 3;
/// About what headers and protection add to a payload, in bytes.
const OVERHEAD: u64 = 36;
/// Times what sound takes: twice for itself, and something for the rest.
const WIDE: f64 = 3.0;
/// Packets of padding at a time: a train.
const MOST_PADDING: u64 = 32;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::congestion::report;
    use crate::rtcp::ArrivalRecorder;

    #[test]
    fn sound_is_sent_twice_where_packets_are_lost_and_not_over_tcp() {
        for protocol in [TransportProtocol::Udp, TransportProtocol::Tcp] {
            let start = Instant::now();
            let mut outbound = Outbound::new(start);
            let mut recorder = ArrivalRecorder::new(start);
            for step in 0..500 {
                let now = start + Duration::from_millis(20 * step);
                let number = outbound.congestion.sent(now, 200);
                if step % 5 != 3 {
                    recorder.record(now, number);
                }
                if step % 5 == 4 && report(&mut recorder, &mut outbound.congestion, now) {
                    outbound.review_repetition(now, Some(protocol));
                }
            }

            let is_udp = protocol == TransportProtocol::Udp;
            assert_eq!(outbound.repetition.is_on(), is_udp, "{protocol:?}");
        }
    }

    #[test]
    fn layers_that_stall_and_come_back_all_the_time_share_nothing_out_more_often() {
        let start = Instant::now();
        let mut outbound = Outbound::new(start);
        let mut times = 0;
        for millisecond in 0..1000 {
            let now = start + Duration::from_millis(millisecond);
            outbound.share_out_soon();
            if outbound.is_allocation_due(now) {
                outbound.note_allocation(now);
                times += 1;
            }
        }
        let late = start + Duration::from_millis(960);

        assert_eq!(times, 10);
        assert!(!outbound.is_allocation_due(late));
        outbound.share_out_now();
        assert!(outbound.is_allocation_due(late));
    }
}
