//! Which of a stream's own layers a slot sends: temporal layers, and spatial
//! ones where a stream carries several (SVC).
//!
//! With a Dependency Descriptor that is a decode target: one is taken up only
//! at a frame that lets decoding of it begin, and only when all that this
//! frame refers to was sent. Without one it is a highest layer by the payload
//! descriptor's numbers.

use crate::publish::FramePart;
use crate::rtp::dependency_descriptor::{Indication, Structure};
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Layer};

/// What a slot takes of the stream that is in it.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    codec: Codec,
    /// The highest layers that are sent at present.
    current: Layer,
    /// The newest packet that was looked at.
    newest: Option<ExtendedSequence>,
    /// The decode target that is sent, by the stream's structure.
    target: u8,
    sent: SentFrames,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub is_sent: bool,
    /// The wanted layers can only be reached by a key frame.
    pub needs_key_frame: bool,
}

impl Selection {
    /// For a stream that starts with the packet that is looked at next.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            current: Layer::default(),
            newest: None,
            target: 0,
            sent: SentFrames::default(),
        }
    }

    /// The codec that the stream is in.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Decides on a packet. `structure` is its stream's, with a bit for each
    /// decode target that is being produced.
    pub fn admit(
        &mut self,
        limit: Layer,
        sequence: ExtendedSequence,
        frame: &FramePart,
        structure: Option<(&Structure, u32)>,
    ) -> Verdict {
        let is_newest = self.newest.is_none_or(|newest| sequence > newest);
        if is_newest {
            self.newest = Some(sequence);
        }
        match structure {
            Some((structure, active)) if frame.dependencies.is_some() => {
                self.admit_described(limit, frame, structure, active)
            }
            _ => self.admit_by_layer(limit, is_newest, frame),
        }
    }

    /// The highest spatial layer that is sent of each picture, if there may be
    /// others above it.
    pub fn top(&self) -> u8 {
        self.current.spatial
    }

    fn admit_described(
        &mut self,
        limit: Layer,
        frame: &FramePart,
        structure: &Structure,
        active: u32,
    ) -> Verdict {
        let Some(dependencies) = frame.dependencies else {
            return ALL;
        };
        let targets = structure.decode_targets();
        if let [only] = targets {
            self.current = *only;
            return ALL;
        }
        let number = dependencies.frame_number;
        if frame.starts_key_frame {
            self.sent.restart(number);
        }
        match self.sent.decision(number) {
            Decision::Made(is_sent) => {
                return Verdict {
                    is_sent,
                    needs_key_frame: false,
                };
            }
            Decision::TooOld => return NOTHING,
            Decision::Open => {}
        }
        let wanted = structure.decode_target_within(limit, active);
        let indications = dependencies.indications;
        if wanted != self.target || frame.starts_key_frame {
            let is_switch = indications.of(wanted) == Indication::Switch;
            let references = dependencies.references.as_slice();
            if is_switch && self.sent.holds_all(number, references) {
                self.target = wanted;
            }
        }
        let layer_of = |target: u8| {
            targets
                .get(usize::from(target))
                .copied()
                .unwrap_or_default()
        };
        let (at, to) = (layer_of(self.target), layer_of(wanted));
        self.current = at;
        let is_of = |target| indications.of(target) != Indication::NotPresent;
        let references = dependencies.references.as_slice();
        let can_go_down = to < at && structure.includes(self.target, wanted);
        let needs_key_frame = to.spatial != at.spatial && !can_go_down;
        // Until a key frame lets it go down, the larger picture with fewer
        // frames is the least there is.
        let is_left_out = if can_go_down {
            !is_of(wanted)
        } else {
            to.spatial < at.spatial && frame.layer.temporal > 0
        };
        let is_sent =
            is_of(self.target) && !is_left_out && !self.sent.lacks_any(number, references);
        self.sent.note(number, is_sent);
        Verdict {
            is_sent,
            needs_key_frame,
        }
    }

    fn admit_by_layer(&mut self, limit: Layer, is_newest: bool, frame: &FramePart) -> Verdict {
        let Layer { spatial, temporal } = frame.layer;
        if is_newest && frame.starts_frame {
            if frame.starts_key_frame {
                self.current = limit;
            }
            self.current.spatial = self.current.spatial.min(limit.spatial);
            self.current.temporal = self.current.temporal.min(limit.temporal);
            if frame.is_switch_point && temporal <= limit.temporal {
                self.current.temporal = self.current.temporal.max(temporal);
            }
        }
        Verdict {
            is_sent: spatial <= self.current.spatial && temporal <= self.current.temporal,
            needs_key_frame: spatial > self.current.spatial && spatial <= limit.spatial,
        }
    }
}

/// Which of the last frames were sent, by their numbers.
#[derive(Clone, Copy, Default, Debug)]
struct SentFrames {
    newest: Option<u16>,
    /// Bit n is of the frame n before the newest.
    decided: u128,
    sent: u128,
}

enum Decision {
    Made(bool),
    Open,
    TooOld,
}

impl SentFrames {
    /// Forgets what was before the key frame with this number, unless that is
    /// known already.
    fn restart(&mut self, number: u16) {
        if self.newest.is_none_or(|newest| is_after(number, newest)) {
            *self = Self::default();
        }
    }

    fn decision(&self, number: u16) -> Decision {
        let Some(newest) = self.newest else {
            return Decision::Open;
        };
        if is_after(number, newest) {
            return Decision::Open;
        }
        match bit(newest, number) {
            None => Decision::TooOld,
            Some(bit) if self.decided & bit == 0 => Decision::Open,
            Some(bit) => Decision::Made(self.sent & bit != 0),
        }
    }

    fn note(&mut self, number: u16, is_sent: bool) {
        let newest = match self.newest {
            Some(newest) if is_after(number, newest) => {
                let ahead = u32::from(number.wrapping_sub(newest));
                self.decided = self.decided.checked_shl(ahead).unwrap_or(0);
                self.sent = self.sent.checked_shl(ahead).unwrap_or(0);
                number
            }
            Some(newest) => newest,
            None => number,
        };
        self.newest = Some(newest);
        if let Some(bit) = bit(newest, number) {
            self.decided |= bit;
            if is_sent {
                self.sent |= bit;
            }
        }
    }

    /// Whether one of the frames this many before `number` was left out.
    fn lacks_any(&self, number: u16, differences: &[u16]) -> bool {
        let left_out = self.decided & !self.sent;
        differences.iter().any(|difference| {
            let referenced = number.wrapping_sub(*difference);
            self.newest
                .and_then(|newest| bit(newest, referenced))
                .is_some_and(|bit| left_out & bit != 0)
        })
    }

    /// Whether the frames this many before `number` were all sent.
    fn holds_all(&self, number: u16, differences: &[u16]) -> bool {
        differences.iter().all(|difference| {
            let referenced = number.wrapping_sub(*difference);
            self.newest
                .and_then(|newest| bit(newest, referenced))
                .is_some_and(|bit| self.sent & bit != 0)
        })
    }
}

fn is_after(number: u16, other: u16) -> bool {
    let ahead = number.wrapping_sub(other);
    ahead != 0 && ahead < 0x8000
}

fn bit(newest: u16, number: u16) -> Option<u128> {
    1_u128.checked_shl(u32::from(newest.wrapping_sub(number)))
}

const ALL: Verdict = Verdict {
    is_sent: true,
    needs_key_frame: false,
};
const NOTHING: Verdict = Verdict {
    is_sent: false,
    needs_key_frame: false,
};
