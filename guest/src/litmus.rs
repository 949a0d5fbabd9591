//! `litmus`: two threads race through small shapes whose forbidden outcomes the memory model names.
//!
//! **Model**: a shape is what each side does with two words and which pair of results may never be seen.
//! Both sides run through a row of fresh cells at once; then the row is looked through.
//!
//! **Sources**: RISC-V unprivileged manual, RVWMO; the shapes' names are those of the litmus literature.

use std::hint;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicUsize, fence};
use std::thread;
use std::time::Instant;

use crate::program::{Failure, Outcome, Program, Report, ensure, required};

pub(crate) const PROGRAM: Program = Program {
    name: "litmus",
    purpose: "race two threads and look for outcomes the memory model forbids",
    parameters: &[required("RACES")],
    quick: &[2048],
    run,
};

/// Races run before the results are looked at.
const ROW: usize = 1024;
/// Races run before the sides wait for each other again: few, so that they stay abreast.
const HEAT: usize = 8;

/// The two words raced for, on lines of their own, and what each side saw.
#[derive(Default)]
struct Cell {
    x: Line,
    y: Line,
    left: Line,
    right: Line,
}

#[derive(Default)]
#[repr(align(64))]
struct Line(AtomicU32);

/// A race. Each side gets `x` and `y` and gives what it saw; `forbidden` says which pairs may not be.
struct Shape {
    name: &'static str,
    left: fn(&AtomicU32, &AtomicU32) -> u32,
    right: fn(&AtomicU32, &AtomicU32) -> u32,
    forbidden: fn(u32, u32) -> bool,
}

const SHAPES: [Shape; 5] = [
    Shape {
        name: "store buffering with fences",
        left: |x, y| {
            x.store(1, Relaxed);
            fence(SeqCst);
            y.load(Relaxed)
        },
        right: |x, y| {
            y.store(1, Relaxed);
            fence(SeqCst);
            x.load(Relaxed)
        },
        forbidden: |left, right| left == 0 && right == 0,
    },
    Shape {
        name: "message passing with release and acquire",
        left: |x, y| {
            x.store(1, Relaxed);
            y.store(1, Release);
            0
        },
        right: |x, y| y.load(Acquire) << 1 | x.load(Relaxed),
        forbidden: |_, right| right == 0b10,
    },
    Shape {
        name: "message passing by an AMO",
        left: |x, y| {
            x.store(1, Relaxed);
            y.fetch_add(1, Release);
            0
        },
        right: |x, y| y.fetch_or(0, Acquire) << 1 | x.load(Relaxed),
        forbidden: |_, right| right == 0b10,
    },
    Shape {
        name: "load buffering with acquire",
        left: |x, y| {
            let seen = x.load(Acquire);
            y.store(1, Relaxed);
            seen
        },
        right: |x, y| {
            let seen = y.load(Acquire);
            x.store(1, Relaxed);
            seen
        },
        forbidden: |left, right| left == 1 && right == 1,
    },
    Shape {
        name: "coherence of two reads of one word",
        left: |x, _| {
            x.store(1, Relaxed);
            0
        },
        right: |x, _| x.load(Relaxed) << 1 | x.load(Relaxed),
        forbidden: |_, right| right == 0b10,
    },
];

fn run(values: &[u64]) -> Outcome {
    let races = values[0];
    let start = Instant::now();
    let mut mixed = 0;
    for shape in &SHAPES {
        for _ in 0..races.div_ceil(ROW as u64) {
            mixed += row(shape)?;
        }
    }
    // How often the sides met in different ways: 0 means that they never really ran at once.
    Ok(Report::new("litmus")
        .with("races", races)
        .with("shapes", SHAPES.len())
        .with("mixed", mixed)
        .timed(start))
}

/// Race through one row; gives how often the outcome changed from one cell to the next.
fn row(shape: &Shape) -> Result<usize, Failure> {
    let cells: Vec<Cell> = (0..ROW).map(|_| Cell::default()).collect();
    let arrivals = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| run_side(&cells, &arrivals, |cell| &cell.left, shape.left));
        run_side(&cells, &arrivals, |cell| &cell.right, shape.right);
    });
    let seen: Vec<_> =
        cells.iter().map(|cell| (cell.left.0.load(Relaxed), cell.right.0.load(Relaxed))).collect();
    for &(left, right) in &seen {
        ensure(!(shape.forbidden)(left, right), || format!("{}: saw {left:#b} and {right:#b}", shape.name))?;
    }
    Ok(seen.windows(2).filter(|pair| pair[0] != pair[1]).count())
}

/// Run one side through all cells, meeting the other side before each heat.
fn run_side(
    cells: &[Cell],
    arrivals: &AtomicUsize,
    saw: fn(&Cell) -> &Line,
    side: fn(&AtomicU32, &AtomicU32) -> u32,
) {
    for (heat, cells) in cells.chunks(HEAT).enumerate() {
        arrivals.fetch_add(1, Relaxed);
        let mut spins = 0;
        while arrivals.load(Relaxed) < 2 * (heat + 1) {
            spins += 1;
            if spins % 100 == 0 { thread::yield_now() } else { hint::spin_loop() }
        }
        for cell in cells {
            saw(cell).0.store(side(&cell.x.0, &cell.y.0), Relaxed);
        }
    }
}
