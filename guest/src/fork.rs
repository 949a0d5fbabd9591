//! `forkstorm` and `forkonly`: address spaces made and thrown away.
//!
//! `forkstorm` forks a child that executes this very program again, which maps and tears down a
//! whole process each time. `forkonly` forks with dirty memory in the parent and lets both sides write to it, so
//! that every written page is a copy-on-write break, and checks that neither sees the other's writes.

use std::ffi::CString;
use std::ptr;
use std::time::Instant;

use crate::mapping::{PAGE, Pages, WORDS_PER_PAGE};
use crate::process;
use crate::program::{Failure, Outcome, Program, Report, ensure, optional, required};
use crate::rng::mix;

pub(crate) const STORM: Program = Program {
    name: "forkstorm",
    purpose: "fork, exec and wait, over and over",
    parameters: &[required("COUNT")],
    quick: &[20],
    run: storm,
};

pub(crate) const ONLY: Program = Program {
    name: "forkonly",
    purpose: "fork and write to shared dirty pages on both sides",
    parameters: &[required("COUNT"), optional("DIRTY_PAGES", 64)],
    quick: &[20, 64],
    run: only,
};

/// The exit status by which a child says that it found a wrong word or could not start.
const BAD: u8 = 255;

fn storm(values: &[u64]) -> Outcome {
    let count = values[0];
    let start = Instant::now();
    for index in 0..count {
        let status = (index % 200) as u8;
        let text = |text: &str| CString::new(text).expect("no zero byte inside");
        let words = [text("mt"), text("exit"), text(&status.to_string())];
        let program = text("/proc/self/exe");
        let arguments = [words[0].as_ptr(), words[1].as_ptr(), words[2].as_ptr(), ptr::null()];
        let child = process::fork(|| {
            // SAFETY: `program` and the null-terminated `arguments` are C strings alive in the child too.
            unsafe { libc::execv(program.as_ptr(), arguments.as_ptr()) };
            BAD
        })?;
        let found = child.wait()?;
        ensure(found == status, || format!("child {index} exited with {found}, expected {status}"))?;
    }
    Ok(Report::new("forkstorm").with("count", count).timed(start))
}

fn only(values: &[u64]) -> Outcome {
    let (count, dirty) = (values[0], values[1]);
    let mut area = Pages::new(dirty as usize * PAGE)?;
    let words = area.words();
    let start = Instant::now();
    for round in 0..count {
        write(words, round);
        let child = process::fork(|| {
            let inherited = check(words, round);
            write(words, !round);
            if inherited.and(check(words, !round)).is_ok() { 0 } else { BAD }
        })?;
        // The parent writes half of its pages while the child runs; the other half stays the child's to copy.
        let (upper, lower) = words.split_at_mut(words.len() / WORDS_PER_PAGE / 2 * WORDS_PER_PAGE);
        write(upper, round + count);
        let found = child.wait()?;
        ensure(found == 0, || format!("child {round} found wrong memory"))?;
        check(upper, round + count)?;
        check(lower, round)?;
        words.fill(0);
    }
    Ok(Report::new("forkonly").with("count", count).with("dirty", dirty).timed(start))
}

/// Give every page a first and a last word of its own.
fn write(words: &mut [u64], round: u64) {
    for page in words.chunks_mut(WORDS_PER_PAGE) {
        let place = page.as_ptr() as u64;
        page[0] = mix(round ^ place);
        page[WORDS_PER_PAGE - 1] = !mix(round ^ place);
    }
}

/// Check what `write` wrote.
fn check(words: &[u64], round: u64) -> Result<(), Failure> {
    for page in words.chunks(WORDS_PER_PAGE) {
        let expected = mix(round ^ page.as_ptr() as u64);
        ensure(page[0] == expected && page[WORDS_PER_PAGE - 1] == !expected, || {
            format!(
                "page {:p} in round {round}: found {:#018x}, expected {expected:#018x}",
                page.as_ptr(),
                page[0]
            )
        })?;
    }
    Ok(())
}
