//! Floating point of the F and D extensions, exact in value and in flags, on bit patterns.
//!
//! **Model.** A function per instruction, generic over [`Format`]: `u32` stands for binary32 and
//! `u64` for binary64, so `add(a, b, rm, flags)` is FADD.S or FADD.D by the type of its operands.
//! Whatever raises an exception takes the accumulated `fflags` and adds to them; whatever rounds
//! takes a [`Rounding`] mode, already resolved from the instruction and `frm`.
//!
//! Every result is computed in integers: operands are unpacked, the exact result (or one with a
//! sticky bit that stands for all lost ones) is formed, and one function rounds it. Before that,
//! addition, multiplication, division, square root and fused multiply-add ask the host's own
//! floating point, whose *value* is right whenever the mode is to-nearest-even; its *flags* cannot
//! be read from Rust, but need not be when the only one that could be raised, inexact, is raised
//! already and the result is plainly normal. Code that computes with fractions is in that state
//! from its first rounding on.
//!
//! **Invariants.** A NaN result is the canonical one. Tininess is detected after rounding as if
//! the exponent had no lower bound.
//!
//! **Not here.** `frm`, `fflags` and the FS field, which are CSRs; loads and stores.
//!
//! **Sources.** RISC-V Unprivileged ISA, chapters "F" and "D"; IEEE 754-2019.

mod arithmetic;
mod compare;
mod convert;
mod format;
mod number;
#[cfg(test)]
mod tests;

pub use arithmetic::{add, div, fmadd, fmsub, fnmadd, fnmsub, mul, sqrt, sub};
pub use compare::{classify, eq, le, lt, max, min, sgnj, sgnjn, sgnjx};
pub use convert::{Integer, convert, from_integer, to_integer};
pub use format::{Format, box32, unbox32};

/// How a result that does not fit is made to fit; the manual's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// To nearest, ties to even.
    Rne,
    /// Towards zero.
    Rtz,
    /// Down, towards minus infinity.
    Rdn,
    /// Up, towards plus infinity.
    Rup,
    /// To nearest, ties away from zero.
    Rmm,
}

impl Rounding {
    /// The mode an `rm` or `frm` field encodes. `None` for the reserved encodings and for 7, which
    /// in an instruction means "as `frm` says" and in `frm` is reserved too.
    #[inline]
    pub const fn from_field(field: u8) -> Option<Self> {
        match field {
            0 => Some(Self::Rne),
            1 => Some(Self::Rtz),
            2 => Some(Self::Rdn),
            3 => Some(Self::Rup),
            4 => Some(Self::Rmm),
            _ => None,
        }
    }
}

/// Accrued exceptions, laid out as in `fflags`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags(u8);

impl Flags {
    /// Inexact: the result was rounded.
    pub const NX: Self = Self(1);
    /// Underflow: the result was rounded and is below the normal numbers.
    pub const UF: Self = Self(2);
    /// Overflow: the rounded result exceeds the largest finite number.
    pub const OF: Self = Self(4);
    /// A finite number divided by zero.
    pub const DZ: Self = Self(8);
    /// Invalid operation.
    pub const NV: Self = Self(16);

    /// The flags that the low five bits of `fflags` or `fcsr` say.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x1f)
    }

    /// The value of `fflags`, 0 to 31.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `flags` are raised.
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    #[inline]
    fn raise(&mut self, flags: Self) {
        self.0 |= flags.0;
    }
}
