//! `integer`: plain integer work that stays within a small working set.
//!
//! A round hashes bytes, sorts, sieves primes, multiplies matrices and divides; each part feeds the checksum.
//! The first round's checksum is the same on every machine and is checked.

use std::time::Instant;

use crate::program::{Failure, Outcome, Program, Report, ensure, required};
use crate::rng::{Rng, mix};

pub(crate) const PROGRAM: Program = Program {
    name: "integer",
    purpose: "hash, sort, sieve, multiply and divide integers",
    parameters: &[required("ROUNDS")],
    quick: &[2],
    run,
};

/// The checksum of round 0.
const FIRST: u64 = 0x734E_13B2_3B5F_8286;

fn run(values: &[u64]) -> Outcome {
    let rounds = values[0];
    let start = Instant::now();
    let mut checksum = 0;
    for round in 0..rounds {
        let found = work(round)?;
        ensure(round != 0 || found == FIRST, || {
            format!("the first round's checksum is {found:#018x}, expected {FIRST:#018x}")
        })?;
        checksum = mix(checksum ^ found);
    }
    let checksum = format!("{checksum:016x}");
    Ok(Report::new("integer").with("rounds", rounds).with("checksum", checksum).timed(start))
}

/// One round.
fn work(round: u64) -> Result<u64, Failure> {
    let mut rng = Rng::new(round);
    let numbers: Vec<u64> = (0..4096).map(|_| rng.next()).collect();
    let parts = [hash(&numbers), sort(&numbers)?, sieve()?, multiply(&numbers), divide(&numbers)?];
    Ok(parts.into_iter().fold(round, |sum, part| mix(sum ^ part)))
}

/// A byte-wise hash (FNV-1a): dependent multiplications.
fn hash(numbers: &[u64]) -> u64 {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Sorting: unpredictable branches.
fn sort(numbers: &[u64]) -> Result<u64, Failure> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    ensure(sorted.is_sorted(), || String::from("the sorted numbers are out of order"))?;
    Ok(sorted.iter().fold(0, |sum, &number| mix(sum ^ number)))
}

/// The sieve of Eratosthenes: byte stores at a stride.
fn sieve() -> Result<u64, Failure> {
    const LIMIT: usize = 1 << 15;
    let mut composite = vec![false; LIMIT];
    let mut primes = 0;
    for number in 2..LIMIT {
        if !composite[number] {
            primes += 1;
            composite[number..].iter_mut().step_by(number).for_each(|multiple| *multiple = true);
        }
    }
    ensure(primes == 3512, || format!("found {primes} primes below {LIMIT}, expected 3512"))?;
    Ok(primes)
}

/// Matrices of 32-bit integers: multiply and add.
fn multiply(numbers: &[u64]) -> u64 {
    const SIDE: usize = 32;
    let entry =
        |matrix: usize, row: usize, column: usize| numbers[(matrix * SIDE + row) * SIDE + column] as u32;
    let mut sum = 0;
    for row in 0..SIDE {
        for column in 0..SIDE {
            let dot = (0..SIDE).fold(0_u32, |dot, inner| {
                dot.wrapping_add(entry(0, row, inner).wrapping_mul(entry(1, inner, column)))
            });
            sum = mix(sum ^ u64::from(dot));
        }
    }
    sum
}

/// Divisions and remainders of both signs and widths, checked by multiplying back.
fn divide(numbers: &[u64]) -> Result<u64, Failure> {
    let mut sum = 0;
    for pair in numbers.chunks_exact(2) {
        let (dividend, divisor) = (pair[0] as i64, (pair[1] as i64 >> (pair[0] & 63)) | 1);
        let (quotient, remainder) = (dividend.wrapping_div(divisor), dividend.wrapping_rem(divisor));
        ensure(quotient.wrapping_mul(divisor).wrapping_add(remainder) == dividend, || {
            format!("{dividend} / {divisor} gave {quotient} and {remainder}")
        })?;
        let narrow = (pair[0] as u32 / (divisor as u32 | 1)) ^ (pair[1] as u32 % (dividend as u32 | 1));
        sum = mix(sum ^ quotient as u64 ^ (remainder as u64).rotate_left(32) ^ u64::from(narrow));
    }
    Ok(sum)
}
