//! `rounding`: what a high-level language does not reach: rounding modes, exception flags, NaN boxing.
//!
//! The expected bits follow from IEEE 754 and the RISC-V unprivileged manual's chapters on F and D.

use std::arch::asm;
use std::time::Instant;

use crate::program::{Failure, Outcome, Program, Report, ensure};

pub(crate) const PROGRAM: Program = Program {
    name: "rounding",
    purpose: "check rounding modes, exception flags and NaN boxing",
    parameters: &[],
    quick: &[],
    run,
};

/// The rounding modes, as `frm` encodes them.
const NEAREST_EVEN: u64 = 0;
const TO_ZERO: u64 = 1;
const DOWN: u64 = 2;
const UP: u64 = 3;
const NEAREST_AWAY: u64 = 4;

/// The exception flags, as `fflags` has them.
const INEXACT: u64 = 1;
const UNDERFLOW: u64 = 2;
const OVERFLOW: u64 = 4;
const BY_ZERO: u64 = 8;
const INVALID: u64 = 16;

/// The NaN that every operation produces, in each width.
const NAN: u64 = 0x7FF8_0000_0000_0000;
const SINGLE_NAN: u64 = 0x7FC0_0000;

/// An operation's result, as bits, and the flags it raised.
type Answer = (u64, u64);

/// Define a function that runs one instruction from a clean `fcsr` with a rounding mode and gives the
/// result's bits and the flags raised.
macro_rules! operation {
    ($name:ident($($operand:ident),+), $instruction:literal) => {
        fn $name(mode: u64, $($operand: f64),+) -> Answer {
            let (result, flags): (u64, u64);
            // SAFETY: it computes in registers only and leaves `fcsr` as the ABI wants it.
            unsafe {
                asm!(
                    "fscsr {mode}",
                    $instruction,
                    "frflags {flags}",
                    "fscsr zero",
                    mode = in(reg) mode << 5,
                    $($operand = in(freg) $operand,)+
                    result = out(reg) result,
                    scratch = out(freg) _,
                    flags = out(reg) flags,
                    options(nomem, nostack),
                );
            }
            (result, flags)
        }
    };
}

operation!(divide(a, b), "fdiv.d {scratch}, {a}, {b}\nfmv.x.d {result}, {scratch}");
operation!(multiply(a, b), "fmul.d {scratch}, {a}, {b}\nfmv.x.d {result}, {scratch}");
operation!(minimum(a, b), "fmin.d {scratch}, {a}, {b}\nfmv.x.d {result}, {scratch}");
operation!(root(a), "fsqrt.d {scratch}, {a}\nfmv.x.d {result}, {scratch}");
operation!(to_word(a), "fmv.d {scratch}, {a}\nfcvt.w.d {result}, {scratch}");
operation!(to_unsigned(a), "fmv.d {scratch}, {a}\nfcvt.wu.d {result}, {scratch}");
operation!(to_long(a), "fmv.d {scratch}, {a}\nfcvt.l.d {result}, {scratch}");
operation!(to_single(a), "fcvt.s.d {scratch}, {a}\nfmv.x.w {result}, {scratch}");
operation!(add_singles(a, b), "fadd.s {scratch}, {a}, {b}\nfmv.x.w {result}, {scratch}");
operation!(class(a), "fmv.d {scratch}, {a}\nfclass.d {result}, {scratch}");

/// A single boxed in a double's register, as `flw` leaves it.
fn boxed(value: f32) -> f64 {
    f64::from_bits(0xFFFF_FFFF_0000_0000 | u64::from(value.to_bits()))
}

fn run(_: &[u64]) -> Outcome {
    let start = Instant::now();
    let checks = rounding()? + flags()? + conversions()? + boxing()? + classes()?;
    Ok(Report::new("rounding").with("checks", checks).timed(start))
}

/// Check each named answer against the one expected; gives how many there were.
fn check<const N: usize>(table: [(&str, Answer, Answer); N]) -> Result<usize, Failure> {
    for (name, found, expected) in table {
        ensure(found == expected, || {
            format!(
                "{name}: found {:#x} with flags {:#x}, expected {:#x} with {:#x}",
                found.0, found.1, expected.0, expected.1
            )
        })?;
    }
    Ok(N)
}

fn rounding() -> Result<usize, Failure> {
    let third = 0x3FD5_5555_5555_5555;
    let negative = 1 << 63;
    check([
        ("1/3 to nearest", divide(NEAREST_EVEN, 1.0, 3.0), (third, INEXACT)),
        ("1/3 to zero", divide(TO_ZERO, 1.0, 3.0), (third, INEXACT)),
        ("1/3 down", divide(DOWN, 1.0, 3.0), (third, INEXACT)),
        ("1/3 up", divide(UP, 1.0, 3.0), (third + 1, INEXACT)),
        ("1/3 to nearest, ties away", divide(NEAREST_AWAY, 1.0, 3.0), (third, INEXACT)),
        ("-1/3 to zero", divide(TO_ZERO, -1.0, 3.0), (negative | third, INEXACT)),
        ("-1/3 down", divide(DOWN, -1.0, 3.0), (negative | (third + 1), INEXACT)),
        ("-1/3 up", divide(UP, -1.0, 3.0), (negative | third, INEXACT)),
        ("2.5 to even", to_word(NEAREST_EVEN, 2.5), (2, INEXACT)),
        ("2.5 away", to_word(NEAREST_AWAY, 2.5), (3, INEXACT)),
        ("-2.5 away", to_word(NEAREST_AWAY, -2.5), (-3_i64 as u64, INEXACT)),
        ("-2.5 to zero", to_word(TO_ZERO, -2.5), (-2_i64 as u64, INEXACT)),
        ("-2.5 down", to_word(DOWN, -2.5), (-3_i64 as u64, INEXACT)),
        ("2.25 up", to_word(UP, 2.25), (3, INEXACT)),
    ])
}

