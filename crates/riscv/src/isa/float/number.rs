//! Numbers taken apart, and the one place that rounds.

use super::flags::{Flags, Rounding};
use super::format::Format;

/// What a bit pattern stands for. The flag of `Zero` and `Infinite` says "negative".
#[derive(Clone, Copy)]
pub(super) enum Value {
    Zero(bool),
    Finite(Number),
    Infinite(bool),
    Nan,
}

/// `± significand × 2^(exponent − 63)`. The top bit of the significand is set; its lowest bit is
/// sticky: it may stand for any non-zero amount below the bit above it.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) exponent: i32,
    pub(super) significand: u64,
}

/// Like [`Number`], wide enough for an exact product: `± significand × 2^(exponent − 126)`.
///
/// Bit 127 is clear, for a sum to carry into. Bit 126 is set in operands, not always in results.
#[derive(Clone, Copy)]
pub(super) struct Wide {
    pub(super) negative: bool,
    pub(super) exponent: i32,
    pub(super) significand: u128,
}

#[inline(always)]
pub(super) fn unpack<F: Format>(pattern: F) -> Value {
    let negative = pattern.widen() & F::SIGN != 0;
    let magnitude = pattern.widen() & (F::SIGN - 1);
    let field = (magnitude >> F::FRACTION_BITS) as i32;
    if magnitude >= F::INFINITY {
        if magnitude == F::INFINITY { Value::Infinite(negative) } else { Value::Nan }
    } else if field != 0 {
        let significand = 1 << 63 | magnitude << (63 - F::FRACTION_BITS);
        Value::Finite(Number { negative, exponent: field - 1 + F::MIN_EXPONENT, significand })
    } else if magnitude != 0 {
        let shift = magnitude.leading_zeros();
        let exponent = F::MIN_EXPONENT + 63 - F::FRACTION_BITS as i32 - shift as i32;
        Value::Finite(Number { negative, exponent, significand: magnitude << shift })
    } else {
        Value::Zero(negative)
    }
}

impl Number {
    #[inline(always)]
    pub(super) fn widen(self) -> Wide {
        let Self { negative, exponent, significand } = self;
        Wide { negative, exponent, significand: u128::from(significand) << 63 }
    }

    /// The number in format `F`, with the flags that getting there raises.
    #[inline(always)]
    pub(super) fn round<F: Format>(self, rm: Rounding, flags: &mut Flags) -> F {
        if self.exponent < F::MIN_EXPONENT {
            return self.round_tiny(rm, flags);
        }
        let (kept, rest) = split::<F>(self.significand);
        let rounded = round_off(kept, rest, self.negative, rm);
        // Added, not or-ed: the significand's leading one is one more in the exponent field, and
        // a carry out of rounding is another, with the fraction zero as it must be.
        let magnitude = (((self.exponent - F::MIN_EXPONENT) as u64) << F::FRACTION_BITS) + rounded;
        if magnitude >= F::INFINITY {
            return overflow(self.negative, rm, flags);
        }
        if rest != 0 {
            flags.raise(Flags::NX);
        }
        signed(self.negative, magnitude)
    }

    /// [`Self::round`] for a number below the normal ones, which loses low bits first.
    #[cold]
    fn round_tiny<F: Format>(self, rm: Rounding, flags: &mut Flags) -> F {
        let shift = (F::MIN_EXPONENT - self.exponent) as u32;
        let (kept, rest) = split::<F>(shift_right_sticky(self.significand.into(), shift) as u64);
        if rest != 0 {
            flags.raise(Flags::NX);
            // Tiny is what stays below the normal numbers when rounded with all its bits.
            let (kept, rest) = split::<F>(self.significand);
            let carries = round_off(kept, rest, self.negative, rm) >> F::FRACTION_BITS == 2;
            if shift > 1 || !carries {
                flags.raise(Flags::UF);
            }
        }
        signed(self.negative, round_off(kept, rest, self.negative, rm))
    }
}

