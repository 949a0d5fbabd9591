//! `memcpy`: copy a large area to another and back.
//!
//! Only the copying is timed; after each round every word of the copy is checked.

use std::hint::black_box;
use std::mem;
use std::time::{Duration, Instant};

use crate::mapping::{Pages, mebibytes};
use crate::program::{Outcome, Program, Report, ensure, required};
use crate::rng::mix;

pub(crate) const PROGRAM: Program = Program {
    name: "memcpy",
    purpose: "copy memory to and fro; takes twice the size",
    parameters: &[required("SIZE_MIB"), required("ROUNDS")],
    quick: &[2, 3],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let (mib, rounds) = (values[0], values[1]);
    let (mut from, mut to) = (Pages::new(mebibytes(mib)?)?, Pages::new(mebibytes(mib)?)?);
    (0..).zip(from.words()).for_each(|(index, word)| *word = mix(index));
    let mut copying = Duration::ZERO;
    for round in 0..rounds {
        let start = Instant::now();
        black_box(to.bytes()).copy_from_slice(black_box(from.bytes()));
        copying += start.elapsed();
        for (index, found) in (0..).zip(to.words()) {
            let expected = mix(index).wrapping_add(round);
            ensure(*found == expected, || {
                format!("word {index} in round {round}: found {found:#018x}, expected {expected:#018x}")
            })?;
            *found = expected.wrapping_add(1);
        }
        mem::swap(&mut from, &mut to);
    }
    Ok(Report::new("memcpy").with("mib", mib).with("rounds", rounds).with("us", copying.as_micros()))
}
