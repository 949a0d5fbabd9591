//! Reproducible numbers: the same on every host, so that checksums can be compared.

/// The odd constant that spreads consecutive numbers over 64 bits (2^64 divided by the golden ratio).
pub(crate) const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number that looks random and depends on every bit of `value` (the finalizer of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A generator: splitmix64.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(SPREAD);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`; `bound` is not 0 and far below 2^64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// The numbers from 0 to `count - 1` in random order.
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}
