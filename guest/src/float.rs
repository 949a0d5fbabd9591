//! `float`: a checksum over the exact bits of floating-point results.
//!
//! Random operands of both widths and of all kinds (subnormals, infinities, NaNs) go through every
//! operation of RV64GC's F and D. IEEE 754 fixes each bit, and NaNs are counted without their payload, so the
//! checksum is the same on every machine; the first round's is checked.

#![expect(clippy::float_cmp, reason = "equality to the last bit is what is tested")]

use std::time::Instant;

use crate::program::{Outcome, Program, Report, ensure, required};
use crate::rng::{Rng, mix};

pub(crate) const PROGRAM: Program = Program {
    name: "float",
    purpose: "checksum floating-point results bit by bit",
    parameters: &[required("ROUNDS")],
    quick: &[2],
    run,
};

/// The checksum of round 0.
const FIRST: u64 = 0xC459_4D62_E9AB_88D0;
/// Operand triples in a round, per width.
const TRIPLES: usize = 2048;

fn run(values: &[u64]) -> Outcome {
    let rounds = values[0];
    let start = Instant::now();
    let mut checksum = 0;
    for round in 0..rounds {
        let mut rng = Rng::new(round);
        let mut found = round;
        for _ in 0..TRIPLES {
            for bits in double(&mut rng).into_iter().chain(single(&mut rng)) {
                found = mix(found ^ bits);
            }
        }
        ensure(round != 0 || found == FIRST, || {
            format!("the first round's checksum is {found:#018x}, expected {FIRST:#018x}")
        })?;
        checksum = mix(checksum ^ found);
    }
    let checksum = format!("{checksum:016x}");
    Ok(Report::new("float").with("rounds", rounds).with("checksum", checksum).timed(start))
}

/// Every double-precision operation on three random operands.
fn double(rng: &mut Rng) -> [u64; 16] {
    let mut operand = || {
        let bits = rng.next();
        // Half of the operands are near 1, so that sums and fused products round and cancel.
        f64::from_bits(if bits & 1 == 0 {
            bits & !(0x7FF << 52) | (1020 + (bits >> 1) % 8) << 52
        } else {
            bits
        })
    };
    let (a, b, c) = (operand(), operand(), operand());
    let bits = |value: f64| if value.is_nan() { 1 } else { value.to_bits() };
    [
        bits(a + b),
        bits(a - b),
        bits(a * b),
        bits(a / b),
        bits(a.abs().sqrt()),
        bits(a.mul_add(b, c)),
        bits((-a).mul_add(b, c)),
        bits(a.mul_add(b, -c)),
        bits(a.copysign(b)),
        bits(f64::from(a as f32)),
        a as i32 as u64,
        u64::from(a as u32),
        a as i64 as u64,
        a as u64,
        bits(a.to_bits() as i64 as f64) ^ bits(b.to_bits() as f64) ^ bits(f64::from(c.to_bits() as i32)),
        u64::from(a < b) | u64::from(a <= c) << 1 | u64::from(b == c) << 2 | u64::from(b.is_nan()) << 3,
    ]
}

/// Every single-precision operation on three random operands.
fn single(rng: &mut Rng) -> [u64; 16] {
    let mut operand = || {
        let bits = rng.next() as u32;
        f32::from_bits(if bits & 1 == 0 {
            bits & !(0xFF << 23) | (124 + (bits >> 1) % 8) << 23
        } else {
            bits
        })
    };
    let (a, b, c) = (operand(), operand(), operand());
    let bits = |value: f32| if value.is_nan() { 1 } else { u64::from(value.to_bits()) };
    [
        bits(a + b),
        bits(a - b),
        bits(a * b),
        bits(a / b),
        bits(a.abs().sqrt()),
        bits(a.mul_add(b, c)),
        bits((-a).mul_add(b, c)),
        bits(a.mul_add(b, -c)),
        bits(a.copysign(b)),
        if a.is_nan() { 1 } else { f64::from(a).to_bits() },
        a as i32 as u64,
        u64::from(a as u32),
        a as i64 as u64,
        a as u64,
        bits(a.to_bits() as i32 as f32)
            ^ bits((u64::from(b.to_bits()) << 20) as f32)
            ^ bits(c.to_bits() as f32),
        u64::from(a < b) | u64::from(a <= c) << 1 | u64::from(b == c) << 2 | u64::from(b.is_nan()) << 3,
    ]
}
