//! The Dependency Descriptor extension (AV1 RTP specification, appendix A)
//! for a stream of one spatial and one temporal layer.

/// One packet's place in its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DependencyDescriptor {
    pub starts_frame: bool,
    pub ends_frame: bool,
    pub is_key_frame: bool,
    pub frame_number: u16,
}

impl DependencyDescriptor {
    /// The extension's data: three bytes, and on the first packet of a key
    /// frame the structure that the templates are of.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(u64::from(self.starts_frame), 1);
        bits.put(u64::from(self.ends_frame), 1);
        bits.put(if self.is_key_frame { KEY } else { DELTA }, 6);
        bits.put(u64::from(self.frame_number), 16);
        if self.is_key_frame && self.starts_frame {
            // template_dependency_structure_present, and no other of the flags.
            bits.put(0b1_0000, 5);
            write_structure(&mut bits);
        }
        bits.bytes
    }
}

fn write_structure(bits: &mut Bits) {
    // template_id_offset 0, one decode target.
    bits.put(0, 6);
    bits.put(0, 5);
    // Layers: a second template of the same layer, then the end.
    bits.put(SAME_LAYER, 2);
    bits.put(NO_MORE_TEMPLATES, 2);
    // Both templates are switching points of the one target.
    bits.put(SWITCH, 2);
    bits.put(SWITCH, 2);
    // Differences: none for a key frame; one frame back for others.
    bits.put(0, 1);
    bits.put(1, 1);
    bits.put(0, 4);
    bits.put(0, 1);
    // One chain, which protects the target: ns(2) of 1 is one bit, ns(1) none.
    bits.put(1, 1);
    bits.put(0, 4);
    bits.put(1, 4);
    // resolutions_present.
    bits.put(0, 1);
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        for bit in (0..width).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if value >> bit & 1 == 1
                && let Some(last) = self.bytes.last_mut()
            {
                *last |= 0x80 >> (self.used % 8);
            }
            self.used += 1;
        }
    }
}

const KEY: u64 = 0;
const DELTA: u64 = 1;
const SAME_LAYER: u64 = 0;
const NO_MORE_TEMPLATES: u64 = 3;
const SWITCH: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_ordinary_frames_have_three_bytes() {
        let descriptor = DependencyDescriptor {
            starts_frame: true,
            ends_frame: false,
            is_key_frame: false,
            frame_number: 0x1234,
        };

        assert_eq!(descriptor.to_bytes(), [0x81, 0x12, 0x34]);
    }

    #[test]
    fn a_key_frame_starts_with_the_structure() {
        let descriptor = DependencyDescriptor {
            starts_frame: true,
            ends_frame: true,
            is_key_frame: true,
            frame_number: 1,
        };

        // Spelled out after the syntax of A.8.2: the mandatory fields, then
        // 10000 000000 00000 | 00 11 10 10 | 0 1 0000 0 | 1 0000 0001 | 0.
        assert_eq!(
            descriptor.to_bytes(),
            [0xC0, 0x00, 0x01, 0x80, 0x00, 0x3A, 0x41, 0x01, 0x00]
        );
    }
}
