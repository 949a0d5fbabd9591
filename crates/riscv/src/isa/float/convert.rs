//! FCVT: between floating point and integers, and between the two formats.

use super::flags::{Flags, Rounding};
use super::format::Format;
use super::number::{Number, Value, propagate_nan, round_off, shift_right_sticky, signed, unpack};

/// The integer type of a conversion, in the order in which the instructions' `rs2` field has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Integer {
    /// Signed 32-bit (W).
    I32,
    /// Unsigned 32-bit (WU).
    U32,
    /// Signed 64-bit (L).
    I64,
    /// Unsigned 64-bit (LU).
    U64,
}

impl Integer {
    const fn is_signed(self) -> bool {
        matches!(self, Self::I32 | Self::I64)
    }

    /// The largest magnitude a number of this sign can have.
    const fn limit(self, negative: bool) -> u64 {
        let largest = match self {
            Self::I32 => i32::MAX as u64,
            Self::U32 => u32::MAX as u64,
            Self::I64 => i64::MAX as u64,
            Self::U64 => u64::MAX,
        };
        match (self.is_signed(), negative) {
            (true, true) => largest + 1,
            (false, true) => 0,
            (_, false) => largest,
        }
    }

    /// The integer as a register holds it: 32-bit results are sign-extended, also unsigned ones.
    const fn in_register(self, negative: bool, magnitude: u64) -> u64 {
        let value = if negative { magnitude.wrapping_neg() } else { magnitude };
        match self {
            Self::I32 | Self::U32 => value as i32 as u64,
            Self::I64 | Self::U64 => value,
        }
    }

    /// Sign and magnitude of the integer in a register, whose upper bits the W types ignore.
    const fn sign_and_magnitude(self, register: u64) -> (bool, u64) {
        let value = match self {
            Self::I32 => register as i32 as i64,
            Self::I64 => register as i64,
            Self::U32 => return (false, register as u32 as u64),
            Self::U64 => return (false, register),
        };
        (value < 0, value.unsigned_abs())
    }
}

/// FCVT from `F` to an integer; the result is the value of a 64-bit register.
///
/// What does not fit after rounding is invalid (and then not inexact) and gives the nearest
/// integer that fits; a NaN gives the largest.
pub fn to_integer<F: Format>(a: F, to: Integer, rm: Rounding, flags: &mut Flags) -> u64 {
    let mut saturated = |negative| {
        flags.raise(Flags::NV);
        to.in_register(negative, to.limit(negative))
    };
    match unpack(a) {
        Value::Zero(_) => 0,
        Value::Nan => saturated(false),
        Value::Infinite(negative) => saturated(negative),
        Value::Finite(Number { negative, exponent, .. }) if exponent > 63 => saturated(negative),
        Value::Finite(Number { negative, exponent, significand }) => {
            // A 64.64 fixed-point number.
            let fixed = if exponent >= -1 {
                u128::from(significand) << (exponent + 1)
            } else {
                shift_right_sticky(significand.into(), exponent.abs_diff(-1))
            };
            let rest = fixed as u64;
            let magnitude = round_off((fixed >> 64) as u64, rest, negative, rm);
            if magnitude > to.limit(negative) {
                return saturated(negative);
            }
            if rest != 0 {
                flags.raise(Flags::NX);
            }
            to.in_register(negative, magnitude)
        }
    }
}

/// FCVT from the integer in a 64-bit register to `F`.
pub fn from_integer<F: Format>(register: u64, from: Integer, rm: Rounding, flags: &mut Flags) -> F {
    let (negative, magnitude) = from.sign_and_magnitude(register);
    if magnitude == 0 {
        return F::narrow(0);
    }
    let shift = magnitude.leading_zeros();
    Number { negative, exponent: 63 - shift as i32, significand: magnitude << shift }.round(rm, flags)
}

/// FCVT.S.D and FCVT.D.S: the same number in another format.
pub fn convert<F: Format, G: Format>(a: F, rm: Rounding, flags: &mut Flags) -> G {
    match unpack(a) {
        Value::Zero(negative) => signed(negative, 0),
        Value::Finite(number) => number.round(rm, flags),
        Value::Infinite(negative) => signed(negative, G::INFINITY),
        Value::Nan => {
            propagate_nan(&[a], flags);
            G::narrow(G::CANONICAL_NAN)
        }
    }
}
