//! One published stream: what came of it, and who takes it.

use std::time::{Duration, Instant};

use super::layer_bitrates::{LayerBitrates, STEPS, Step};
use super::{
    ExpectedKeys, FrameCheck, FrameId, FramePart, Gap, KeyFrameRequests, MissingPackets, Packet,
    PayloadDescription, Ring,
};
use crate::audio::Voice;
use crate::congestion::Bitrate;
use crate::identity::{MediaKind, ParticipantId, Source};
use crate::rtcp::Reception;
use crate::rtp::dependency_descriptor::{DependencyDescriptor, Indication, Structure};
use crate::rtp::header::Header;
use crate::rtp::picture_id::PictureNumbers;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Layer, Ssrc, Timestamp, clock_rate};

/// A synchronization source of a publisher.
#[derive(Debug)]
pub struct Stream {
    pub publisher: ParticipantId,
    pub source: Source,
    /// Its place among the simulcast layers of its source, the least first;
    /// 0 if it is the only one.
    pub layer: u8,
    pub ssrc: Ssrc,
    pub ring: Ring,
    pub reception: Reception,
    pub missing: MissingPackets,
    pub key_frames: KeyFrameRequests,
    pub sender_report: Option<SenderReportReceived>,
    pub subscribers: Vec<Subscriber>,
    pub expected_keys: ExpectedKeys,
    pub frame_check: FrameCheck,
    /// When a packet with payload came last that was not late.
    pub last_media: Instant,
    /// It has fallen silent while other layers of its source go on.
    pub is_stalled: bool,
    pub rest: Rest,
    /// The height of its picture in pixels, if it tells.
    pub height: Option<u16>,
    /// Of a microphone: what is known of who speaks into it.
    pub voice: Voice,
    layers: LayerBitrates,
    structure: Option<Attached>,
}

/// Whether a layer is not sent because its publisher was told that nobody
/// takes it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Rest {
    /// It is sent, as far as its publisher can.
    #[default]
    No,
    /// It is not sent, and would be if somebody took it.
    Asked,
    /// Its publisher was told that somebody does, and has until then.
    Ending(Instant),
}

/// Where a stream goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// The worker's key of the participant.
    pub participant: usize,
    /// The index of the participant's slot.
    pub slot: usize,
}

/// The clocks of the last sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderReportReceived {
    pub at: Instant,
    /// The sender's wall clock, as an NTP timestamp.
    pub ntp: u64,
    /// The same moment in the stream's ticks.
    pub timestamp: Timestamp,
}

impl Stream {
    pub fn new(
        now: Instant,
        publisher: ParticipantId,
        source: Source,
        layer: u8,
        ssrc: Ssrc,
    ) -> Self {
        let longest = match source.kind() {
            MediaKind::Audio => LONGEST_AUDIO_RING,
            MediaKind::Video => LONGEST_VIDEO_RING,
        };
        Self {
            publisher,
            source,
            layer,
            ssrc,
            ring: Ring::new(RING, longest),
            reception: Reception::new(clock_rate(source.kind())),
            missing: match source.kind() {
                MediaKind::Audio => MissingPackets::of_sound(),
                MediaKind::Video => MissingPackets::default(),
            },
            key_frames: KeyFrameRequests::default(),
            sender_report: None,
            subscribers: Vec::new(),
            expected_keys: ExpectedKeys::default(),
            frame_check: FrameCheck::default(),
            last_media: now,
            is_stalled: false,
            rest: Rest::No,
            height: None,
            voice: Voice::default(),
            layers: LayerBitrates::new(now),
            structure: None,
        }
    }

    /// Goes on with measuring after a time in which nothing came.
    pub fn restart_measuring(&mut self, now: Instant) {
        self.layers.restart(now);
    }

    /// Takes what was counted into the bitrates. A picture that does not come
    /// keeps its own: it may come again and take as much as before.
    pub fn measure(&mut self, now: Instant) {
        let is_flowing = now.saturating_duration_since(self.last_media) < PAUSE;
        if is_flowing || self.source.kind() == MediaKind::Audio {
            self.layers.measure(now);
        }
    }

    /// Whether its publisher sends nothing, and was not asked not to.
    pub fn is_off(&self, now: Instant) -> bool {
        self.rest == Rest::No && self.has_been_silent(now)
    }

