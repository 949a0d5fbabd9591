//! `mmapstorm`: mappings of various sizes come, are touched, and go.
//!
//! A few stay alive while newer ones are made, so that freed pages and page tables are reused between
//! live neighbours, and each is checked in full when it goes.

use std::collections::VecDeque;
use std::time::Instant;

use crate::mapping::{PAGE, Pages, WORDS_PER_PAGE};
use crate::program::{Failure, Outcome, Program, Report, ensure, optional, required};
use crate::rng::{Rng, mix};

pub(crate) const PROGRAM: Program = Program {
    name: "mmapstorm",
    purpose: "mmap, touch and munmap areas of various sizes",
    parameters: &[required("COUNT"), optional("MAX_PAGES", 64)],
    quick: &[200, 64],
    run,
};

/// Mappings alive at the same time.
const ALIVE: usize = 8;

fn run(values: &[u64]) -> Outcome {
    let (count, max_pages) = (values[0], values[1]);
    let mut rng = Rng::new(count);
    let mut alive: VecDeque<(u64, Pages)> = VecDeque::new();
    let mut pages = 0;
    let start = Instant::now();
    for index in 0..count {
        if alive.len() == ALIVE {
            let (index, mut oldest) = alive.pop_front().expect("several are alive");
            check(index, &mut oldest)?;
        }
        let size = 1 + rng.below(max_pages as usize);
        pages += size;
        let mut area = Pages::new(size * PAGE)?;
        fill(index, &mut area)?;
        alive.push_back((index, area));
    }
    alive.iter_mut().try_for_each(|(index, area)| check(*index, area))?;
    Ok(Report::new("mmapstorm").with("count", count).with("pages", pages).timed(start))
}

/// Check that a new area reads as zeros and mark each of its pages.
fn fill(index: u64, area: &mut Pages) -> Result<(), Failure> {
    for (page, content) in area.words().chunks_mut(WORDS_PER_PAGE).enumerate() {
        let place = mix(index) as usize % WORDS_PER_PAGE;
        let found = content[place];
        ensure(found == 0, || format!("mapping {index} page {page} is new but holds {found:#018x}"))?;
        content[place] = mark(index, page);
    }
    Ok(())
}

/// Check that the marks are there and every other word is still zero.
fn check(index: u64, area: &mut Pages) -> Result<(), Failure> {
    for (page, content) in area.words().chunks_mut(WORDS_PER_PAGE).enumerate() {
        let place = mix(index) as usize % WORDS_PER_PAGE;
        let (found, expected) = (content[place], mark(index, page));
        ensure(found == expected, || {
            format!("mapping {index} page {page}: found {found:#018x}, expected {expected:#018x}")
        })?;
        content[place] = 0;
        ensure(content.iter().all(|&word| word == 0), || {
            format!("mapping {index} page {page}: a word that was never written is not zero")
        })?;
    }
    Ok(())
}

fn mark(index: u64, page: usize) -> u64 {
    mix(index << 32 | page as u64)
}
