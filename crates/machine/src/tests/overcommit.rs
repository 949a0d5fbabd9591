//! VMs that were promised more than there is: everything that may happen to their pages, in random
//! order, against a map that says what each page must hold.

use super::{FIRST, pool};
use crate::{Backing, Holds, PageState, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};
use addr::{Gfn, Mfn, PAGE_SIZE, PageCount, VmId};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGES: u64 = 24;

/// A VM of `pages` that may be swapped out but for its reservation.
pub(super) fn vm(pool: &Pool, id: u32, group: u32, pages: u64, reservation: u64) -> Arc<VmMemory> {
    let swap = SwapFile::create(&std::env::temp_dir(), PageCount(pages - reservation)).expect("disk space");
    let backing = Backing {
        reservation: PageCount(reservation),
        group: ShareGroup(group),
        stores: Stores::new(PageCount(pages / 8), Some(swap)),
    };
    let memory = VmMemory::with_backing(pool, VmId(id), FIRST, PageCount(pages), backing);
    Arc::new(memory.expect("the reservation fits"))
}

#[derive(Debug, Clone)]
enum Step {
    /// Fill a page with a pattern: 0 zeros, few equal ones, or noise.
    Fill(usize, u64, u8),
    /// Change one word.
    Poke(usize, u64, u64),
    Read(usize, u64),
    Scan(usize),
    Reclaim(usize, u64),
    Inflate(usize, u64),
    Deflate(usize, u64),
    Discard(usize, u64),
    Sample(usize, u64),
    Move(usize, u64),
    StartOver(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || (0..3usize, 0..PAGES);
    let step = prop_oneof![
        8 => (at(), any::<u8>()).prop_map(|((v, p), b)| Step::Fill(v, p, b)),
        4 => (at(), any::<u64>()).prop_map(|((v, p), w)| Step::Poke(v, p, w)),
        6 => at().prop_map(|(v, p)| Step::Read(v, p)),
        4 => (0..3usize).prop_map(Step::Scan),
        4 => (0..3usize, 1..12u64).prop_map(|(v, n)| Step::Reclaim(v, n)),
        1 => at().prop_map(|(v, p)| Step::Inflate(v, p)),
        1 => at().prop_map(|(v, p)| Step::Deflate(v, p)),
        1 => at().prop_map(|(v, p)| Step::Discard(v, p)),
        1 => (0..3usize, any::<u64>()).prop_map(|(v, n)| Step::Sample(v, n)),
        1 => at().prop_map(|(v, p)| Step::Move(v, p)),
        1 => (0..3usize).prop_map(Step::StartOver),
    ];
    prop::collection::vec(step, 1..120)
}

/// The words of a page filled with `seed`: zeros, compressible, or noise.
pub(super) fn pattern(seed: u8, word: u64) -> u64 {
    match seed % 4 {
        0 => 0,
        1 => u64::from(seed % 3) + 1,
        2 => word * u64::from(seed),
        _ => {
            let mixed = (word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ u64::from(seed) << 32);
            (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        }
    }
}

/// What a page must hold: the pattern it was filled with, and one word changed since.
type Model = HashMap<u64, (u8, u64)>;

struct World {
    pool: Pool,
    vms: [Arc<VmMemory>; 3],
    models: [Model; 3],
}

impl World {
    fn new() -> Self {
        // Two of three VMs may share with each other.
        let pool = pool(3 * PAGES / 2);
        let vms = [(1, 1), (2, 1), (3, 3)].map(|(id, group)| vm(&pool, id, group, PAGES, 4));
        Self { pool, vms, models: Default::default() }
    }

    /// Makes sure that a frame is free, as the host's loop would.
    fn make_room(&self) {
        for vm in &self.vms {
            if self.pool.usage().available().0 >= 2 {
                return;
            }
            vm.reclaim(PageCount(4));
        }
        let usage = self.pool.usage();
        assert!(usage.available().0 >= 1, "INV-7: {usage:?}");
    }

    fn step(&mut self, step: &Step) {
        self.make_room();
        let gfn = |page: u64| Gfn(FIRST.0 + page);
        match *step {
            Step::Fill(v, page, seed) => {
                let pin = self.vms[v].pin(gfn(page)).unwrap();
                let frame = self.pool.frame(pin.mfn());
                (0..512).for_each(|word| frame.store(word * 8, pattern(seed, word)));
                self.models[v].insert(page, (seed, pattern(seed, 7)));
            }
            Step::Poke(v, page, word) => {
                let pin = self.vms[v].pin(gfn(page)).unwrap();
                self.pool.frame(pin.mfn()).store(7 * 8, word);
                self.models[v].entry(page).or_insert((0, 0)).1 = word;
            }
            Step::Read(v, page) => self.check(v, page),
            Step::Scan(v) => {
                let peer = |id: VmId| Some(Arc::clone(&self.vms[id.0 as usize - 1]));
                self.vms[v].scan(PageCount(PAGES), &peer);
            }
            Step::Reclaim(v, pages) => {
                let report = self.vms[v].reclaim(PageCount(pages));
                assert_eq!(report.failure, None);
            }
            Step::Inflate(v, page) => {
                assert_eq!(self.vms[v].inflate(&[gfn(page), gfn(page + 1000)]).refused, 1);
                self.models[v].insert(page, (0, 0));
            }
            Step::Deflate(v, page) => _ = self.vms[v].deflate(&[gfn(page)]),
            Step::Discard(v, page) => {
                self.vms[v].discard([gfn(page)].into_iter());
                self.models[v].insert(page, (0, 0));
            }
            Step::Sample(v, seed) => {
                let vm = &self.vms[v];
                let sample = vm.begin_sample([seed, seed + 1, seed + 1]);
                assert!(vm.look_at_sample(&sample).touched == 0);
                assert!(vm.end_sample(sample).watched <= 2);
            }
            Step::Move(v, page) => _ = self.vms[v].move_pages(&[gfn(page)]),
            Step::StartOver(v) => {
                let vm = &self.vms[v];
                vm.end();
                vm.start_over();
                assert_eq!((vm.census().untouched, vm.held()), (PageCount(PAGES), PageCount(0)));
                vm.set_zip_limit(PageCount(PAGES / 8));
                self.models[v].clear();
            }
        }
    }

    fn check(&self, v: usize, page: u64) {
        self.make_room();
        let mfn = self.vms[v].resolve(Gfn(FIRST.0 + page), Use::Read).unwrap();
        let frame = self.pool.frame(mfn);
        let (seed, poked) = self.models[v].get(&page).copied().unwrap_or((0, 0));
        for word in 0..512 {
            let expected = if word == 7 { poked } else { pattern(seed, word) };
            assert_eq!(frame.load::<u64>(word * 8), expected, "INV-4: VM {v} page {page} word {word}");
        }
    }

    fn audit(&self) {
        self.pool.audit().unwrap();
        let mut private = 0;
        for vm in &self.vms {
            vm.audit().unwrap();
            let census = vm.census();
            assert_eq!(census.total(), PageCount(PAGES), "INV-5: {census:?}");
            private += census.private.0;
        }
        audit_sharing(&self.pool, &self.vms);
        let usage = self.pool.usage();
        assert_eq!(private, usage.private.0, "INV-5: {usage:?}");
        let zip: u64 = self.vms.iter().map(|vm| vm.stores().zip.frames.0).sum();
        assert_eq!(zip, usage.zip.0, "INV-5: {usage:?}");
    }
}

/// Every shared frame has as many pages, and every group as many frames, as counting over all VMs gives.
pub(super) fn audit_sharing<'a>(pool: &Pool, vms: impl IntoIterator<Item = &'a Arc<VmMemory>>) {
    let mut pages: HashMap<(ShareGroup, Mfn), u32> = HashMap::new();
    for vm in vms {
        for (state, _) in vm.pmap().pages().filter_map(|gfn| vm.pmap().state(gfn)) {
            if let PageState::Shared(mfn) = state {
                *pages.entry((vm.group(), mfn)).or_default() += 1;
            }
        }
    }
    let mut frames: HashMap<ShareGroup, u64> = HashMap::new();
    for (&(group, mfn), &pages) in &pages {
        assert_eq!(pool.holds(mfn), Holds::Shared { group, pages }, "INV-5: {mfn:?}");
        *frames.entry(group).or_default() += 1;
    }
    assert_eq!(pool.usage().shared.0, frames.values().sum::<u64>(), "INV-5");
    for (group, frames) in frames {
        assert_eq!(pool.shared_by(group), PageCount(frames), "INV-5: {group:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 24 } else { 200 }))]

    #[test]
    fn whatever_happens_to_a_page_it_reads_as_last_written(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.audit();
        }
        for v in 0..3 {
            (0..PAGES).for_each(|page| world.check(v, page));
        }
        world.audit();
        let pool = world.pool.clone();
        drop(world);
        let usage = pool.usage();
        prop_assert_eq!((usage.free, usage.reserved.0), (usage.total, 0));
        pool.audit().map_err(TestCaseError::fail)?;
    }
}

/// Fills pages with what may be shared, compressed and only swapped, in turn.
fn fill(vm: &VmMemory, pages: u64) {
    for page in 0..pages {
        let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
        let frame = vm.pool().frame(pin.mfn());
        let seed = [0, 1, 2, 3][page as usize % 4];
        let own = if seed == 3 { (page as u8) << 2 | 3 } else { seed };
        (0..512).for_each(|word| frame.store(word * 8, pattern(own, word)));
    }
}

#[test]
fn each_content_leaves_by_its_own_way() {
    let pool = pool(100);
    let vm = vm(&pool, 1, 1, 64, 0);
    fill(&vm, 64);
    vm.scan(PageCount(64), &|_| None);
    let report = vm.reclaim(PageCount(64));
    let census = vm.census();
    assert_eq!((census.private, census.zero), (PageCount(0), PageCount(16)), "{report:?}");
    assert_eq!(census.shared, PageCount(32), "equal pages share: {census:?}");
    assert_eq!(census.swapped, PageCount(16), "noise can only be swapped: {census:?}");
    assert_eq!((pool.usage().shared, pool.shared_by(vm.group())), (PageCount(2), PageCount(2)));
    assert_eq!(vm.counts().swapped_out, 16);
    vm.audit().unwrap();
    pool.audit().unwrap();
}

#[test]
fn what_compresses_goes_to_the_zip_store_and_the_oldest_of_it_to_swap() {
    let pool = pool(100);
    let vm = vm(&pool, 1, 1, 64, 0);
    for page in 0..64 {
        let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
        let frame = pool.frame(pin.mfn());
        (0..64).for_each(|word| frame.store(word * 8, pattern((page as u8) << 2 | 3, word)));
    }
    let report = vm.reclaim(PageCount(44));
    let (census, stores) = (vm.census(), vm.stores());
    assert!(census.compressed.0 > 0 && census.swapped.0 > 0, "{report:?} {census:?}");
    assert_eq!(stores.zip.pages, census.compressed);
    assert!(stores.zip.frames <= PageCount(8), "the store keeps to its limit: {stores:?}");
    for page in 0..64 {
        let mfn = vm.resolve(Gfn(FIRST.0 + page), Use::Read).unwrap();
        assert_eq!(pool.frame(mfn).load::<u64>(8), pattern((page as u8) << 2 | 3, 1));
    }
    assert_eq!(vm.counts().decompressed, census.compressed.0);
    assert_eq!(vm.counts().swapped_in, census.swapped.0);
    vm.audit().unwrap();
}

#[test]
fn a_vm_is_not_taken_from_below_its_reservation() {
    let pool = pool(100);
    let vm = vm(&pool, 1, 1, 64, 40);
    for page in 0..64 {
        let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
        (0..512).for_each(|word| pool.frame(pin.mfn()).store(word * 8, pattern((page as u8) << 2 | 3, word)));
    }
    assert_eq!(vm.reclaim(PageCount(64)).freed, 24);
    assert_eq!(vm.held(), PageCount(40), "INV-6");
}

#[test]
fn pages_used_lately_stay() {
    let pool = pool(200);
    let vm = vm(&pool, 1, 1, 160, 0);
    fill(&vm, 160);
    let noise: Vec<u64> = (0..160).filter(|page| page % 4 == 3).collect();
    let hot = &noise[..8];
    // Two rounds: the first watches the pages, then the hot ones are used, as ever.
    for _ in 0..6 {
        for &page in hot {
            vm.resolve(Gfn(FIRST.0 + page), Use::Read).unwrap();
        }
        vm.reclaim(PageCount(12));
    }
    let out =
        |page: &&u64| matches!(vm.pmap().state(Gfn(FIRST.0 + **page)), Some((PageState::Swapped(_), _)));
    let (hot_out, cold_out) = (hot.iter().filter(out).count(), noise[8..].iter().filter(out).count());
    assert!(hot_out < 3 && cold_out > 10, "{hot_out} of 8 hot pages went, {cold_out} of 32 cold ones");
}

#[test]
fn who_finds_no_frame_waits_until_one_is_reclaimed() {
    let pool = pool(8);
    let vms = [vm(&pool, 1, 1, 8, 0), vm(&pool, 2, 2, 8, 0)];
    let rung = Arc::new(AtomicBool::new(false));
    let bell = Arc::clone(&rung);
    pool.set_bell(PageCount(0), Some(Arc::new(move || bell.store(true, Ordering::SeqCst))));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !rung.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            while vms[1].census().private.0 < 8 {
                vms[0].reclaim(PageCount(1));
                vms[1].reclaim(PageCount(0));
            }
        });
        for vm in &vms {
            for page in 0..8 {
                let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
                (0..512).for_each(|word| {
                    pool.frame(pin.mfn()).store(word * 8, pattern((page as u8) << 2 | 3, word));
                });
            }
        }
    });
    assert!(vms[1].counts().stalls > 0);
    assert_eq!(vms[0].census().private, PageCount(0));
}

