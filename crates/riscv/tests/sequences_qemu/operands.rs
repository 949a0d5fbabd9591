//! Random operands: values and registers that matter.

use crate::{SCRATCH, SCRATCH_BYTES};

/// Registers that point into the scratch memory: `sp` and two popular ones for compressed code.
/// Aligned to eight bytes, since atomics use them as they are.
pub(crate) const POINTERS: [(u32, u64); 4] =
    [(2, SCRATCH + 0x400), (8, SCRATCH + 0xff8), (9, SCRATCH + 0xf80), (18, SCRATCH + 0x1a10)];
/// Counts the jumps backward that are left.
pub(crate) const COUNTER: u32 = 31;
pub(crate) const BACKWARD_JUMPS: u64 = 12;

/// Marsaglia's xorshift, so that every run tests the same.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = random.next());
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 8) % limit
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    pub(crate) fn bits(&mut self, bits: u32) -> u32 {
        (self.next() >> 8) as u32 & ((1 << bits) - 1)
    }

    /// A register value: small, a power of two or beside one, or anything.
    pub(crate) fn value(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(8).wrapping_sub(3),
            1 => (1u64 << self.below(64)).wrapping_sub(self.below(3)),
            2 => (self.next() as i64 >> self.below(64)) as u64,
            3 => self.next() as i32 as u64,
            _ => self.next(),
        }
    }

    /// A floating-point register: a double of any kind or a boxed single near one.
    pub(crate) fn float(&mut self) -> u64 {
        match self.below(4) {
            0 => self.next(),
            1 => (0x3fe0 + self.below(0x40)) << 48 | self.next() >> 16,
            2 => 0xffff_ffff_0000_0000 | (0x3f00_0000 + self.below(0x0200_0000)),
            _ => 0xffff_ffff_0000_0000 | self.next() >> 32,
        }
    }

    pub(crate) fn source(&mut self) -> u32 {
        self.bits(5)
    }

    pub(crate) fn destination(&mut self) -> u32 {
        loop {
            let register = self.bits(5);
            if register != COUNTER && POINTERS.iter().all(|(pointer, _)| *pointer != register) {
                return register;
            }
        }
    }

    /// One of the eight registers that compressed instructions name, but no pointer.
    pub(crate) fn popular_destination(&mut self) -> u32 {
        10 + self.below(6) as u32
    }

    /// A pointer and an offset that lead to `bytes` within the scratch memory, not always aligned,
    /// often near the end of its first page.
    pub(crate) fn place(&mut self, bytes: u64) -> (u32, u32) {
        loop {
            let (pointer, base) = self.one_of(&POINTERS);
            let mut address = match self.below(3) {
                0 => SCRATCH + 0x1000 - self.below(20) + self.below(10),
                _ => (base + self.below(4096)).wrapping_sub(2048),
            };
            if self.below(3) > 0 {
                address &= !(bytes - 1);
            }
            let offset = address.wrapping_sub(base) as i64;
            if (SCRATCH..=SCRATCH + SCRATCH_BYTES - bytes).contains(&address)
                && (-2048..2048).contains(&offset)
            {
                return (pointer, offset as u32 & 0xfff);
            }
        }
    }
}
