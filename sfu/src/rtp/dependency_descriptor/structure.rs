//! The structure that a stream's templates and decode targets have.

use super::super::Layer;
use super::bits::Bits;
use super::{Chains, Indication, Indications, References};

/// What a stream attaches to its key frames: the kinds of frames that follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    /// The id of the first template, modulo 64.
    first_id: u8,
    templates: Vec<Template>,
    /// The highest layers that each decode target has.
    targets: Vec<Layer>,
    /// Which chain protects each decode target; empty without chains.
    protected_by: Vec<u8>,
    chain_count: u8,
    /// Width and height of each spatial layer; empty if they are not said.
    resolutions: Vec<(u32, u32)>,
}

/// A kind of frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Template {
    pub(super) layer: Layer,
    pub(super) indications: Indications,
    pub(super) references: References,
    pub(super) chains: Chains,
}

impl Structure {
    pub(super) fn parse(bits: &mut Bits) -> Option<Self> {
        let first_id = bits.take(6)? as u8;
        let target_count = bits.take(5)? as usize + 1;
        let mut templates = parse_layers(bits)?;
        for template in &mut templates {
            template.indications = Indications::parse(bits, target_count)?;
        }
        for template in &mut templates {
            template.references = References::parse_of_template(bits)?;
        }
        let chain_count = bits.take_below(target_count as u32 + 1)? as u8;
        let mut protected_by = Vec::new();
        if chain_count > 0 {
            for _ in 0..target_count {
                protected_by.push(bits.take_below(u32::from(chain_count))? as u8);
            }
            for template in &mut templates {
                template.chains = Chains::parse(bits, chain_count, 4)?;
            }
        }
        let mut resolutions = Vec::new();
        if bits.flag()? {
            let highest = templates.last().map_or(0, |last| last.layer.spatial);
            for _ in 0..=highest {
                resolutions.push((bits.take(16)? + 1, bits.take(16)? + 1));
            }
        }
        let targets = (0..target_count as u8)
            .map(|target| highest_layer(&templates, target))
            .collect();
        Some(Self {
            first_id,
            templates,
            targets,
            protected_by,
            chain_count,
            resolutions,
        })
    }

    /// The highest layers of each decode target, by its index; 1 to 32.
    pub fn decode_targets(&self) -> &[Layer] {
        &self.targets
    }

    /// The best decode target of those with a bit in `active` that has nothing
    /// above `limit`, or else the least of them.
    pub fn decode_target_within(&self, limit: Layer, active: u32) -> u8 {
        let targets = || {
            (0_u8..)
                .zip(&self.targets)
                .filter(move |(target, _)| active & (1 << target) != 0)
        };
        targets()
            .filter(|(_, of)| of.spatial <= limit.spatial && of.temporal <= limit.temporal)
            .max_by_key(|(_, of)| **of)
            .or_else(|| targets().min_by_key(|(_, of)| **of))
            .map_or(0, |(target, _)| target)
    }

    /// Whether all frames of the decode target `inner` are `outer`'s too.
    pub fn includes(&self, outer: u8, inner: u8) -> bool {
        let is_of =
            |template: &Template, target| template.indications.of(target) != Indication::NotPresent;
        let mut templates = self.templates.iter();
        templates.all(|template| !is_of(template, inner) || is_of(template, outer))
    }

    /// The chain that protects a decode target, if the stream has chains.
    pub fn protecting_chain(&self, target: u8) -> Option<u8> {
        self.protected_by.get(usize::from(target)).copied()
    }

    pub(super) fn chain_count(&self) -> u8 {
        self.chain_count
    }

    /// The largest width and height of a spatial layer, if they are said.
    pub fn resolution(&self, spatial: u8) -> Option<(u32, u32)> {
        self.resolutions.get(usize::from(spatial)).copied()
    }

    pub(super) fn template(&self, id: u8) -> Option<&Template> {
        let index = (id + TEMPLATE_IDS - self.first_id) % TEMPLATE_IDS;
        self.templates.get(usize::from(index))
    }
}

fn parse_layers(bits: &mut Bits) -> Option<Vec<Template>> {
    let mut templates = Vec::new();
    let mut layer = Layer::default();
    loop {
        if templates.len() == usize::from(TEMPLATE_IDS) {
            return None;
        }
        templates.push(Template {
            layer,
            indications: Indications::default(),
            references: References::default(),
            chains: Chains::default(),
        });
        match bits.take(2)? {
            SAME_LAYER => {}
            NEXT_TEMPORAL => layer.temporal += 1,
            NEXT_SPATIAL => {
                layer = Layer {
                    spatial: layer.spatial + 1,
                    temporal: 0,
                }
            }
            _ => break,
        }
        if layer.spatial > MOST_SPATIAL || layer.temporal > MOST_TEMPORAL {
            return None;
        }
    }
    Some(templates)
}

/// The highest spatial and temporal layer of the frames that a decode target
/// has (`decode_target_layers()`).
fn highest_layer(templates: &[Template], target: u8) -> Layer {
    let present = templates
        .iter()
        .filter(|template| template.indications.of(target) != Indication::NotPresent);
    present.fold(Layer::default(), |highest, template| Layer {
        spatial: highest.spatial.max(template.layer.spatial),
        temporal: highest.temporal.max(template.layer.temporal),
    })
}

const SAME_LAYER: u32 = 0;
const NEXT_TEMPORAL: u32 = 1;
const NEXT_SPATIAL: u32 = 2;
/// A template's id has six bits.
const TEMPLATE_IDS: u8 = 64;
/// AV1's `spatial_id` has two bits and its `temporal_id` three.
const MOST_SPATIAL: u8 = 3;
const MOST_TEMPORAL: u8 = 7;
