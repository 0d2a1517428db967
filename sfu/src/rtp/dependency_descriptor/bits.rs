//! Reading bit by bit, most significant first.

/// What is left of some bytes.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits, from the start.
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// The next `width` bits, at most 32, as a number; `None` if there are
    /// fewer.
    pub(super) fn take(&mut self, width: u32) -> Option<u32> {
        let end = self.position + width as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0_u64;
        for at in self.position / 8..end.div_ceil(8) {
            value = (value << 8) | u64::from(self.bytes[at]);
        }
        value >>= end.next_multiple_of(8) - end;
        self.position = end;
        Some((value & ((1 << width) - 1)) as u32)
    }

    /// A number below `bound`, which is at least 1, in as few bits as that
    /// needs (`ns(n)`).
    pub(super) fn take_below(&mut self, bound: u32) -> Option<u32> {
        let width = u32::BITS - bound.leading_zeros();
        let short = (1 << width) - bound;
        let value = self.take(width - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }

    /// Whether nothing but zeros is left, and less than would be another
    /// field's: the end is padded to whole bytes, sometimes more.
    pub(super) fn rest_is_zero(&mut self) -> bool {
        while self.position < self.bytes.len() * 8 {
            let width = 8 - self.position % 8;
            if self.take(width as u32) != Some(0) {
                return false;
            }
        }
        true
    }
}
