//! The Dependency Descriptor header extension (RTP Payload Format For AV1,
//! appendix A): which layers a frame belongs to and what it needs, for any
//! codec, in the clear under end-to-end encryption.

mod bits;
mod structure;

use super::Layer;
use bits::Bits;
pub use structure::Structure;

/// What one packet's descriptor says of its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DependencyDescriptor {
    /// The packet is the first of its frame.
    pub starts_frame: bool,
    /// The packet is the last of its frame.
    pub ends_frame: bool,
    /// Grows by one with each frame of the stream, modulo 2^16.
    pub frame_number: u16,
    pub layer: Layer,
    /// What the frame is to each decode target.
    pub indications: Indications,
    /// How many frames back those are that this one is predicted from.
    pub references: References,
    /// How many frames back the last one of each chain is; 0 is none.
    pub chains: Chains,
    /// A bit for each decode target that is being produced, if it is said.
    pub active_targets: Option<u32>,
    /// The largest width and height of the frame's spatial layer.
    pub resolution: Option<(u32, u32)>,
}

impl DependencyDescriptor {
    /// Reads the extension's data. `known` is the structure that the stream
    /// attached last; if this descriptor has one attached, that holds instead
    /// and is given out beside it.
    ///
    /// `None` if it is cut short, longer than it says, breaks the format's
    /// rules, or names a template of a structure that is not known.
    pub fn parse(data: &[u8], known: Option<&Structure>) -> Option<(Self, Option<Structure>)> {
        let mut bits = Bits::new(data);
        let starts_frame = bits.flag()?;
        let ends_frame = bits.flag()?;
        let template = bits.take(6)?;
        let frame_number = bits.take(16)? as u16;
        let extended = match data.len() {
            MANDATORY_LENGTH => Extended::default(),
            _ => Extended::parse(&mut bits)?,
        };
        let attached = if extended.has_structure {
            Some(Structure::parse(&mut bits)?)
        } else {
            None
        };
        let structure = attached.as_ref().or(known)?;
        let targets = structure.decode_targets().len();
        let mut active_targets = extended.has_structure.then(|| all_of(targets));
        if extended.has_active_targets {
            active_targets = Some(bits.take(targets as u32)?);
        }
        let template = structure.template(template as u8)?;
        let indications = if extended.has_indications {
            Indications::parse(&mut bits, targets)?
        } else {
            template.indications
        };
        let references = if extended.has_references {
            References::parse_of_frame(&mut bits)?
        } else {
            template.references
        };
        let chains = if extended.has_chains {
            Chains::parse(&mut bits, structure.chain_count(), 8)?
        } else {
            template.chains
        };
        if !bits.rest_is_zero() {
            return None;
        }
        let descriptor = Self {
            starts_frame,
            ends_frame,
            frame_number,
            layer: template.layer,
            indications,
            references,
            chains,
            active_targets,
            resolution: structure.resolution(template.layer.spatial),
        };
        Some((descriptor, attached))
    }

    /// Writes another frame number into an extension's data.
    pub fn set_frame_number(data: &mut [u8], number: u16) {
        if let Some(field) = data.get_mut(1..3) {
            field.copy_from_slice(&number.to_be_bytes());
        }
    }

    /// The frame number in an extension's data.
    pub fn frame_number(data: &[u8]) -> Option<u16> {
        let field = data.get(1..3)?;
        Some(u16::from_be_bytes([field[0], field[1]]))
    }
}

/// What a frame is to a decode target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indication {
    NotPresent,
    /// No other frame of the target needs it.
    Discardable,
    /// Who can decode it can decode all of the target from here on.
    Switch,
    Required,
}

/// A frame's indication for each of up to 32 decode targets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Indications(u64);

impl Indications {
    fn parse(bits: &mut Bits, targets: usize) -> Option<Self> {
        let mut packed = 0;
        for target in 0..targets {
            packed |= u64::from(bits.take(2)?) << (2 * target);
        }
        Some(Self(packed))
    }

    /// The indication for the target with this index, below 32.
    pub fn of(self, target: u8) -> Indication {
        match (self.0 >> (2 * u32::from(target & 31))) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }
}

/// How many frames back the referenced ones are, each 1 to 4096.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct References {
    differences: [u16; MOST_REFERENCES],
    count: u8,
}

impl References {
    fn parse_of_template(bits: &mut Bits) -> Option<Self> {
        let mut references = Self::default();
        while bits.flag()? {
            references.push(bits.take(4)? as u16 + 1)?;
        }
        Some(references)
    }

    fn parse_of_frame(bits: &mut Bits) -> Option<Self> {
        let mut references = Self::default();
        loop {
            let nibbles = bits.take(2)?;
            if nibbles == 0 {
                return Some(references);
            }
            references.push(bits.take(4 * nibbles)? as u16 + 1)?;
        }
    }

    fn push(&mut self, difference: u16) -> Option<()> {
        *self.differences.get_mut(usize::from(self.count))? = difference;
        self.count += 1;
        Some(())
    }

    pub fn as_slice(&self) -> &[u16] {
        &self.differences[..usize::from(self.count)]
    }
}

/// For each of up to 32 chains, how many frames back its last frame is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Chains {
    differences: [u8; MOST_TARGETS],
    count: u8,
}

impl Chains {
    fn parse(bits: &mut Bits, count: u8, width: u32) -> Option<Self> {
        let mut chains = Self {
            count,
            ..Self::default()
        };
        for difference in chains.differences.get_mut(..usize::from(count))? {
            *difference = bits.take(width)? as u8;
        }
        Some(chains)
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.differences[..usize::from(self.count)]
    }
}

/// The flags of the descriptor's optional part.
#[derive(Clone, Copy, Default, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "the format has five flags")]
struct Extended {
    has_structure: bool,
    has_active_targets: bool,
    has_indications: bool,
    has_references: bool,
    has_chains: bool,
}

impl Extended {
    fn parse(bits: &mut Bits) -> Option<Self> {
        Some(Self {
            has_structure: bits.flag()?,
            has_active_targets: bits.flag()?,
            has_indications: bits.flag()?,
            has_references: bits.flag()?,
            has_chains: bits.flag()?,
        })
    }
}

fn all_of(targets: usize) -> u32 {
    u32::MAX >> (MOST_TARGETS - targets.clamp(1, MOST_TARGETS))
}

/// A descriptor that attaches and overrides nothing, in bytes.
const MANDATORY_LENGTH: usize = 3;
/// `dt_cnt_minus_one` has five bits.
const MOST_TARGETS: usize = 32;
/// AV1 keeps eight frames to predict from, and a frame uses seven at most.
const MOST_REFERENCES: usize = 8;
