//! Writing the Dependency Descriptor extension, as an encoder's sender does.

/// The kinds of frames a stream has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    pub first_id: u8,
    pub targets: usize,
    pub templates: Vec<Template>,
    /// Which chain protects each target; empty without chains.
    pub protected_by: Vec<u8>,
    pub chains: usize,
    /// Of each spatial layer; empty if not said.
    pub resolutions: Vec<(u32, u32)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    pub spatial: u8,
    pub temporal: u8,
    /// For each target: `-` not present, `D`, `S` or `R`.
    pub indications: &'static str,
    pub references: Vec<u16>,
    pub chains: Vec<u8>,
}

/// One packet's descriptor.
#[derive(Clone, Default, Debug)]
pub struct Packet<'a> {
    pub starts_frame: bool,
    pub ends_frame: bool,
    pub template: u8,
    pub frame_number: u16,
    pub attached: Option<&'a Structure>,
    pub active_targets: Option<u32>,
    pub indications: Option<&'a str>,
    pub references: Option<&'a [u16]>,
    pub chains: Option<&'a [u8]>,
}

impl Packet<'_> {
    /// The extension's data. `targets` is of the structure in force.
    pub fn to_bytes(&self, targets: usize) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(u32::from(self.starts_frame), 1);
        bits.put(u32::from(self.ends_frame), 1);
        bits.put(u32::from(self.template), 6);
        bits.put(u32::from(self.frame_number), 16);
        let flags = [
            self.attached.is_some(),
            self.active_targets.is_some(),
            self.indications.is_some(),
            self.references.is_some(),
            self.chains.is_some(),
        ];
        if flags.contains(&true) {
            for flag in flags {
                bits.put(u32::from(flag), 1);
            }
        }
        if let Some(structure) = self.attached {
            structure.write(&mut bits);
        }
        if let Some(active) = self.active_targets {
            bits.put(active, targets);
        }
        if let Some(indications) = self.indications {
            put_indications(&mut bits, indications);
        }
        if let Some(references) = self.references {
            for reference in references {
                let value = u32::from(reference - 1);
                let nibbles = (3 - value.leading_zeros().saturating_sub(20) as usize / 4).max(1);
                bits.put(nibbles as u32, 2);
                bits.put(value, 4 * nibbles);
            }
            bits.put(0, 2);
        }
        for chain in self.chains.unwrap_or_default() {
            bits.put(u32::from(*chain), 8);
        }
        bits.bytes
    }
}

impl Structure {
    fn write(&self, bits: &mut Bits) {
        bits.put(u32::from(self.first_id), 6);
        bits.put(self.targets as u32 - 1, 5);
        for (at, template) in self.templates.iter().enumerate() {
            let next = match self.templates.get(at + 1) {
                None => 3,
                Some(next) if next.spatial > template.spatial => 2,
                Some(next) if next.temporal > template.temporal => 1,
                Some(_) => 0,
            };
            bits.put(next, 2);
        }
        for template in &self.templates {
            put_indications(bits, template.indications);
        }
        for template in &self.templates {
            for reference in &template.references {
                bits.put(1, 1);
                bits.put(u32::from(reference - 1), 4);
            }
            bits.put(0, 1);
        }
        bits.put_below(self.chains as u32, self.targets as u32 + 1);
        if self.chains > 0 {
            for chain in &self.protected_by {
                bits.put_below(u32::from(*chain), self.chains as u32);
            }
            for template in &self.templates {
                for chain in &template.chains {
                    bits.put(u32::from(*chain), 4);
                }
            }
        }
        bits.put(u32::from(!self.resolutions.is_empty()), 1);
        for (width, height) in &self.resolutions {
            bits.put(width - 1, 16);
            bits.put(height - 1, 16);
        }
    }
}

