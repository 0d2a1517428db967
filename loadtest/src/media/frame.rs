//! Frames made into payloads.

use super::mark::Mark;
use super::pattern::packet_sizes;
use super::sframe::{self, KeyId};
use super::vp8;
use crate::system::udp::WallTime;

/// One video frame of a stream.
#[derive(Clone, Copy, Debug)]
pub struct VideoFrame {
    pub stream: u32,
    pub number: u32,
    pub is_key_frame: bool,
    pub key: KeyId,
    /// `SFrame`'s counter; never twice the same under one key.
    pub counter: u64,
    /// Bytes, with all but RTP's headers.
    pub size: usize,
}

impl VideoFrame {
    /// How many packets the frame is sent in.
    pub fn packets(&self) -> usize {
        packet_sizes(self.size.max(self.smallest())).count()
    }

    /// The payloads of the frame's packets.
    pub fn payloads(&self, sent: WallTime) -> Vec<Vec<u8>> {
        let smallest = self.smallest();
        let sizes: Vec<_> = packet_sizes(self.size.max(smallest)).collect();
        let packets = sizes.len() as u16;
        let mut payloads = Vec::with_capacity(sizes.len());
        for (packet, size) in (0_u16..).zip(sizes) {
            let descriptor = vp8::Descriptor {
                starts_frame: packet == 0,
                picture_id: self.number as u16,
                base_layer_index: self.number as u8,
            };
            let mut payload = Vec::with_capacity(size.max(smallest));
            payload.extend(descriptor.to_bytes());
            if packet == 0 {
                payload.extend(vp8::clear_bytes(self.is_key_frame));
                sframe::write_header(self.key, self.counter, &mut payload);
            }
            fill(
                &mut payload,
                size.max(smallest),
                self.counter ^ u64::from(packet),
            );
            let mark = Mark {
                stream: self.stream,
                frame: self.number,
                packet,
                packets,
                sent,
            };
            mark.write(&mut payload, vp8::Descriptor::LENGTH);
            payloads.push(payload);
        }
        payloads
    }

    fn smallest(&self) -> usize {
        SMALLEST_VIDEO + usize::from(self.is_key_frame) * 10
    }
}

/// The payload of a microphone's packet.
pub fn audio_payload(stream: u32, number: u32, key: KeyId, sent: WallTime) -> Vec<u8> {
    let mut payload = Vec::with_capacity(AUDIO_BYTES);
    sframe::write_header(key, u64::from(number), &mut payload);
    fill(&mut payload, AUDIO_BYTES, u64::from(number));
    let mark = Mark {
        stream,
        frame: number,
        packet: 0,
        packets: 1,
        sent,
    };
    mark.write(&mut payload, 0);
    payload
}

/// Bytes that look encrypted.
fn fill(payload: &mut Vec<u8>, length: usize, seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66;
    while payload.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        payload.extend(state.to_be_bytes());
    }
    payload.truncate(length);
}

/// Constant, as in private sessions: 32 kbit/s, `SFrame`'s header and tag.
const AUDIO_BYTES: usize = 80 + 24;
/// Room for descriptor, clear bytes, `SFrame`'s header and the mark.
const SMALLEST_VIDEO: usize = vp8::Descriptor::LENGTH + 1 + 17 + Mark::LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyId = KeyId {
        context: 1,
        leaf: 3,
        epoch: 1,
    };

    #[test]
    fn every_packet_of_a_frame_carries_its_mark() {
        for (size, is_key_frame) in [(1, true), (1, false), (9000, false), (40_000, true)] {
            let frame = VideoFrame {
                stream: 1,
                number: 70_000,
                is_key_frame,
                key: KEY,
                counter: 70_000,
                size,
            };

            let payloads = frame.payloads(WallTime(5));

            for (index, payload) in payloads.iter().enumerate() {
                let descriptor = vp8::descriptor_length(payload).unwrap();
                let mark = Mark::read(payload, descriptor).unwrap();
                assert_eq!(usize::from(mark.packet), index);
                assert_eq!(usize::from(mark.packets), payloads.len());
                assert_eq!(mark.frame, 70_000);
            }
        }
    }

    #[test]
    fn audio_packets_all_have_one_size() {
        let lengths: Vec<_> = [0, 7, 8, 70_000]
            .map(|number| audio_payload(1, number, KEY, WallTime(0)).len())
            .to_vec();

        assert!(lengths.iter().all(|length| *length == lengths[0]));
        assert!(Mark::read(&audio_payload(1, 9, KEY, WallTime(0)), 0).is_ok());
    }
}
