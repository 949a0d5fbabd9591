//! `atomics`: shared counters and locks, where one lost update shows in the sum.
//!
//! First each AMO's arithmetic on one thread, then threads against each other: AMOs, LR/SC loops (also
//! those the compiler makes for bytes), and a spin lock around plain loads and stores.

use std::hint;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64};
use std::thread;
use std::time::Instant;

use crate::program::{Failure, Outcome, Program, Report, ensure, required};
use crate::rng::Rng;

pub(crate) const PROGRAM: Program = Program {
    name: "atomics",
    purpose: "threads add to shared counters by AMO, LR/SC and under a spin lock",
    parameters: &[required("COUNT"), required("THREADS")],
    quick: &[2000, 4],
    run,
};

/// How often a waiting thread looks again before it lets another one run.
const SPINS: u32 = 100;

#[derive(Default)]
struct Shared {
    added: AtomicU64,
    added_narrow: AtomicU32,
    compared: AtomicU64,
    byte: AtomicU8,
    locked: AtomicBool,
    // Under the lock: plain loads and stores, of which one lost shows.
    guarded: AtomicU64,
    mirror: AtomicU64,
}

fn run(values: &[u64]) -> Outcome {
    let (count, threads) = (values[0], values[1]);
    let start = Instant::now();
    arithmetic()?;
    let shared = Shared::default();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..count).for_each(|_| shared.step()));
        }
    });
    let total = count * threads;
    for (what, found, expected) in [
        ("amoadd.d", shared.added.into_inner(), total),
        ("amoadd.w", u64::from(shared.added_narrow.into_inner()), total & 0xFFFF_FFFF),
        ("lr.d/sc.d", shared.compared.into_inner(), total),
        ("lr.w/sc.w on a byte", u64::from(shared.byte.into_inner()), total & 0xFF),
        ("the spin lock", shared.guarded.into_inner(), total),
        ("the spin lock's mirror", shared.mirror.into_inner(), u64::MAX.wrapping_mul(total)),
    ] {
        ensure(found == expected, || format!("{what} counted {found}, expected {expected}"))?;
    }
    Ok(Report::new("atomics").with("count", count).with("threads", threads).timed(start))
}

impl Shared {
    /// Add one to every counter.
    fn step(&self) {
        self.added.fetch_add(1, Relaxed);
        self.added_narrow.fetch_add(1, AcqRel);
        // Rust has no AMO for "plus one unless": `fetch_update` is an LR/SC loop.
        self.compared
            .fetch_update(AcqRel, Relaxed, |value| value.checked_add(1))
            .expect("it does not overflow");
        self.byte
            .fetch_update(Relaxed, Relaxed, |value| Some(value.wrapping_add(1)))
            .expect("it always adds");

        let mut spins = 0;
        while self.locked.swap(true, Acquire) {
            spins += 1;
            if spins % SPINS == 0 { thread::yield_now() } else { hint::spin_loop() }
        }
        self.guarded.store(self.guarded.load(Relaxed) + 1, Relaxed);
        self.mirror.store(self.mirror.load(Relaxed).wrapping_sub(1), Relaxed);
        self.locked.store(false, Release);
    }
}

/// Check each AMO of both widths against plain arithmetic.
fn arithmetic() -> Result<(), Failure> {
    let mut rng = Rng::new(1);
    for _ in 0..64 {
        wide(rng.next(), rng.next())?;
        narrow(rng.next() as u32, rng.next() as u32)?;
    }
    Ok(())
}

/// Check that each operation gave `old` and left what is expected.
fn check<T: Eq + std::fmt::LowerHex, const N: usize>(
    old: &T,
    table: [(&str, T, T, T); N],
) -> Result<(), Failure> {
    for (name, returned, left, expected) in table {
        ensure(returned == *old && left == expected, || {
            format!(
                "{name} on {old:#x}: gave {returned:#x}, left {left:#x}, expected {expected:#x} to be left"
            )
        })?;
    }
    Ok(())
}

fn wide(old: u64, operand: u64) -> Result<(), Failure> {
    let amo = |operation: fn(&AtomicU64, u64) -> u64| {
        let cell = AtomicU64::new(hint::black_box(old));
        (operation(&cell, operand), cell.into_inner())
    };
    let signed = |operation: fn(&AtomicI64, i64) -> i64| {
        let cell = AtomicI64::new(hint::black_box(old as i64));
        (operation(&cell, operand as i64) as u64, cell.into_inner() as u64)
    };
    let row = |name, (returned, left), expected| (name, returned, left, expected);
    let (old_signed, operand_signed) = (old as i64, operand as i64);
    check(
        &old,
        [
            row("amoadd.d", amo(|cell, by| cell.fetch_add(by, AcqRel)), old.wrapping_add(operand)),
            row("amoswap.d", amo(|cell, by| cell.swap(by, AcqRel)), operand),
            row("amoand.d", amo(|cell, by| cell.fetch_and(by, AcqRel)), old & operand),
            row("amoor.d", amo(|cell, by| cell.fetch_or(by, AcqRel)), old | operand),
            row("amoxor.d", amo(|cell, by| cell.fetch_xor(by, AcqRel)), old ^ operand),
            row("amomaxu.d", amo(|cell, by| cell.fetch_max(by, AcqRel)), old.max(operand)),
            row("amominu.d", amo(|cell, by| cell.fetch_min(by, AcqRel)), old.min(operand)),
            row(
                "amomax.d",
                signed(|cell, by| cell.fetch_max(by, AcqRel)),
                old_signed.max(operand_signed) as u64,
            ),
            row(
                "amomin.d",
                signed(|cell, by| cell.fetch_min(by, AcqRel)),
                old_signed.min(operand_signed) as u64,
            ),
        ],
    )
}

fn narrow(old: u32, operand: u32) -> Result<(), Failure> {
    let amo = |operation: fn(&AtomicU32, u32) -> u32| {
        let cell = AtomicU32::new(hint::black_box(old));
        (operation(&cell, operand), cell.into_inner())
    };
    let signed = |operation: fn(&AtomicI32, i32) -> i32| {
        let cell = AtomicI32::new(hint::black_box(old as i32));
        (operation(&cell, operand as i32) as u32, cell.into_inner() as u32)
    };
    let row = |name, (returned, left), expected| (name, returned, left, expected);
    let (old_signed, operand_signed) = (old as i32, operand as i32);
    check(
        &old,
        [
            row("amoadd.w", amo(|cell, by| cell.fetch_add(by, AcqRel)), old.wrapping_add(operand)),
            row("amoswap.w", amo(|cell, by| cell.swap(by, AcqRel)), operand),
            row("amoand.w", amo(|cell, by| cell.fetch_and(by, AcqRel)), old & operand),
            row("amoor.w", amo(|cell, by| cell.fetch_or(by, AcqRel)), old | operand),
            row("amoxor.w", amo(|cell, by| cell.fetch_xor(by, AcqRel)), old ^ operand),
            row("amomaxu.w", amo(|cell, by| cell.fetch_max(by, AcqRel)), old.max(operand)),
            row("amominu.w", amo(|cell, by| cell.fetch_min(by, AcqRel)), old.min(operand)),
            row(
                "amomax.w",
                signed(|cell, by| cell.fetch_max(by, AcqRel)),
                old_signed.max(operand_signed) as u32,
            ),
            row(
                "amomin.w",
                signed(|cell, by| cell.fetch_min(by, AcqRel)),
                old_signed.min(operand_signed) as u32,
            ),
        ],
    )
}
