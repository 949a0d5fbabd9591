//! The two formats as bit patterns, and how the narrow one lies in a wide register.

use std::ops::{Add, Div, Mul};

/// A floating-point format, named by the integer that holds its bits: `u32` is binary32 (single),
/// `u64` is binary64 (double).
pub trait Format: Copy + Eq {
    /// The host's type of the same format.
    type Host: Copy + Add<Output = Self::Host> + Mul<Output = Self::Host> + Div<Output = Self::Host>;

    /// Bits of the fraction field.
    const FRACTION_BITS: u32;
    /// Bits of the exponent field.
    const EXPONENT_BITS: u32;

    /// The sign bit.
    const SIGN: u64 = 1 << (Self::FRACTION_BITS + Self::EXPONENT_BITS);
    /// Positive infinity; every larger magnitude is a NaN.
    const INFINITY: u64 = Self::SIGN - (1 << Self::FRACTION_BITS);
    /// The only NaN that an operation gives.
    const CANONICAL_NAN: u64 = Self::INFINITY | 1 << (Self::FRACTION_BITS - 1);
    /// The exponent of the smallest normal number.
    const MIN_EXPONENT: i32 = 2 - (1 << (Self::EXPONENT_BITS - 1));

    /// The bit pattern, zero-extended.
    fn widen(self) -> u64;
    /// The low bits of `bits` as a pattern of this format.
    fn narrow(bits: u64) -> Self;
    /// The same number for the host to compute with.
    fn host(self) -> Self::Host;
    /// The bits of a result of the host, provided it is finite and of larger magnitude than the
    /// smallest normal number: then it can have neither overflowed nor underflowed.
    fn plainly_normal(result: Self::Host) -> Option<Self>;
    /// The host's square root.
    fn host_sqrt(operand: Self::Host) -> Self::Host;
    /// The host's `a × b + c`, rounded once.
    fn host_fma(a: Self::Host, b: Self::Host, c: Self::Host) -> Self::Host;

    /// The number with its sign changed, also that of a NaN.
    #[inline]
    #[must_use]
    fn negate(self) -> Self {
        Self::narrow(self.widen() ^ Self::SIGN)
    }
}

macro_rules! format {
    ($bits:ty, $host:ty, $fraction_bits:literal, $exponent_bits:literal) => {
        impl Format for $bits {
            type Host = $host;
            const FRACTION_BITS: u32 = $fraction_bits;
            const EXPONENT_BITS: u32 = $exponent_bits;

            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }

            #[inline(always)]
            fn narrow(bits: u64) -> Self {
                bits as Self
            }

            #[inline(always)]
            fn host(self) -> $host {
                <$host>::from_bits(self)
            }

            #[inline(always)]
            fn plainly_normal(result: $host) -> Option<Self> {
                let magnitude = result.abs();
                (magnitude > <$host>::MIN_POSITIVE && magnitude <= <$host>::MAX).then(|| result.to_bits())
            }

            #[inline(always)]
            fn host_sqrt(operand: $host) -> $host {
                operand.sqrt()
            }

            #[inline(always)]
            fn host_fma(a: $host, b: $host, c: $host) -> $host {
                a.mul_add(b, c)
            }
        }
    };
}

format!(u32, f32, 23, 8);
format!(u64, f64, 52, 11);

const BOX: u64 = 0xffff_ffff << 32;

/// A single as it lies in a 64-bit register: below 32 ones (the manual's NaN boxing).
#[inline(always)]
pub const fn box32(single: u32) -> u64 {
    BOX | single as u64
}

/// The single in a 64-bit register: the canonical NaN unless it is properly boxed.
///
/// For every instruction with a single-precision operand except FMV.X.W and FSW, which take the
/// low 32 bits as they are.
#[inline(always)]
pub const fn unbox32(register: u64) -> u32 {
    if register & BOX == BOX { register as u32 } else { <u32 as Format>::CANONICAL_NAN as u32 }
}