/// One spatial and three temporal layers (`L1T3`).
pub fn l1t3() -> Structure {
    let template = |temporal, indications, references: &[u16], chain| Template {
        spatial: 0,
        temporal,
        indications,
        references: references.to_vec(),
        chains: vec![chain],
    };
    Structure {
        first_id: 0,
        targets: 3,
        templates: vec![
            template(0, "SSS", &[], 0),
            template(0, "SSS", &[4], 4),
            template(1, "-DS", &[2], 2),
            template(2, "--D", &[1], 1),
            template(2, "--D", &[1], 3),
        ],
        protected_by: vec![0, 0, 0],
        chains: 1,
        resolutions: vec![(640, 360)],
    }
}

/// Two spatial layers, the upper predicted from the lower in key frames only
/// (`L2T1_KEY`). Each picture is two frames, the lower first.
pub fn l2t1_key() -> Structure {
    let template = |spatial, indications, references: &[u16], chains: [u8; 2]| Template {
        spatial,
        temporal: 0,
        indications,
        references: references.to_vec(),
        chains: chains.to_vec(),
    };
    Structure {
        first_id: 10,
        targets: 2,
        templates: vec![
            template(0, "S-", &[2], [2, 1]),
            template(0, "SS", &[], [0, 0]),
            template(1, "-S", &[2], [1, 2]),
            template(1, "-S", &[1], [1, 1]),
        ],
        protected_by: vec![0, 1],
        chains: 2,
        resolutions: vec![(320, 180), (640, 360)],
    }
}

/// Three spatial layers of three temporal ones, each spatial layer predicted
/// from the one below in key frames only (`L3T3_KEY`). Of each there are four
/// templates: of a key picture, T0, T1 and T2; pictures follow as
/// [`L3T3_KEY_PATTERN`] says.
pub fn l3t3_key() -> Structure {
    const KEYS: [&str; 3] = ["SSSSSSSSS", "---SSSSSS", "------SSS"];
    const OTHERS: [[&str; 3]; 3] = [
        ["SSS------", "-DS------", "--D------"],
        ["---SSS---", "----DS---", "-----D---"],
        ["------SSS", "-------DS", "--------D"],
    ];
    let template = |spatial, temporal, indications, references: &[u16]| Template {
        spatial,
        temporal,
        indications,
        references: references.to_vec(),
        chains: Vec::new(),
    };
    let templates = (0..3_u8).flat_map(|spatial| {
        let below: &[u16] = if spatial == 0 { &[] } else { &[1] };
        let at = usize::from(spatial);
        let [t0, t1, t2] = OTHERS[at];
        [
            template(spatial, 0, KEYS[at], below),
            template(spatial, 0, t0, &[12]),
            template(spatial, 1, t1, &[6]),
            template(spatial, 2, t2, &[3]),
        ]
    });
    Structure {
        first_id: 5,
        targets: 9,
        templates: templates.collect(),
        protected_by: Vec::new(),
        chains: 0,
        resolutions: vec![(320, 180), (640, 360), (1280, 720)],
    }
}

pub const L3T3_KEY_FIRST: [u8; 3] = [0, 4, 8];
pub const L3T3_KEY_PATTERN: [&[u8]; 4] = [&[3, 7, 11], &[2, 6, 10], &[3, 7, 11], &[1, 5, 9]];

fn put_indications(bits: &mut Bits, indications: &str) {
    for indication in indications.bytes() {
        let value = match indication {
            b'-' => 0,
            b'D' => 1,
            b'S' => 2,
            _ => 3,
        };
        bits.put(value, 2);
    }
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, width: usize) {
        for at in (0..width).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> at) as u8 & 1;
            *self.bytes.last_mut().expect("just pushed") |= bit << (7 - self.count % 8);
            self.count += 1;
        }
    }

    /// `ns(n)` of the AV1 specification, §4.10.7.
    fn put_below(&mut self, value: u32, bound: u32) {
        let width = (u32::BITS - bound.leading_zeros()) as usize;
        let short = (1 << width) - bound;
        if value < short {
            self.put(value, width - 1);
        } else {
            self.put(value + short, width);
        }
    }
}
