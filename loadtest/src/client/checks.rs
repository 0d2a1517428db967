//! What a full client verifies of each packet after decrypting it.

use std::time::Duration;

use crate::measure::histogram::Histogram;
use crate::media::mark::Mark;
use crate::media::rtp::Header;
use crate::media::{sframe, vp8};
use crate::system::udp::WallTime;

/// The findings of one or more full clients.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Decrypted and as they were sent.
    pub good: u64,
    /// Not decrypted: a wrong key, a replay, or changed on the way.
    pub undecryptable: u64,
    /// Decrypted, but not what the publisher sent.
    pub damaged: u64,
    /// Frames without an `SFrame` header of their source and epoch, or with a
    /// counter that was there before.
    pub misframed: u64,
    /// Good, but a sequence number, timestamp or marker says that they belong
    /// elsewhere.
    pub misplaced: u64,
    /// From the publisher's call to send until the kernel had it for the
    /// client.
    pub delays: Histogram,
}

impl Findings {
    pub fn merge(&mut self, other: &Self) {
        self.good += other.good;
        self.undecryptable += other.undecryptable;
        self.damaged += other.damaged;
        self.misframed += other.misframed;
        self.misplaced += other.misplaced;
        self.delays.merge(&other.delays);
    }

    /// Packets that should not be.
    pub fn faults(&self) -> u64 {
        self.undecryptable + self.damaged + self.misframed + self.misplaced
    }
}

/// One full client's view of the streams it gets.
#[derive(Debug, Default)]
pub struct Checks {
    pub findings: Findings,
    last: Vec<Last>,
    last_frames: Vec<LastFrame>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    place: u64,
    timestamp: u32,
    mark: Mark,
}

/// The newest frame of a publisher's stream.
#[derive(Clone, Copy, Debug)]
struct LastFrame {
    stream: u32,
    number: u32,
    framing: sframe::Header,
}

impl Checks {
    /// Checks a decrypted packet, the `place`-th of its stream.
    pub fn check(
        &mut self,
        header: &Header,
        packet: &[u8],
        place: u64,
        is_video: bool,
        arrived: Option<WallTime>,
    ) {
        let Some(payload) = header.payload(packet) else {
            self.findings.damaged += 1;
            return;
        };
        if payload.is_empty() {
            // Only padding: a server measures the path.
            return;
        }
        let checked_from = if is_video {
            vp8::descriptor_length(payload)
        } else {
            Some(0)
        };
        let read = checked_from.and_then(|from| Some((from, Mark::read(payload, from).ok()?)));
        let Some((from, mark)) = read else {
            self.findings.damaged += 1;
            return;
        };
        if let Some(arrived) = arrived {
            let delay = arrived.0.saturating_sub(mark.sent.0);
            self.findings.delays.record(Duration::from_nanos(delay));
        }
        if mark.packet == 0 && !self.has_right_framing(mark, &payload[from..], is_video) {
            self.findings.misframed += 1;
            return;
        }
        let this = Last {
            ssrc: header.ssrc,
            place,
            timestamp: header.timestamp,
            mark,
        };
        let is_last = mark.packet + 1 == mark.packets;
        let has_right_marker = !is_video || header.marker == is_last;
        if has_right_marker && self.follows(this) {
            self.findings.good += 1;
        } else {
            self.findings.misplaced += 1;
        }
    }

    /// Whether a frame begins with the `SFrame` header of its source, in the
    /// group's epoch, under one leaf and with a counter of its own.
    fn has_right_framing(&mut self, mark: Mark, frame: &[u8], is_video: bool) -> bool {
        let clear = if is_video {
            vp8::clear_length(frame)
        } else {
            Some(0)
        };
        let bytes = clear.and_then(|clear| frame.get(clear..));
        let Some(framing) = bytes.and_then(sframe::read_header) else {
            return false;
        };
        let key = framing.key;
        if key.context != u8::from(is_video) || key.epoch != sframe::EPOCH {
            return false;
        }
        let this = LastFrame {
            stream: mark.stream,
            number: mark.frame,
            framing,
        };
        let mut last_frames = self.last_frames.iter_mut();
        let Some(last) = last_frames.find(|last| last.stream == this.stream) else {
            self.last_frames.push(this);
            return true;
        };
        let before = *last;
        if this.number > before.number {
            *last = this;
        }
        before.framing.key == key
            && this.number.cmp(&before.number) == framing.counter.cmp(&before.framing.counter)
    }

