//! `work`: use part of an area at random for a while, as a program with a working set does.
//!
//! **Model**: the whole area is written once. Then pages of its first part are visited at random; a visit
//! checks a word against what the last visit left there and writes another. Who only wants memory
//! held and not used makes the part small.

use std::time::{Duration, Instant};

use crate::mapping::{Pages, WORDS_PER_PAGE, mebibytes};
use crate::program::{Outcome, Program, Report, ensure, optional, required};
use crate::rng::{Rng, mix};

/// Visits between two looks at the clock.
const VISITS: u64 = 1000;

pub(crate) const PROGRAM: Program = Program {
    name: "work",
    purpose: "use memory at random for some seconds, out of a larger area, checking it",
    parameters: &[required("SECONDS"), required("SIZE_MIB"), optional("AREA_MIB", 0)],
    quick: &[],
    run,
};

fn run(values: &[u64]) -> Outcome {
    let (seconds, size, area) = (values[0], values[1], values[2].max(values[1]));
    let mut memory = Pages::new(mebibytes(area)?)?;
    let start = Instant::now();
    let words = memory.words();
    for (page, content) in (0..).zip(words.chunks_mut(WORDS_PER_PAGE)) {
        content[0] = first(page);
        // What is never looked at again is nevertheless different from page to page.
        content[1..].iter_mut().zip(page..).for_each(|(word, value)| *word = mix(value));
    }
    let pages = mebibytes(size)? / (8 * WORDS_PER_PAGE);
    let mut visited = vec![0u64; pages];
    let mut rng = Rng::new(seconds);
    let mut visits = 0;
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        for _ in 0..VISITS {
            let page = rng.below(pages);
            let word = &mut words[page * WORDS_PER_PAGE];
            let expected = first(page as u64).wrapping_add(visited[page]);
            let found = *word;
            ensure(found == expected, || {
                format!("page {page}: found {found:#018x}, expected {expected:#018x}")
            })?;
            visited[page] += 1;
            *word = expected.wrapping_add(1);
        }
        visits += VISITS;
    }
    for (page, content) in (0..).zip(words.chunks(WORDS_PER_PAGE)) {
        let changes = visited.get(page as usize).copied().unwrap_or(0);
        let whole = content[0] == first(page).wrapping_add(changes)
            && content[1..].iter().zip(page..).all(|(&word, value)| word == mix(value));
        ensure(whole, || format!("page {page} does not hold what was written to it"))?;
    }
    Ok(Report::new("work").with("mib", size).with("area", area).with("visits", visits).timed(start))
}

/// What a page's first word is before any visit.
fn first(page: u64) -> u64 {
    mix(page ^ 0x776f_726b)
}