    /// Whether nothing has come for longer than any pause between pictures is.
    pub fn has_been_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_media) >= SILENCE
    }

    /// What can be sent of the stream without the rest of it, the least first;
    /// the last is all of it.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.layers.steps()
    }

    /// What it takes with all its layers.
    pub fn bitrate(&self) -> Bitrate {
        self.layers.whole()
    }

    /// Its highest spatial layer.
    pub fn highest_spatial(&self) -> u8 {
        match &self.structure {
            Some(attached) => attached.highest_spatial(),
            None => self.layers.highest_spatial(),
        }
    }

    /// The height in pixels of one of its spatial layers, or of the highest if
    /// there are fewer; `full` is the highest one's, unless the stream tells.
    pub fn height_of(&self, spatial: u8, full: u16) -> u16 {
        let highest = self.highest_spatial();
        let spatial = spatial.min(highest);
        let told = self
            .structure()
            .and_then(|(structure, _)| structure.resolution(spatial))
            .and_then(|(_, height)| u16::try_from(height).ok());
        told.unwrap_or(full >> (highest - spatial).min(15))
    }

    /// Adds a receiver.
    pub fn add_subscriber(&mut self, participant: usize, slot: usize) {
        self.subscribers.push(Subscriber { participant, slot });
    }

    /// Whether a receiver can count on it: it comes, or would if it were asked
    /// for.
    pub fn is_to_be_had(&self, now: Instant) -> bool {
        match self.rest {
            _ if !self.is_stalled => true,
            Rest::No => false,
            Rest::Asked => true,
            Rest::Ending(until) => now < until,
        }
    }

    /// Notes that a packet came, and tells what is to be done about those
    /// missing before it.
    ///
    /// Sound has no retransmissions of its own (RFC 4588): what is sent again
    /// has the number that it had. If it is stamped it would not be the same
    /// packet any more, and two under one number give away what authenticates
    /// them (RFC 7714 §10.1): then it is not asked for.
    pub fn note_arrival(&mut self, now: Instant, incoming: &Incoming) -> Gap {
        let is_sound = self.source.kind() == MediaKind::Audio;
        if is_sound && (incoming.is_stamped || self.subscribers.is_empty()) {
            return Gap::None;
        }
        let gap = self.missing.record(now, incoming.sequence);
        if self.subscribers.is_empty() {
            // Whoever takes it later begins with a key frame: what is sent
            // again till then takes the place of what is taken.
            self.missing.clear();
            return Gap::None;
        }
        if gap == Gap::TooLong && !is_sound {
            self.key_frames.want();
        }
        gap
    }

    /// Whether it goes on with this packet, which is not just a late one or
    /// one sent again.
    pub fn goes_on_with(&self, sequence: ExtendedSequence) -> bool {
        self.source.kind() == MediaKind::Audio || self.missing.is_newest(sequence)
    }

    /// Notes that it has fallen silent: what is missing of it would show no
    /// picture any more.
    pub fn stall(&mut self) {
        self.is_stalled = true;
        self.missing.clear();
    }

    /// Takes a decrypted packet into the ring, if the stream has receivers, and
    /// gives what forwarding needs to know of it, or `None` if it isn't one of
    /// its codec. What fails the check for end-to-end encryption is kept without
    /// its payload.
    pub fn receive(&mut self, incoming: &Incoming) -> Option<(Packet, FramePart)> {
        let Incoming {
            header, sequence, ..
        } = *incoming;
        let mut payload = incoming.payload;
        let mut frame = FramePart::of_sound();
        let mut numbers = PictureNumbers::default();
        if payload.is_empty() {
            // Padding, which a publisher probes with.
        } else if self.source.kind() == MediaKind::Video {
            let description = PayloadDescription::parse(incoming.codec, payload, header.marker)?;
            let described = self.describe(sequence, incoming.descriptor);
            frame = described.unwrap_or(description.frame);
            let id = FrameId {
                timestamp: header.timestamp,
                spatial: frame.layer.spatial,
            };
            let is_admitted = self.frame_check.admits_video(
                &self.expected_keys,
                self.source,
                id,
                description.frame.starts_frame,
                description.ciphertext,
                payload,
            );
            if is_admitted {
                numbers = description.numbers;
                if frame.starts_key_frame {
                    self.height = description.height.or(self.height);
                    self.key_frames.satisfy();
                }
            } else {
                payload = &[];
            }
        } else if !FrameCheck::admits_sound(&self.expected_keys, self.source, payload) {
            payload = &[];
        }
        self.count(&frame, payload.len());
        let descriptor = match frame.dependencies {
            Some(_) if !payload.is_empty() => incoming.descriptor,
            _ => &[],
        };
        let packet = Packet {
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level: incoming.audio_level,
            codec: incoming.codec,
            numbers,
            ends_layer: frame.ends_frame.then_some(frame.layer.spatial),
            payload_length: u16::try_from(payload.len()).ok()?,
            descriptor_length: u8::try_from(descriptor.len()).ok()?,
        };
        // The first packet of a layer that had stalled may find receivers.
        let is_unused = self.subscribers.is_empty() && !self.is_stalled;
        let is_taken = is_unused || self.ring.insert(packet, payload, descriptor);
        is_taken.then_some((packet, frame))
    }

    /// The structure that the newest key frame attached, and which of its
    /// decode targets are being produced, a bit each.
    pub fn structure(&self) -> Option<(&Structure, u32)> {
        let attached = self.structure.as_ref()?;
        Some((&attached.structure, attached.active))
    }

    /// Counts a packet for all steps that it is part of.
    fn count(&mut self, frame: &FramePart, bytes: usize) {
        match (&frame.dependencies, &self.structure) {
            (Some(of), Some(attached)) => self.layers.count(bytes, |step| {
                of.indications.of(attached.targets[step]) != Indication::NotPresent
            }),
            _ => self.layers.count(bytes, |step| {
                let Layer { spatial, temporal } = STEPS[step];
                frame.layer.spatial <= spatial && frame.layer.temporal <= temporal
            }),
        }
    }

    /// Reads a Dependency Descriptor. `None` where there is none, or none that
    /// can be understood: then the payload's own descriptor must do.
    fn describe(&mut self, sequence: ExtendedSequence, bytes: &[u8]) -> Option<FramePart> {
        if bytes.is_empty() {
            return None;
        }
        let known = self.structure.as_ref().map(|known| &known.structure);
        let (descriptor, attached) = DependencyDescriptor::parse(bytes, known)?;
        let is_newest = self
            .structure
            .as_ref()
            .is_none_or(|known| sequence >= known.since);
        let has_structure = attached.is_some();
        if let Some(structure) = attached {
            // A late packet's must not undo a newer one.
            if is_newest {
                let active = descriptor.active_targets.unwrap_or(u32::MAX);
                self.structure = Some(Attached::new(structure, sequence, active));
            }
        } else if let Some(active) = descriptor.active_targets
            && let Some(known) = &mut self.structure
            && is_newest
        {
            known.set_active(active);
        }
        Some(FramePart::described_by(&descriptor, has_structure))
    }
}

