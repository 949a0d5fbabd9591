//! Instructions that compute: FADD, FSUB, FMUL, FDIV, FSQRT and the fused multiply-adds.

use super::flags::{Flags, Rounding};
use super::format::Format;
use super::number::{Number, Value, Wide, invalid, propagate_nan, signed, unpack};

/// What the host computes, if it is certain to be the right bits with no new flag.
#[inline(always)]
fn by_host<F: Format>(rm: Rounding, flags: Flags, result: impl FnOnce() -> F::Host) -> Option<F> {
    if rm == Rounding::Rne && flags.contains(Flags::NX) { F::plainly_normal(result()) } else { None }
}

/// FADD: `a + b`.
#[inline]
pub fn add<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match by_host(rm, *flags, || a.host() + b.host()) {
        Some(sum) => sum,
        None => add_exactly(a, b, rm, flags),
    }
}

/// FSUB: `a − b`.
#[inline]
pub fn sub<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    add(a, b.negate(), rm, flags)
}

/// FMUL: `a × b`.
#[inline]
pub fn mul<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match by_host(rm, *flags, || a.host() * b.host()) {
        Some(product) => product,
        None => mul_exactly(a, b, rm, flags),
    }
}

/// FDIV: `a / b`.
#[inline]
pub fn div<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match by_host(rm, *flags, || a.host() / b.host()) {
        Some(quotient) => quotient,
        None => div_exactly(a, b, rm, flags),
    }
}

/// FSQRT: the square root of `a`.
#[inline]
pub fn sqrt<F: Format>(a: F, rm: Rounding, flags: &mut Flags) -> F {
    match by_host(rm, *flags, || F::host_sqrt(a.host())) {
        Some(root) => root,
        None => sqrt_exactly(a, rm, flags),
    }
}

/// FMADD: `a × b + c`, rounded once.
#[inline]
pub fn fmadd<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    match by_host(rm, *flags, || F::host_fma(a.host(), b.host(), c.host())) {
        Some(sum) => sum,
        None => fma_exactly(a, b, c, rm, flags),
    }
}

/// FMSUB: `a × b − c`, rounded once.
#[inline]
pub fn fmsub<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    fmadd(a, b, c.negate(), rm, flags)
}

/// FNMSUB: `−(a × b) + c`, rounded once.
#[inline]
pub fn fnmsub<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    fmadd(a.negate(), b, c, rm, flags)
}

/// FNMADD: `−(a × b) − c`, rounded once.
#[inline]
pub fn fnmadd<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    fmadd(a.negate(), b, c.negate(), rm, flags)
}

pub(super) fn add_exactly<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match (unpack(a), unpack(b)) {
        (Value::Finite(x), Value::Finite(y)) => round_sum(x.widen(), y.widen(), rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => propagate_nan(&[a, b], flags),
        (Value::Infinite(x), Value::Infinite(y)) if x != y => invalid(flags),
        (Value::Zero(x), Value::Zero(y)) if x != y => cancelled(rm),
        (Value::Infinite(_), _) | (_, Value::Zero(_)) => a,
        (_, Value::Infinite(_)) | (Value::Zero(_), _) => b,
    }
}

