//! Instructions that compare, select or copy signs: nothing here rounds.

use super::flags::Flags;
use super::format::Format;
use super::number::{Value, is_nan, is_signaling, propagate_nan, unpack};

/// FEQ: whether `a = b`. Quiet: only a signaling NaN is invalid.
#[inline]
pub fn eq<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    if is_nan(a) || is_nan(b) {
        propagate_nan(&[a, b], flags);
        return false;
    }
    order(a) == order(b)
}

/// FLT: whether `a < b`. Any NaN is invalid.
#[inline]
pub fn lt<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    ordered(a, b, flags) && order(a) < order(b)
}

/// FLE: whether `a ≤ b`. Any NaN is invalid.
#[inline]
pub fn le<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    ordered(a, b, flags) && order(a) <= order(b)
}

/// FMIN: the smaller number, `minimumNumber` of IEEE 754-2019: a NaN loses against a number, and
/// −0 is smaller than +0.
#[inline]
pub fn min<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    select(a, b, flags, |a, b| order(a) < order(b) || (order(a) == order(b) && is_negative(a)))
}

/// FMAX: the larger number, `maximumNumber` of IEEE 754-2019.
#[inline]
pub fn max<F: Format>(a: F, b: F, flags: &mut Flags) -> F {
    select(a, b, flags, |a, b| order(a) > order(b) || (order(a) == order(b) && !is_negative(a)))
}

/// FSGNJ: `a` with the sign of `b`. NaNs are copied as they are.
#[inline]
pub fn sgnj<F: Format>(a: F, b: F) -> F {
    F::narrow(a.widen() & !F::SIGN | b.widen() & F::SIGN)
}

/// FSGNJN: `a` with the opposite of the sign of `b`.
#[inline]
pub fn sgnjn<F: Format>(a: F, b: F) -> F {
    sgnj(a, b.negate())
}

/// FSGNJX: `a` with its sign changed if `b` is negative.
#[inline]
pub fn sgnjx<F: Format>(a: F, b: F) -> F {
    F::narrow(a.widen() ^ b.widen() & F::SIGN)
}

/// FCLASS: one bit, 0 to 9 in this order: −infinity, negative normal, negative subnormal, −0, +0,
/// positive subnormal, positive normal, +infinity, signaling NaN, quiet NaN.
#[inline]
pub fn classify<F: Format>(a: F) -> u64 {
    let distance = match unpack(a) {
        Value::Nan => return 1 << if is_signaling(a) { 8 } else { 9 },
        Value::Zero(_) => 0,
        Value::Finite(number) if number.exponent < F::MIN_EXPONENT => 1,
        Value::Finite(_) => 2,
        Value::Infinite(_) => 3,
    };
    1 << if is_negative(a) { 3 - distance } else { 4 + distance }
}

fn is_negative<F: Format>(a: F) -> bool {
    a.widen() & F::SIGN != 0
}

/// An integer that is ordered as the number is, equal for both zeros.
fn order<F: Format>(a: F) -> i64 {
    let magnitude = (a.widen() & (F::SIGN - 1)) as i64;
    if is_negative(a) { -magnitude } else { magnitude }
}

fn ordered<F: Format>(a: F, b: F, flags: &mut Flags) -> bool {
    let ordered = !is_nan(a) && !is_nan(b);
    if !ordered {
        flags.raise(Flags::NV);
    }
    ordered
}

fn select<F: Format>(a: F, b: F, flags: &mut Flags, first: impl FnOnce(F, F) -> bool) -> F {
    match (is_nan(a), is_nan(b)) {
        (false, false) => return if first(a, b) { a } else { b },
        _ if is_signaling(a) || is_signaling(b) => flags.raise(Flags::NV),
        _ => {}
    }
    match (is_nan(a), is_nan(b)) {
        (true, true) => F::narrow(F::CANONICAL_NAN),
        (true, false) => b,
        _ => a,
    }
}
