//! `chase`: follow pointers through memory in random order.
//!
//! **Model**: nodes lie `STRIDE` bytes apart and form one random cycle, so the place after any number
//! of steps is known. With a stride of 64 each step is a new cache line; with 4096, a new page.

use std::time::Instant;

use crate::mapping::{Pages, mebibytes};
use crate::program::{Outcome, Program, Report, ensure, optional, required};
use crate::rng::Rng;

pub(crate) const PROGRAM: Program = Program {
    name: "chase",
    purpose: "follow a random cycle of pointers through memory",
    parameters: &[required("SIZE_MIB"), required("STEPS"), optional("STRIDE", 64)],
    quick: &[4, 20_000, 4096],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let (mib, steps, stride) = (values[0], values[1], values[2]);
    let mut area = Pages::new(mebibytes(mib)?)?;
    let words = area.words();
    let apart = (stride / 8) as usize;
    ensure(stride % 8 == 0 && apart <= words.len(), || {
        format!("STRIDE must be a multiple of 8 within {mib} MiB, not {stride}")
    })?;

    let order = Rng::new(mib).permutation(words.len() / apart);
    for (index, node) in order.iter().enumerate() {
        words[node * apart] = (order[(index + 1) % order.len()] * apart) as u64;
    }

    let start = Instant::now();
    let mut place = order[0] * apart;
    for _ in 0..steps {
        place = words[place] as usize;
    }
    let report =
        Report::new("chase").with("mib", mib).with("steps", steps).with("stride", stride).timed(start);

    let expected = order[(steps % order.len() as u64) as usize] * apart;
    ensure(place == expected, || format!("ended at word {place} after {steps} steps, expected {expected}"))?;
    Ok(report)
}
