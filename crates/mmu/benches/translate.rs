//! What a translation costs, by the way it is found, and what fences and shoot-downs cost.
//!
//! Prints the median of many samples for each, in nanoseconds. Every sample times a batch of calls
//! after a preparation that is not timed.

#[path = "../tests/guest/mod.rs"]
mod guest;

use addr::{Gfn, Gva, Mfn};
use guest::{Guest, KERNEL};
use machine::Use;
use mmu::{Access, Mmu, PagingMode, Root, Technique};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

const SAMPLES: usize = 301;
/// Pages mapped: one last-level table, whole.
const PAGES: u64 = 512;
const BASE: Gva = Gva(0xffff_ffc0_0020_0000);
const MODES: [PagingMode; 3] = [PagingMode::Sv39, PagingMode::Sv48, PagingMode::Sv57];

/// One hart of a guest with a table full of pages.
struct Bench {
    guest: Guest,
    mmu: Mmu,
    root: Root,
    frames: Vec<(Gfn, Mfn)>,
}

fn page(number: u64) -> Gva {
    Gva(BASE.0 + number % PAGES * 4096)
}

impl Bench {
    fn new(technique: Technique, mode: PagingMode) -> Self {
        let mut guest = Guest::new(PAGES + 64);
        let root = guest.root(mode);
        let last = (0..PAGES).map(|number| guest.map(root, page(number), 0, Gfn(number), KERNEL)).last();
        assert_eq!(last.map(|leaf| guest.read(leaf)), Some((PAGES - 1) << 10 | KERNEL));
        // The page numbers are permuted so that neighbours in the guest are none in the pool.
        (0..PAGES).for_each(|number| drop(guest.memory.resolve(Gfn(number * 139 % PAGES), Use::Write)));
        let frames = (0..PAGES)
            .map(|number| (Gfn(number), guest.memory.resolve(Gfn(number), Use::Write).expect("memory")));
        let frames = frames.collect();
        let mut mmu = Mmu::new(technique, &guest.memory);
        mmu.switch(root);
        Self { guest, mmu, root, frames }
    }

    fn translate(&mut self, number: u64) {
        let found = self.mmu.translate(&self.guest.memory, page(number), Access::Load);
        black_box(found).expect("the page is mapped and ready");
    }

    fn translate_all(&mut self) {
        (0..PAGES).for_each(|number| self.translate(number));
    }

    /// Prints the median cost of one of the `calls` that each `timed` makes.
    fn report(&mut self, what: &str, calls: u64, prepare: impl Fn(&mut Self), timed: impl Fn(&mut Self)) {
        let mut samples: Vec<f64> = (0..SAMPLES)
            .map(|_| {
                prepare(self);
                let start = Instant::now();
                timed(self);
                start.elapsed().as_nanos() as f64 / calls as f64
            })
            .collect();
        samples.sort_by(f64::total_cmp);
        println!("{what:<52} {:>10.1} ns", samples[SAMPLES / 2]);
    }
}

fn misses() {
    for mode in MODES {
        let mut bench = Bench::new(Technique::Software, mode);
        let fresh = |bench: &mut Bench| {
            bench.mmu = Mmu::new(Technique::Software, &bench.guest.memory);
            bench.mmu.switch(bench.root);
            // The table itself is not what is timed.
            bench.translate(0);
        };
        bench.report(&format!("hidden fault, {mode:?}"), PAGES, fresh, Bench::translate_all);

        let mut bench = Bench::new(Technique::Hardware, mode);
        bench.report(&format!("two-stage walk, {mode:?}"), PAGES, |_| {}, Bench::translate_all);
    }
    let mut bench = Bench::new(Technique::Software, PagingMode::Sv39);
    bench.translate_all();
    bench.report("shadow hit", PAGES, |_| {}, Bench::translate_all);
}

fn hits() {
    let mut bench = Bench::new(Technique::Software, PagingMode::Sv39);
    bench.translate_all();
    bench.report(
        "TLB hit",
        PAGES * 16,
        |_| {},
        |bench| {
            for number in 0..PAGES * 16 {
                black_box(bench.mmu.tlb().load_from(black_box(page(number)), 8)).expect("the TLB holds it");
            }
        },
    );
}

fn fences() {
    for technique in [Technique::Software, Technique::Hardware] {
        let mut bench = Bench::new(technique, PagingMode::Sv39);
        bench.report(&format!("fence of one address, {technique:?}"), PAGES, Bench::translate_all, |bench| {
            (0..PAGES).for_each(|number| bench.mmu.fence(Some(page(number)), None));
        });
    }
    let mut bench = Bench::new(Technique::Software, PagingMode::Sv39);
    let asid = bench.root.asid;
    bench.report("fence of an ASID, sync of 512 entries, one access", 1, Bench::translate_all, |bench| {
        bench.mmu.fence(None, Some(asid));
        bench.translate(7);
    });
    let counts = bench.mmu.counts().shadow;
    assert_eq!(counts.entries_kept, counts.tables_synced * PAGES, "the sync keeps everything");

    let other = bench.guest.root(PagingMode::Sv39);
    let root = bench.root;
    bench.report(
        "switch to a known address space",
        1000,
        |_| {},
        |bench| {
            for _ in 0..500 {
                bench.mmu.switch(other);
                bench.mmu.switch(root);
            }
        },
    );
}

fn shoot_downs() {
    for technique in [Technique::Software, Technique::Hardware] {
        for count in [1, 8, 64] {
            let mut bench = Bench::new(technique, PagingMode::Sv39);
            let what = format!("take away {count} pages, {technique:?}");
            bench.report(&what, 1, Bench::translate_all, |bench| bench.mmu.take_away(&bench.frames[..count]));
        }
    }
}

/// Every access needs a shadow table of its own, and each of the 4096 that there may be is in use.
fn full_shadow() {
    const RUNS: u64 = 5000;
    let mut guest = Guest::with_spare(1 << 20, 64);
    let root = guest.root(PagingMode::Sv39);
    let run = |number: u64| Gva((number % RUNS) << 21);
    guest.map(root, run(0), 0, Gfn(7), KERNEL);
    let table = guest.entry(root, run(0), 1);
    for number in 1..RUNS {
        let at = guest.entry(root, run(number), 1);
        guest.write(at, guest.read(table));
    }
    guest.memory.resolve(Gfn(7), Use::Write).expect("memory");
    let mut mmu = Mmu::new(Technique::Software, &guest.memory);
    mmu.switch(root);
    let mut bench = Bench { guest, mmu, root, frames: Vec::new() };
    let next = Cell::new(0);
    let build = |bench: &mut Bench, count: u64| {
        for _ in 0..count {
            let found = bench.mmu.translate(&bench.guest.memory, run(next.get()), Access::Load);
            black_box(found).expect("the page is mapped and ready");
            next.set(next.get() + 1);
        }
    };
    build(&mut bench, RUNS);
    assert_eq!(bench.mmu.shadow_size().0, 4096);
    bench.report("hidden fault, new table where all are in use", 64, |_| {}, |bench| build(bench, 64));
}

fn main() {
    hits();
    misses();
    full_shadow();
    fences();
    shoot_downs();
}