    /// Whether a packet goes on where the one with the number before stopped.
    fn follows(&mut self, this: Last) -> bool {
        let Some(last) = self.last.iter_mut().find(|last| last.ssrc == this.ssrc) else {
            self.last.push(this);
            return true;
        };
        let before = *last;
        if this.place <= before.place {
            return this.place < before.place;
        }
        *last = this;
        if this.place != before.place + 1 {
            return true;
        }
        let same_frame =
            this.mark.stream == before.mark.stream && this.mark.frame == before.mark.frame;
        if same_frame {
            this.mark.packet == before.mark.packet + 1 && this.timestamp == before.timestamp
        } else {
            let ended = before.mark.packet + 1 == before.mark.packets;
            ended && this.mark.packet == 0 && this.timestamp != before.timestamp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::VideoFrame;
    use crate::media::rtp::NewHeader;
    use crate::media::sframe::KeyId;

    const KEY: KeyId = KeyId {
        context: 1,
        leaf: 0,
        epoch: sframe::EPOCH,
    };

    /// The packets of frames of `size` bytes, as they should arrive.
    fn packets(frames: u32, size: usize) -> Vec<Vec<u8>> {
        framed(frames, size, |number| (KEY, u64::from(number)))
    }

    /// With the key and counter that `framing` has for each frame.
    fn framed(frames: u32, size: usize, framing: impl Fn(u32) -> (KeyId, u64)) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for number in 0..frames {
            let (key, counter) = framing(number);
            let payloads = VideoFrame {
                stream: 1,
                number,
                is_key_frame: number == 0,
                key,
                counter,
                size,
            }
            .payloads(WallTime(1_000));
            for (index, payload) in payloads.iter().enumerate() {
                let mut packet = Vec::new();
                NewHeader {
                    marker: index + 1 == payloads.len(),
                    payload_type: 96,
                    sequence_number: packets.len() as u16,
                    timestamp: number * 3000,
                    ssrc: 5,
                    extensions: &[],
                }
                .write(&mut packet);
                packet.extend(payload);
                packets.push(packet);
            }
        }
        packets
    }

    fn check(packets: &[Vec<u8>]) -> Findings {
        let mut checks = Checks::default();
        for packet in packets {
            let header = Header::parse(packet).unwrap();
            let place = u64::from(header.sequence_number);
            checks.check(&header, packet, place, true, Some(WallTime(3_000_000)));
        }
        checks.findings
    }

    #[test]
    fn streams_as_sent_have_no_faults_and_show_their_delay() {
        let findings = check(&packets(5, 5000));

        assert_eq!(findings.good, 25);
        assert_eq!(findings.faults(), 0);
        let delay = findings.delays.quantile(0.5).unwrap();
        assert!((2900..3100).contains(&delay.as_micros()), "{delay:?}");
    }

    #[test]
    fn frames_under_another_key_or_a_used_counter_are_found() {
        let wrong =
            |framing: &dyn Fn(u32) -> (KeyId, u64)| check(&framed(4, 3000, framing)).misframed;

        assert_eq!(wrong(&|number| (KEY, u64::from(number) + 5)), 0);
        assert_eq!(wrong(&|number| (KEY, u64::from(number.min(2)))), 1);
        assert_eq!(wrong(&|number| (KEY.of_another_epoch(), number.into())), 4);
        let leaf = |number: u32| u8::from(number > 0);
        let keys = |number| {
            (
                KeyId {
                    leaf: leaf(number),
                    ..KEY
                },
                u64::from(number),
            )
        };
        assert_eq!(wrong(&keys), 1);
        let microphone = KeyId { context: 0, ..KEY };
        assert_eq!(wrong(&|number| (microphone, number.into())), 4);
    }

    #[test]
    fn a_gap_is_a_loss_and_no_fault() {
        let mut all = packets(5, 5000);
        all.drain(3..9);

        assert_eq!(check(&all).faults(), 0);
    }

    #[test]
    fn each_kind_of_wrong_packet_is_found() {
        let mut changed = packets(2, 3000);
        changed[1][100] ^= 1;
        assert_eq!(check(&changed).damaged, 1);

        let mut renumbered = packets(2, 3000);
        let gap = renumbered.remove(1);
        for packet in &mut renumbered[1..] {
            packet[3] -= 1;
        }
        assert!(!gap.is_empty());
        assert_eq!(check(&renumbered).misplaced, 1);

        let mut late_stamp = packets(2, 3000);
        late_stamp[1][7] ^= 1;
        assert!(check(&late_stamp).misplaced > 0);

        let mut no_marker = packets(2, 3000);
        no_marker[2][1] &= 0x7F;
        assert_eq!(check(&no_marker).misplaced, 1);
    }
}