pub(super) fn mul_exactly<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match (unpack(a), unpack(b)) {
        (Value::Finite(x), Value::Finite(y)) => product(x, y).narrow().round(rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => propagate_nan(&[a, b], flags),
        (Value::Infinite(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinite(_)) => invalid(flags),
        (Value::Infinite(_), _) | (_, Value::Infinite(_)) => signed(differ(a, b), F::INFINITY),
        (Value::Zero(_), _) | (_, Value::Zero(_)) => signed(differ(a, b), 0),
    }
}

pub(super) fn div_exactly<F: Format>(a: F, b: F, rm: Rounding, flags: &mut Flags) -> F {
    match (unpack(a), unpack(b)) {
        (Value::Finite(x), Value::Finite(y)) => quotient(x, y).narrow().round(rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => propagate_nan(&[a, b], flags),
        (Value::Infinite(_), Value::Infinite(_)) | (Value::Zero(_), Value::Zero(_)) => invalid(flags),
        (Value::Infinite(_), _) => signed(differ(a, b), F::INFINITY),
        (Value::Zero(_), _) | (_, Value::Infinite(_)) => signed(differ(a, b), 0),
        (Value::Finite(_), Value::Zero(_)) => {
            flags.raise(Flags::DZ);
            signed(differ(a, b), F::INFINITY)
        }
    }
}

pub(super) fn sqrt_exactly<F: Format>(a: F, rm: Rounding, flags: &mut Flags) -> F {
    match unpack(a) {
        Value::Nan => propagate_nan(&[a], flags),
        Value::Zero(_) | Value::Infinite(false) => a,
        Value::Infinite(true) | Value::Finite(Number { negative: true, .. }) => invalid(flags),
        Value::Finite(x) => root(x).round(rm, flags),
    }
}

pub(super) fn fma_exactly<F: Format>(a: F, b: F, c: F, rm: Rounding, flags: &mut Flags) -> F {
    let negative = differ(a, b);
    match (unpack(a), unpack(b), unpack(c)) {
        (Value::Finite(x), Value::Finite(y), Value::Finite(z)) => {
            round_sum(product(x, y), z.widen(), rm, flags)
        }
        // Invalid even if the addend is a quiet NaN.
        (Value::Infinite(_), Value::Zero(_), _) | (Value::Zero(_), Value::Infinite(_), _) => invalid(flags),
        (Value::Nan, ..) | (_, Value::Nan, _) | (.., Value::Nan) => propagate_nan(&[a, b, c], flags),
        (Value::Infinite(_), _, Value::Infinite(z)) | (_, Value::Infinite(_), Value::Infinite(z))
            if z != negative =>
        {
            invalid(flags)
        }
        (Value::Infinite(_), ..) | (_, Value::Infinite(_), _) => signed(negative, F::INFINITY),
        (Value::Finite(x), Value::Finite(y), Value::Zero(_)) => product(x, y).narrow().round(rm, flags),
        (.., Value::Zero(z)) if z != negative => cancelled(rm),
        // Infinite, or added to a product of zero.
        (.., Value::Infinite(_) | Value::Zero(_) | Value::Finite(_)) => c,
    }
}

/// Whether the signs differ, so that the product and the quotient are negative.
#[inline]
fn differ<F: Format>(a: F, b: F) -> bool {
    (a.widen() ^ b.widen()) & F::SIGN != 0
}

/// The zero that two numbers of equal magnitude and opposite sign add up to.
fn cancelled<F: Format>(rm: Rounding) -> F {
    signed(rm == Rounding::Rdn, 0)
}

#[inline]
fn round_sum<F: Format>(x: Wide, y: Wide, rm: Rounding, flags: &mut Flags) -> F {
    match x.add(y) {
        Some(sum) => sum.narrow().round(rm, flags),
        None => cancelled(rm),
    }
}

#[inline]
fn product(x: Number, y: Number) -> Wide {
    let exact = u128::from(x.significand) * u128::from(y.significand);
    // Operands have at most 53 significant bits, so the bits shifted out here are zero.
    let carry = (exact >> 127) as u32;
    Wide {
        negative: x.negative != y.negative,
        exponent: x.exponent + y.exponent + carry as i32,
        significand: exact >> carry,
    }
}

#[inline]
fn quotient(x: Number, y: Number) -> Wide {
    let dividend = u128::from(x.significand) << 63;
    let divisor = u128::from(y.significand);
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    Wide {
        negative: x.negative != y.negative,
        exponent: x.exponent - y.exponent,
        // The quotient is between 2^62 and 2^64; the remainder only matters as being there.
        significand: quotient << 63 | u128::from(remainder != 0),
    }
}

/// The square root of a positive number.
#[inline]
fn root(x: Number) -> Number {
    // An odd exponent gives one factor of two to the significand, so that half of it is whole.
    let radicand = u128::from(x.significand) << (63 + (x.exponent & 1));
    let root = radicand.isqrt();
    Number {
        negative: false,
        exponent: x.exponent >> 1,
        significand: root as u64 | u64::from(root * root != radicand),
    }
}
