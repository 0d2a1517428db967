//! Blind mutation of seeds: the same inputs for the same number.

/// Makes inputs from seeds and a dictionary.
pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    dictionary: &'a [&'a [u8]],
    random: Random,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seeds: &'a [Vec<u8>], dictionary: &'a [&'a [u8]], random: Random) -> Self {
        Self {
            seeds,
            dictionary,
            random,
        }
    }

    /// Writes the next input over `input`.
    pub(crate) fn next_input(&mut self, input: &mut Vec<u8>) {
        input.clear();
        if self.seeds.is_empty() || self.random.below(64) == 0 {
            let length = self.random.below(LONGEST_NOISE);
            input.extend((0..length).map(|_| self.random.byte()));
            return;
        }
        input.extend_from_slice(self.seed());
        // One change finds what sits behind checks, many find the rest.
        let changes = 1 << self.random.below(5);
        for _ in 0..changes {
            self.change(input);
        }
        input.truncate(LONGEST);
    }

    /// Short ones more often: they are quick, and most of their bytes matter.
    fn seed(&mut self) -> &'a [u8] {
        let (one, other) = (self.random.pick(self.seeds), self.random.pick(self.seeds));
        if self.random.below(4) > 0 && other.len() < one.len() {
            other
        } else {
            one
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        match self.random.below(14) {
            0 => {
                let bit = 1 << self.random.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bit;
                }
            }
            1 => overwrite(input, at, &[self.random.byte()]),
            2 => overwrite(input, at, &[*self.random.pick(&BYTES)]),
            3 => overwrite(input, at, &self.random.pick(&SHORTS).to_be_bytes()),
            4 => overwrite(input, at, &self.random.pick(&WORDS).to_be_bytes()),
            5 => {
                let by = self.random.byte() % 33;
                if let Some(byte) = input.get_mut(at) {
                    *byte = byte.wrapping_add(by).wrapping_sub(16);
                }
            }
            6 => input.truncate(at),
            7 => {
                let range = self.random.range(input.len());
                input.drain(range);
            }
            8 => {
                let copy = input[self.random.range(input.len())].to_vec();
                insert(input, at, &copy);
            }
            9 => {
                let copy = input[self.random.range(input.len())].to_vec();
                let times = 1 + self.random.below(32);
                insert(input, at, &copy.repeat(times));
            }
            10 => {
                let other = self.seed();
                let range = self.random.range(other.len());
                insert(input, at, &other[range]);
            }
            11 => {
                let other = self.seed();
                let from = self.random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            12 if !self.dictionary.is_empty() => {
                let word = *self.random.pick(self.dictionary);
                if self.random.below(2) == 0 {
                    insert(input, at, word);
                } else {
                    overwrite(input, at, word);
                }
            }
            _ => self.change_number(input, at),
        }
    }

    /// Replaces the next decimal number after `at`.
    fn change_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(start) = input[at..].iter().position(u8::is_ascii_digit) else {
            return;
        };
        let start = at + start;
        let digits = input[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let number = *self.random.pick(&NUMBERS);
        input.splice(start..start + digits, number.bytes());
    }
}

/// A small generator whose seed is the whole run (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        let mut random = Self(seed);
        random.0 = random.next() ^ round;
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Mostly short, sometimes up to all of `length`.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length } else { 32 };
        let end = start + self.below(most.min(length - start) + 1);
        start..end
    }
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (byte, new) in input[at..].iter_mut().zip(bytes) {
        *byte = *new;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let fits = bytes.len().min(LONGEST.saturating_sub(input.len()));
    input.splice(at..at, bytes[..fits].iter().copied());
}

const LONGEST: usize = 24 * 1024;
const LONGEST_NOISE: usize = 200;

const BYTES: [u8; 10] = [0, 1, 15, 16, 31, 32, 127, 128, 254, 255];
const SHORTS: [u16; 9] = [0, 1, 4, 255, 256, 0x7FFF, 0x8000, 0xFFFC, 0xFFFF];
const WORDS: [u32; 7] = [
    0,
    1,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
];
const NUMBERS: [&str; 14] = [
    "",
    "0",
    "1",
    "-1",
    "15",
    "16",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "65536",
    "4294967296",
    "18446744073709551616",
];
