//! `touch`: write every word of a large area over and over, checking what was there before.
//!
//! **Model**: each worker owns a part of the area. A page's content follows from its worker, its index
//! and the round. In each round the worker visits its pages, upwards in even rounds and in random
//! order in odd ones, checks every word against the round before (zeros at first) and writes this round's.

use std::thread;
use std::time::Instant;

use crate::mapping::{Pages, WORDS_PER_PAGE, mebibytes};
use crate::program::{Failure, Outcome, Program, Report, ensure, optional, required};
use crate::rng::{Rng, SPREAD, mix};

pub(crate) const PROGRAM: Program = Program {
    name: "touch",
    purpose: "write patterns to all pages in order and at random, checking each word",
    parameters: &[required("SIZE_MIB"), required("ROUNDS"), optional("WORKERS", 1)],
    quick: &[4, 3, 2],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let (mib, rounds, workers) = (values[0], values[1], values[2]);
    let mut area = Pages::new(mebibytes(mib)?)?;
    let start = Instant::now();
    let words = area.words();
    let part = (words.len() / WORDS_PER_PAGE).div_ceil(workers as usize) * WORDS_PER_PAGE;
    thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .zip(words.chunks_mut(part))
            .map(|(worker, part)| scope.spawn(move || touch(worker, part, rounds)))
            .collect();
        running.into_iter().try_for_each(|worker| worker.join().expect("workers do not panic"))
    })?;
    Ok(Report::new("touch").with("mib", mib).with("rounds", rounds).with("workers", workers).timed(start))
}

/// One worker's rounds over its part.
fn touch(worker: u64, part: &mut [u64], rounds: u64) -> Result<(), Failure> {
    let pages = part.len() / WORDS_PER_PAGE;
    let mut rng = Rng::new(worker);
    for round in 0..rounds {
        let order = if round % 2 == 0 { (0..pages).collect() } else { rng.permutation(pages) };
        for page in order {
            let content = &mut part[page * WORDS_PER_PAGE..][..WORDS_PER_PAGE];
            check(content, worker, page, round)?;
            let mut value = seed(worker, page, round);
            for word in content {
                *word = value;
                value = value.wrapping_add(SPREAD);
            }
        }
    }
    part.chunks(WORDS_PER_PAGE)
        .enumerate()
        .try_for_each(|(page, content)| check(content, worker, page, rounds))
}

/// Check that a page holds what was written to it in the round before `round`.
fn check(content: &[u64], worker: u64, page: usize, round: u64) -> Result<(), Failure> {
    let (mut expected, step) = match round.checked_sub(1) {
        None => (0, 0),
        Some(before) => (seed(worker, page, before), SPREAD),
    };
    for (index, &found) in content.iter().enumerate() {
        ensure(found == expected, || {
            format!(
                "worker {worker} page {page} word {index} before round {round} at {:p}: \
                 found {found:#018x}, expected {expected:#018x}",
                &raw const content[index]
            )
        })?;
        expected = expected.wrapping_add(step);
    }
    Ok(())
}

/// The first word of a page after `round`.
fn seed(worker: u64, page: usize, round: u64) -> u64 {
    mix(worker << 56 | round << 36 | page as u64)
}
