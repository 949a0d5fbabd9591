//! `memset`: fill a large area with one byte after another.
//!
//! Only the filling is timed; after each round every word is checked.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::mapping::{Pages, mebibytes};
use crate::program::{Outcome, Program, Report, ensure, required};

pub(crate) const PROGRAM: Program = Program {
    name: "memset",
    purpose: "fill memory",
    parameters: &[required("SIZE_MIB"), required("ROUNDS")],
    quick: &[2, 3],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let (mib, rounds) = (values[0], values[1]);
    let mut area = Pages::new(mebibytes(mib)?)?;
    let mut filling = Duration::ZERO;
    for round in 0..rounds {
        let byte = (round % 255 + 1) as u8;
        let start = Instant::now();
        black_box(area.bytes()).fill(byte);
        filling += start.elapsed();
        let expected = u64::from_ne_bytes([byte; 8]);
        for (index, &found) in area.words().iter().enumerate() {
            ensure(found == expected, || {
                format!("word {index} in round {round}: found {found:#018x}, expected {expected:#018x}")
            })?;
        }
    }
    Ok(Report::new("memset").with("mib", mib).with("rounds", rounds).with("us", filling.as_micros()))
}