impl Wide {
    /// The sum; `None` if it is exactly zero.
    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (large, small) = if (self.exponent, self.significand) >= (other.exponent, other.significand) {
            (self, other)
        } else {
            (other, self)
        };
        let aligned = shift_right_sticky(small.significand, (large.exponent - small.exponent) as u32);
        let significand = if large.negative == small.negative {
            large.significand + aligned
        } else {
            large.significand - aligned
        };
        (significand != 0).then_some(Self { significand, ..large })
    }

    /// The leading 64 bits, the last of them sticky. The significand is not zero.
    #[inline(always)]
    pub(super) fn narrow(self) -> Number {
        let shift = self.significand.leading_zeros();
        let significand = self.significand << shift;
        let sticky = u64::from(significand as u64 != 0);
        Number {
            negative: self.negative,
            exponent: self.exponent + 1 - shift as i32,
            significand: (significand >> 64) as u64 | sticky,
        }
    }
}

/// Shifts right; the lowest bit of the result is set if any bit was lost.
#[inline(always)]
pub(super) fn shift_right_sticky(significand: u128, shift: u32) -> u128 {
    match significand.checked_shr(shift) {
        Some(shifted) => shifted | u128::from(shifted << shift != significand),
        None => u128::from(significand != 0),
    }
}

/// The bits that fit the format (leading one and fraction), and the rest as a fraction of 2^64.
#[inline(always)]
fn split<F: Format>(significand: u64) -> (u64, u64) {
    (significand >> (63 - F::FRACTION_BITS), significand << (F::FRACTION_BITS + 1))
}

/// `kept + rest / 2^64` as an integer.
#[inline(always)]
pub(super) fn round_off(kept: u64, rest: u64, negative: bool, rm: Rounding) -> u64 {
    const HALF: u64 = 1 << 63;
    let up = match rm {
        Rounding::Rne => rest > HALF || (rest == HALF && kept & 1 != 0),
        Rounding::Rtz => false,
        Rounding::Rdn => negative && rest != 0,
        Rounding::Rup => !negative && rest != 0,
        Rounding::Rmm => rest >= HALF,
    };
    kept + u64::from(up)
}

#[cold]
fn overflow<F: Format>(negative: bool, rm: Rounding, flags: &mut Flags) -> F {
    flags.raise(Flags::OF);
    flags.raise(Flags::NX);
    let to_infinity = match rm {
        Rounding::Rne | Rounding::Rmm => true,
        Rounding::Rtz => false,
        Rounding::Rdn => negative,
        Rounding::Rup => !negative,
    };
    // The largest finite number is the pattern just below infinity.
    signed(negative, if to_infinity { F::INFINITY } else { F::INFINITY - 1 })
}

#[inline(always)]
pub(super) fn signed<F: Format>(negative: bool, magnitude: u64) -> F {
    F::narrow(magnitude | if negative { F::SIGN } else { 0 })
}

/// What an invalid operation gives.
#[cold]
pub(super) fn invalid<F: Format>(flags: &mut Flags) -> F {
    flags.raise(Flags::NV);
    F::narrow(F::CANONICAL_NAN)
}

/// What an operation on `operands` gives when one of them is a NaN.
#[cold]
pub(super) fn propagate_nan<F: Format>(operands: &[F], flags: &mut Flags) -> F {
    if operands.iter().any(|&operand| is_signaling(operand)) {
        flags.raise(Flags::NV);
    }
    F::narrow(F::CANONICAL_NAN)
}

#[inline]
pub(super) fn is_nan<F: Format>(pattern: F) -> bool {
    pattern.widen() & (F::SIGN - 1) > F::INFINITY
}

/// A NaN whose top fraction bit is clear.
#[inline]
pub(super) fn is_signaling<F: Format>(pattern: F) -> bool {
    is_nan(pattern) && pattern.widen() & F::CANONICAL_NAN != F::CANONICAL_NAN
}