/// A decrypted packet as it came.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    pub header: &'a Header,
    pub sequence: ExtendedSequence,
    pub codec: Codec,
    pub audio_level: Option<u8>,
    /// Its header bears a transport-wide number or the time, which would be
    /// others if it was sent again.
    pub is_stamped: bool,
    /// The Dependency Descriptor's bytes; empty without.
    pub descriptor: &'a [u8],
    pub payload: &'a [u8],
}

/// A stream's structure, and since which packet it holds.
#[derive(Debug)]
struct Attached {
    structure: Structure,
    since: ExtendedSequence,
    active: u32,
    /// The decode target of each step.
    targets: [u8; STEPS.len()],
}

impl Attached {
    fn new(structure: Structure, since: ExtendedSequence, active: u32) -> Self {
        let mut attached = Self {
            structure,
            since,
            active,
            targets: [0; STEPS.len()],
        };
        attached.set_active(active);
        attached
    }

    fn set_active(&mut self, active: u32) {
        self.active = active;
        self.targets = STEPS.map(|highest| self.structure.decode_target_within(highest, active));
    }

    fn highest_spatial(&self) -> u8 {
        let targets = self.structure.decode_targets();
        let best = targets.get(usize::from(self.targets[STEPS.len() - 1]));
        best.map_or(0, |layer| layer.spatial)
    }
}

const SILENCE: Duration = Duration::from_secs(2);
/// Longer than between two pictures of a camera: more may come of what was
/// begun, or nothing.
const PAUSE: Duration = Duration::from_millis(350);
/// As many as come between two sendings, even after the network held them up.
const RING: usize = 128;
const LONGEST_AUDIO_RING: usize = 256;
/// About two seconds of 720p at 2.5 Mbit/s.
const LONGEST_VIDEO_RING: usize = 512;
