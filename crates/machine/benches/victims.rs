//! How good the victims are: pages fetched back for each access, by the clock's choice and by chance.
//!
//! **Model.** Traces of accesses are played against a VM that may hold a part of its pages. Where a frame is
//! wanted and none is left, [`VmMemory::reclaim`] chooses some victims, or a generator of random numbers
//! does. Pages are fetched back one by one, without those behind them. What is counted does not depend on
//! the machine or on what else it does: `docs/decisions/0015-victims-are-watched.md` has it.

use addr::{Gfn, PageCount, VmId};
use fastrand::Rng;
use machine::{Backing, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};
use std::path::Path;

/// A power of two, so that an odd factor permutes the numbers of pages.
const PAGES: u64 = 1 << 14;
const FIRST: Gfn = Gfn(0x80000);
const ACCESSES: usize = 600_000;
/// Accesses before anything is counted.
const WARM_UP: usize = 200_000;
/// Victims at once.
const SLICE: u64 = 64;

/// Frees frames; says how many pages were fetched back so far, and how many uses only noticed.
trait Victims {
    fn free_some(&mut self);
    fn counted(&self) -> (u64, u64);
}

struct Clock<'a>(&'a VmMemory);

impl Victims for Clock<'_> {
    fn free_some(&mut self) {
        let report = self.0.reclaim(PageCount(SLICE));
        assert_eq!(report.failure, None);
    }

    fn counted(&self) -> (u64, u64) {
        let counts = self.0.counts();
        (counts.swapped_in, counts.watches_noticed)
    }
}

/// A page taken by chance is forgotten rather than swapped: what it held is of no matter here.
struct Chance<'a>(&'a VmMemory, Rng);

impl Victims for Chance<'_> {
    fn free_some(&mut self) {
        for _ in 0..SLICE {
            loop {
                let gfn = Gfn(FIRST.0 + self.1.u64(..PAGES));
                if self.0.pmap().state(gfn).is_some_and(|(state, _)| state.frame().is_some()) {
                    self.0.discard([gfn].into_iter());
                    break;
                }
            }
        }
    }

    fn counted(&self) -> (u64, u64) {
        // All were written once before anything is counted.
        (self.0.counts().first_writes, 0)
    }
}

fn touch(vm: &VmMemory, page: u64, frames: u64, victims: &mut impl Victims) {
    let gfn = Gfn(FIRST.0 + page);
    let has_frame = vm.pmap().state(gfn).is_some_and(|(state, _)| state.frame().is_some());
    while !has_frame && vm.held().0 >= frames {
        victims.free_some();
    }
    let mfn = vm.resolve(gfn, Use::Write).expect("there is a frame");
    // Different from page to page, and no page of zeros.
    vm.pool().store(mfn.base(), page + 1);
}

/// For 1000 accesses of `trace`: pages fetched back, and uses noticed.
fn play(vm: &VmMemory, trace: &[u64], frames: u64, mut victims: impl Victims) -> (f64, f64) {
    let mut run = |pages: &mut dyn Iterator<Item = u64>| {
        for page in pages {
            touch(vm, page, frames, &mut victims);
        }
        victims.counted()
    };
    let (warm_up, rest) = trace.split_at(WARM_UP);
    let before = run(&mut (0..PAGES).chain(warm_up.iter().copied()));
    let after = run(&mut rest.iter().copied());
    let rate = |before: u64, after: u64| (after - before) as f64 * 1000.0 / rest.len() as f64;
    (rate(before.0, after.0), rate(before.1, after.1))
}

/// Puts pages that are near each other in use far from each other in memory.
fn scattered(page: u64) -> u64 {
    page * 0x9e37 % PAGES
}

/// A named way to go through memory.
type Trace = (&'static str, Vec<u64>);

fn traces() -> Vec<Trace> {
    let mut random = Rng::with_seed(1);
    let mut trace = |next: &mut dyn FnMut(&mut Rng, u64) -> u64| -> Vec<u64> {
        (0..ACCESSES as u64).map(|step| next(&mut random, step)).collect()
    };
    let hot = PAGES / 4;
    let mut sum = 0.0;
    let zipf: Vec<f64> = (1..=PAGES)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    vec![
        (
            "a quarter hot (95 %), all the rest cold",
            trace(&mut |random, _| {
                let page = if random.u32(..100) < 95 { random.u64(..hot) } else { random.u64(..PAGES) };
                scattered(page)
            }),
        ),
        (
            "a quarter hot (95 %), one pass after another over all",
            trace(&mut |random, step| {
                if random.u32(..100) < 95 { scattered(random.u64(..hot)) } else { step / 20 % PAGES }
            }),
        ),
        ("round and round over all", trace(&mut |_, step| step % PAGES)),
        (
            "Zipf's distribution over all",
            trace(&mut |random, _| {
                let at = random.f64() * zipf[PAGES as usize - 1];
                scattered(zipf.partition_point(|&sum| sum < at) as u64 % PAGES)
            }),
        ),
        (
            "another quarter hot (95 %) every 50,000 accesses",
            trace(&mut |random, step| {
                let phase = step / 50_000 * hot;
                let page =
                    if random.u32(..100) < 95 { phase + random.u64(..hot) } else { random.u64(..PAGES) };
                scattered(page % PAGES)
            }),
        ),
        ("any page at any time", trace(&mut |random, _| random.u64(..PAGES))),
    ]
}

fn vm(pool: &Pool, dir: &Path) -> VmMemory {
    let swap = SwapFile::create(dir, PageCount(PAGES)).expect("disk space");
    let stores = Stores::new(PageCount(0), Some(swap));
    let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores };
    VmMemory::with_backing(pool, VmId(1), FIRST, PageCount(PAGES), backing).expect("nothing is reserved")
}

fn main() {
    let pool = Pool::new(PageCount(PAGES + 64).bytes()).expect("a pool");
    // No frames to spare: nothing is read ahead.
    pool.set_bell(PageCount(2 * PAGES), None);
    // Nothing of this is to wait for a disk.
    let memory_disk = Path::new("/dev/shm");
    let temp_dir = std::env::temp_dir();
    let dir = if memory_disk.is_dir() { memory_disk } else { &temp_dir };
    println!("for 1000 accesses, {PAGES} pages, {SLICE} victims at once");
    println!(
        "{:<54} {:>6} {:>16} {:>16} {:>9}",
        "", "frames", "back, by chance", "back, by clock", "noticed"
    );
    for (name, trace) in traces() {
        for frames in [PAGES / 2, PAGES * 7 / 8] {
            let by_chance = vm(&pool, dir);
            let (chance, _) = play(&by_chance, &trace, frames, Chance(&by_chance, Rng::with_seed(2)));
            drop(by_chance);
            let by_clock = vm(&pool, dir);
            let (clock, noticed) = play(&by_clock, &trace, frames, Clock(&by_clock));
            println!("{name:<54} {frames:>6} {chance:>16.1} {clock:>16.1} {noticed:>9.1}");
        }
    }
}