fn flags() -> Result<usize, Failure> {
    let (infinity, largest) = (f64::INFINITY.to_bits(), f64::MAX.to_bits());
    let tiny = f64::from_bits(1);
    let signalling = f64::from_bits(0x7FF0_0000_0000_0001);
    check([
        ("1/4", divide(NEAREST_EVEN, 1.0, 4.0), (0.25_f64.to_bits(), 0)),
        ("1/0", divide(NEAREST_EVEN, 1.0, 0.0), (infinity, BY_ZERO)),
        ("0/0", divide(NEAREST_EVEN, 0.0, 0.0), (NAN, INVALID)),
        ("root of -1", root(NEAREST_EVEN, -1.0), (NAN, INVALID)),
        ("root of 2", root(NEAREST_EVEN, 2.0), (0x3FF6_A09E_667F_3BCD, INEXACT)),
        ("root of 2 down", root(DOWN, 2.0), (0x3FF6_A09E_667F_3BCC, INEXACT)),
        ("overflow", multiply(NEAREST_EVEN, f64::MAX, 2.0), (infinity, OVERFLOW | INEXACT)),
        ("overflow to zero", multiply(TO_ZERO, f64::MAX, 2.0), (largest, OVERFLOW | INEXACT)),
        ("underflow", multiply(NEAREST_EVEN, tiny, 0.5), (0, UNDERFLOW | INEXACT)),
        ("underflow up", multiply(UP, tiny, 0.5), (1, UNDERFLOW | INEXACT)),
        ("exact subnormal", multiply(NEAREST_EVEN, tiny, 2.0), (2, 0)),
        ("quiet NaN times 1", multiply(NEAREST_EVEN, f64::from_bits(NAN | 5), 1.0), (NAN, 0)),
        ("signalling NaN times 1", multiply(NEAREST_EVEN, signalling, 1.0), (NAN, INVALID)),
        ("minimum with a quiet NaN", minimum(NEAREST_EVEN, f64::from_bits(NAN), 1.0), (1.0_f64.to_bits(), 0)),
        (
            "minimum with a signalling NaN",
            minimum(NEAREST_EVEN, signalling, 1.0),
            (1.0_f64.to_bits(), INVALID),
        ),
        ("minimum of zeros", minimum(NEAREST_EVEN, 0.0, -0.0), (1 << 63, 0)),
    ])
}

fn conversions() -> Result<usize, Failure> {
    let quiet = f64::from_bits(NAN);
    check([
        ("NaN to word", to_word(NEAREST_EVEN, quiet), (0x7FFF_FFFF, INVALID)),
        ("infinity to word", to_word(NEAREST_EVEN, -f64::INFINITY), (i64::from(i32::MIN) as u64, INVALID)),
        ("-1 to unsigned", to_unsigned(NEAREST_EVEN, -1.0), (0, INVALID)),
        ("-0.5 to unsigned", to_unsigned(TO_ZERO, -0.5), (0, INEXACT)),
        // A word is sign-extended in its register even if it is unsigned.
        ("2^32-1 to unsigned", to_unsigned(NEAREST_EVEN, 4_294_967_295.0), (u64::MAX, 0)),
        ("2^32 to unsigned", to_unsigned(NEAREST_EVEN, 4_294_967_296.0), (u64::MAX, INVALID)),
        ("2^63 to long", to_long(NEAREST_EVEN, 9_223_372_036_854_775_808.0), (i64::MAX as u64, INVALID)),
        ("1e300 to single", to_single(NEAREST_EVEN, 1e300), (0x7F80_0000, OVERFLOW | INEXACT)),
        ("1e300 to single, to zero", to_single(TO_ZERO, 1e300), (0x7F7F_FFFF, OVERFLOW | INEXACT)),
        ("NaN to single", to_single(NEAREST_EVEN, quiet), (SINGLE_NAN, 0)),
    ])
}

fn boxing() -> Result<usize, Failure> {
    let unboxed = f64::from_bits(u64::from(1.5_f32.to_bits()));
    check([
        ("boxed 1.5 + 1", add_singles(NEAREST_EVEN, boxed(1.5), boxed(1.0)), (0x4020_0000, 0)),
        // A single without its box counts as the canonical NaN.
        ("unboxed 1.5 + 1", add_singles(NEAREST_EVEN, unboxed, boxed(1.0)), (SINGLE_NAN, 0)),
        ("boxed -1.5 - 1", add_singles(NEAREST_EVEN, boxed(-1.5), boxed(-1.0)), (0xFFFF_FFFF_C020_0000, 0)),
    ])
}

fn classes() -> Result<usize, Failure> {
    let values =
        [-f64::INFINITY, -1.0, f64::from_bits(1 << 63 | 1), -0.0, 0.0, f64::from_bits(1), 1.0, f64::INFINITY];
    for (bit, value) in values.into_iter().enumerate() {
        check([("class", class(NEAREST_EVEN, value), (1 << bit, 0))])?;
    }
    check([
        (
            "class of a signalling NaN",
            class(NEAREST_EVEN, f64::from_bits(0x7FF0_0000_0000_0001)),
            (1 << 8, 0),
        ),
        ("class of a quiet NaN", class(NEAREST_EVEN, f64::from_bits(NAN)), (1 << 9, 0)),
    ])
    .map(|last| values.len() + last)
}