#[test]
fn an_allowance_holds_a_vm_back_and_its_end_lets_it_go() {
    let pool = pool(8);
    let vm = vm(&pool, 1, 1, 8, 0);
    vm.set_allowance(PageCount(2));
    std::thread::scope(|scope| {
        let touching = scope.spawn(|| {
            (0..8).map(|page| vm.resolve(Gfn(FIRST.0 + page), Use::Write)).take_while(Result::is_ok).count()
        });
        while vm.census().private.0 < 2 {
            std::thread::yield_now();
        }
        vm.set_allowance(PageCount(4));
        while vm.census().private.0 < 4 {
            std::thread::yield_now();
        }
        vm.end();
        assert_eq!(touching.join().unwrap(), 4);
    });
}

#[test]
fn pages_of_threads_survive_everything_at_once() {
    const PAGES: u64 = 96;
    let rounds = if cfg!(debug_assertions) { 1_500 } else { 20_000 };
    let pool = pool(PAGES);
    let vms = [vm(&pool, 1, 1, PAGES, 8), vm(&pool, 2, 1, PAGES, 8)];
    let stop = AtomicBool::new(false);
    let everything_happened = || {
        let counts = vms[0].counts();
        counts.shared > 0 && counts.shares_broken > 0 && counts.swapped_in + counts.decompressed > 0
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let peer = |id: VmId| Some(Arc::clone(&vms[id.0 as usize - 1]));
            let mut turn = 0u64;
            while !stop.load(Ordering::Relaxed) {
                turn += 1;
                for vm in &vms {
                    vm.scan(PageCount(PAGES / 4), &peer);
                    vm.reclaim(PageCount(turn % 24));
                    vm.end_sample(vm.begin_sample([turn, turn * 7]));
                    vm.move_pages(&[Gfn(FIRST.0 + turn % PAGES)]);
                    vm.audit().unwrap();
                }
                pool.audit().unwrap();
            }
        });
        // Each page has a word for each thread and a seed that makes pages of two kinds equal.
        let workers: Vec<_> = (0..2u64)
            .flat_map(|word| vms.iter().map(move |vm| (word, vm)))
            .map(|(word, vm)| {
                let pool = &pool;
                // A busy machine may be long in starting the thread above.
                let enough = |round| round >= rounds && (everything_happened() || round >= 1000 * rounds);
                scope.spawn(move || {
                    let mut mine = vec![0u64; PAGES as usize];
                    for round in (0..).take_while(|&round| !enough(round)) {
                        let page = (round * 31 + round / 7 * word) % PAGES;
                        let known = &mut mine[page as usize];
                        let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
                        let frame = pool.frame(pin.mfn());
                        assert_eq!(frame.load::<u64>(word * 8), *known, "INV-4: page {page}");
                        if round % 3 == 0 {
                            *known = round % 4;
                            frame.store(word * 8, *known);
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(everything_happened(), "{:?}", vms[0].counts());
    assert_eq!(PAGE_SIZE * pool.size().0, pool.size().bytes().0);
}

/// Fills pages with noise, of which each page is different.
pub(super) fn fill_with_noise(vm: &VmMemory, pages: u64) {
    for page in 0..pages {
        let pin = vm.pin(Gfn(FIRST.0 + page)).unwrap();
        let frame = vm.pool().frame(pin.mfn());
        (0..512).for_each(|word| frame.store(word * 8, pattern((page as u8) << 2 | 3, word)));
    }
}

#[test]
fn a_page_brings_along_those_behind_it_while_frames_are_to_spare() {
    let pool = pool(40);
    let vm = vm(&pool, 1, 1, 32, 0);
    fill_with_noise(&vm, 32);
    vm.reclaim(PageCount(32));
    assert_eq!(vm.census().swapped, PageCount(32));
    vm.resolve(FIRST, Use::Read).unwrap();
    assert_eq!(vm.census().private, PageCount(8));
    assert_eq!((vm.counts().swapped_in, vm.counts().read_ahead), (8, 7));
    // With as few frames as ring the bell, only what is wanted comes.
    pool.set_bell(PageCount(40), None);
    vm.resolve(Gfn(FIRST.0 + 16), Use::Read).unwrap();
    assert_eq!(vm.census().private, PageCount(9));
    for page in 0..32 {
        let mfn = vm.resolve(Gfn(FIRST.0 + page), Use::Read).unwrap();
        assert_eq!(pool.frame(mfn).load::<u64>(8), pattern((page as u8) << 2 | 3, 1));
    }
    vm.audit().unwrap();
}

#[test]
fn swapped_pages_come_back_for_the_asking_as_far_as_frames_are_to_spare() {
    let pool = pool(40);
    let vm = vm(&pool, 1, 1, 32, 0);
    fill_with_noise(&vm, 32);
    vm.reclaim(PageCount(32));
    pool.set_bell(PageCount(19), None);
    assert_eq!(vm.unswap(PageCount(100)), Ok(PageCount(20)), "the frames above the mark");
    assert_eq!(pool.usage().available(), PageCount(20));
    pool.set_bell(PageCount(0), None);
    assert_eq!(vm.unswap(PageCount(100)), Ok(PageCount(12)));
    assert_eq!(vm.census().private, PageCount(32));
    vm.audit().unwrap();
}
