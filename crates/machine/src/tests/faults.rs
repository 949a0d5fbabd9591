//! Everything that may go wrong below a VM's memory, at any step: no frames, a disk that refuses or
//! forgets, damage in the zip store, pages whose hashes are all equal, processors that panic.
//!
//! Whatever happens, a read gives what was last written or says which page is lost; audits hold after
//! every step; in the end nothing is left of it.

use super::overcommit::{audit_sharing, pattern, vm};
use super::{FIRST, pool};
use crate::frame::TAKES_UNTIL_REFUSED;
use crate::share::COLLIDING;
use crate::{Charge, Holds, MemoryError, Pool, ShootDown, Use, VmMemory};
use addr::{Gfn, Mfn, PageCount, VmId};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const PAGES: u64 = 12;
const VMS: usize = 2;

/// Fails where `work` does, or when it takes longer than anything here may.
pub(super) fn within_a_minute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waited) = channel();
    let worker = std::thread::spawn(move || {
        let result = work();
        let _ = done.send(());
        result
    });
    let late = waited.recv_timeout(Duration::from_mins(1)) == Err(RecvTimeoutError::Timeout);
    assert!(!late, "INV-7: somebody waits for what never comes");
    worker.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Processors that panic at the `n`th shoot-down from now on, once.
#[derive(Default)]
struct Touchy(AtomicU32);

impl ShootDown for Touchy {
    fn take_away(&self, _: &[(Gfn, Mfn)]) {
        if self.0.load(Ordering::Relaxed) > 0 && self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Without the hook that prints panics.
            resume_unwind(Box::new("a shoot-down"));
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Fill(usize, u64, u8),
    Read(usize, u64),
    Scan(usize),
    Reclaim(usize, u64),
    Unswap(usize, u64),
    Inflate(usize, u64),
    Discard(usize, u64),
    Move(usize, u64),
    Sample(usize, u64),
    /// So many frames are not to be had, from here on.
    Overhead(u64),
    /// So many frames may be held.
    Allowance(usize, u64),
    Mark(u64),
    WritesFail(usize, bool),
    ReadsFail(usize, bool),
    Alter(usize, u64),
    Cut(usize),
    DamageZip(u64),
    Panic(usize, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let v = || 0..VMS;
    let at = || (v(), 0..PAGES);
    let step = prop_oneof![
        24 => (at(), any::<u8>()).prop_map(|((v, p), b)| Step::Fill(v, p, b)),
        12 => at().prop_map(|(v, p)| Step::Read(v, p)),
        8 => v().prop_map(Step::Scan),
        12 => (v(), 1..PAGES).prop_map(|(v, n)| Step::Reclaim(v, n)),
        3 => (v(), 1..PAGES).prop_map(|(v, n)| Step::Unswap(v, n)),
        3 => at().prop_map(|(v, p)| Step::Inflate(v, p)),
        3 => at().prop_map(|(v, p)| Step::Discard(v, p)),
        3 => at().prop_map(|(v, p)| Step::Move(v, p)),
        3 => at().prop_map(|(v, p)| Step::Sample(v, p)),
        2 => (0..8u64).prop_map(Step::Overhead),
        1 => (v(), 0..20u64).prop_map(|(v, n)| Step::Allowance(v, n)),
        1 => (0..8u64).prop_map(Step::Mark),
        3 => (v(), any::<bool>()).prop_map(|(v, on)| Step::WritesFail(v, on)),
        2 => (v(), any::<bool>()).prop_map(|(v, on)| Step::ReadsFail(v, on)),
        1 => (v(), any::<u64>()).prop_map(|(v, bit)| Step::Alter(v, bit)),
        1 => v().prop_map(Step::Cut),
        1 => any::<u64>().prop_map(Step::DamageZip),
        3 => (v(), 1..4u32).prop_map(|(v, n)| Step::Panic(v, n)),
    ];
    prop::collection::vec(step, 1..150)
}

/// A VM, what its pages must hold, and what was done to its stores.
struct Subject {
    memory: Arc<VmMemory>,
    processors: Arc<Touchy>,
    model: Vec<u8>,
    writes_fail: bool,
    reads_fail: bool,
    /// Damaged for good.
    damaged: bool,
}

struct World {
    pool: Pool,
    overhead: Charge,
    vms: Vec<Subject>,
}

impl World {
    fn new(frames: u64, reservation: u64) -> Self {
        let pool = pool(frames);
        let subject = |id| {
            let memory = vm(&pool, id, 1, PAGES, reservation);
            let processors = Arc::new(Touchy::default());
            memory.attach(&processors);
            let model = vec![0; PAGES as usize];
            Subject { memory, processors, model, writes_fail: false, reads_fail: false, damaged: false }
        };
        let vms = (1..=VMS as u32).map(subject).collect();
        Self { overhead: pool.charge(PageCount(0)), pool, vms }
    }

    /// Whether whoever wants a frame will get it; the host's loop has done what it could.
    fn has_room(&self, v: usize) -> bool {
        let memory = &self.vms[v].memory;
        let ready = || self.pool.usage().available().0 > 0 && memory.is_allowed_more();
        for subject in &self.vms {
            if !ready() {
                let _ = catch_unwind(AssertUnwindSafe(|| subject.memory.reclaim(PageCount(2))));
            }
        }
        ready()
    }

    fn step(&mut self, step: &Step) {
        let gfn = |page: u64| Gfn(FIRST.0 + page);
        match *step {
            Step::Fill(v, page, seed) => self.fill(v, page, seed),
            Step::Read(v, page) => self.read(v, page),
            Step::Scan(v) => {
                let peer = |id: VmId| Some(Arc::clone(&self.vms[id.0 as usize - 1].memory));
                self.vms[v].memory.scan(PageCount(PAGES), &peer);
            }
            Step::Reclaim(v, pages) => self.reclaim(v, pages),
            Step::Unswap(v, pages) => match self.vms[v].memory.unswap(PageCount(pages)) {
                Ok(brought) => assert!(brought.0 <= pages),
                Err(error) => self.assert_excused(v, &error),
            },
            Step::Inflate(v, page) => {
                if self.vms[v].memory.inflate(&[gfn(page)]).taken == 1 {
                    self.vms[v].model[page as usize] = 0;
                }
            }
            Step::Discard(v, page) => {
                if self.vms[v].memory.discard([gfn(page)].into_iter()).taken == 1 {
                    self.vms[v].model[page as usize] = 0;
                }
            }
            Step::Move(v, page) => _ = self.vms[v].memory.move_pages(&[gfn(page)]),
            Step::Sample(v, page) => {
                let memory = &self.vms[v].memory;
                let sample = memory.begin_sample([page, page + 1]);
                self.read(v, page);
                let sampled = self.vms[v].memory.end_sample(sample);
                assert_eq!(sampled.written, 0, "reading is not writing");
            }
            Step::Overhead(frames) => self.overhead.set(PageCount(frames)),
            Step::Allowance(v, frames) => self.vms[v].memory.set_allowance(PageCount(frames)),
            Step::Mark(frames) => {
                // A bell that looks at everything, as the host's loop would.
                let memories: Vec<_> = self.vms.iter().map(|vm| Arc::downgrade(&vm.memory)).collect();
                let bell = move || {
                    for memory in memories.iter().filter_map(std::sync::Weak::upgrade) {
                        memory.stores();
                        memory.reclaim(PageCount(0));
                    }
                };
                self.pool.set_bell(PageCount(frames), Some(Arc::new(bell)));
            }
            Step::Panic(v, n) => self.vms[v].processors.0.store(n, Ordering::Relaxed),
            Step::DamageZip(which) => self.damage_zip(which),
            Step::WritesFail(..) | Step::ReadsFail(..) | Step::Alter(..) | Step::Cut(..) => {
                self.harm_disk(step);
            }
        }
    }

    fn fill(&mut self, v: usize, page: u64, seed: u8) {
        if !self.has_room(v) {
            return;
        }
        match self.vms[v].memory.pin(Gfn(FIRST.0 + page)) {
            Ok(pin) => {
                let frame = self.pool.frame(pin.mfn());
                (0..512).for_each(|word| frame.store(word * 8, pattern(seed, word)));
            }
            Err(error) => return self.assert_excused(v, &error),
        }
        self.vms[v].model[page as usize] = seed;
    }

    fn read(&self, v: usize, page: u64) {
        if !self.has_room(v) {
            return;
        }
        match self.vms[v].memory.resolve(Gfn(FIRST.0 + page), Use::Read) {
            Ok(mfn) => {
                let frame = self.pool.frame(mfn);
                let seed = self.vms[v].model[page as usize];
                let wrong = (0..512).find(|&word| frame.load::<u64>(word * 8) != pattern(seed, word));
                assert_eq!(wrong, None, "INV-4: VM {v} page {page}");
            }
            Err(error) => {
                assert!(
                    matches!(error, MemoryError::Lost { gfn, .. } if gfn == Gfn(FIRST.0 + page)),
                    "{error}"
                );
                self.assert_excused(v, &error);
            }
        }
    }

    fn assert_excused(&self, v: usize, error: &MemoryError) {
        let subject = &self.vms[v];
        assert!(matches!(error, MemoryError::Lost { .. }), "{error}");
        assert!(subject.damaged || subject.reads_fail, "nothing happened to VM {v}, and {error}");
    }

    fn reclaim(&self, v: usize, pages: u64) {
        let subject = &self.vms[v];
        let (before, guaranteed) = (subject.memory.held(), subject.memory.reservation());
        let report = subject.memory.reclaim(PageCount(pages));
        assert!(report.failure.is_none() || subject.writes_fail, "{report:?}");
        let least = before.min(guaranteed);
        assert!(subject.memory.held() >= least, "INV-6: {before:?} of {guaranteed:?}, and {report:?}");
    }

    fn harm_disk(&mut self, step: &Step) {
        let swap = |v: usize| self.vms[v].memory.stores.swap().expect("these have one");
        match *step {
            Step::WritesFail(v, fail) => {
                swap(v).faults().writes.store(fail, Ordering::Relaxed);
                self.vms[v].writes_fail = fail;
            }
            Step::ReadsFail(v, fail) => {
                swap(v).faults().reads.store(fail, Ordering::Relaxed);
                self.vms[v].reads_fail = fail;
            }
            Step::Alter(v, bit) if !self.vms[v].damaged => {
                swap(v).alter(bit % (swap(v).usage().total.bytes().0 * 8));
                self.vms[v].damaged = true;
            }
            Step::Cut(v) => {
                swap(v).cut();
                self.vms[v].damaged = true;
            }
            _ => {}
        }
    }

    /// Flips a bit of a frame of a zip store.
    fn damage_zip(&mut self, which: u64) {
        let frames: Vec<(usize, Mfn)> = (0..self.pool.size().0)
            .filter_map(|mfn| match self.pool.holds(Mfn(mfn)) {
                Holds::Zip(VmId(id)) => Some((id as usize - 1, Mfn(mfn))),
                _ => None,
            })
            .collect();
        let Some(&(v, mfn)) = frames.get(which as usize % frames.len().max(1)) else { return };
        // A header and some compressed bytes of the first place; behind the largest place's half, another's.
        let word = [0, 1, 2, 3, 4, 256, 257, 258][(which >> 32) as usize % 8];
        let frame = self.pool.frame(mfn);
        frame.update::<u64>(word * 8, |old| old ^ 1 << ((which >> 40) % 64));
        self.vms[v].damaged = true;
    }

    fn audit(&self) {
        self.pool.audit().unwrap();
        let mut held = 0;
        for subject in &self.vms {
            let audit = subject.memory.audit();
            let excused = |found: &String| {
                const BY_DAMAGE: [&str; 3] =
                    ["INV-4", "INV-5: the zip store's order", "INV-7: the swap file's"];
                subject.damaged && BY_DAMAGE.iter().any(|start| found.starts_with(start))
            };
            assert!(audit.as_ref().err().is_none_or(excused), "{audit:?}");
            let census = subject.memory.census();
            assert_eq!(census.total(), PageCount(PAGES), "INV-5: {census:?}");
            held += subject.memory.held().0;
        }
        audit_sharing(&self.pool, self.vms.iter().map(|subject| &subject.memory));
        let usage = self.pool.usage();
        assert_eq!(held, usage.private.0 + usage.zip.0, "INV-5: {usage:?}");
    }
}

#[test]
fn a_vm_whose_zip_store_is_damaged_learns_it_and_the_others_go_on() {
    // Compressed bytes, then links. Found out when the page is used, when its guest gives it back, and when it is
    // to go out to make room, which passes over what cannot be read.
    for (word, by) in [(3, "use"), (2, "use"), (2, "discard"), (3, "room"), (2, "room")] {
        let pool = pool(60);
        let vms = [1, 2].map(|id| vm(&pool, id, 1, 24, 0));
        let told = Arc::new(AtomicU32::new(0));
        for (memory, seed) in vms.iter().zip([2, 6]) {
            let (told, id) = (Arc::clone(&told), memory.id());
            memory.on_loss(Box::new(move |loss| {
                assert_eq!(id, VmId(1), "{loss}");
                assert!(loss.to_string().contains("damaged in the zip store"), "{loss}");
                told.fetch_add(1, Ordering::Relaxed);
            }));
            for page in 0..24 {
                let frame = pool.frame(memory.pin(Gfn(FIRST.0 + page)).unwrap().mfn());
                (0..512).for_each(|word| frame.store(word * 8, pattern(seed, word % 40) + page));
            }
            memory.reclaim(PageCount(21));
            assert!(memory.census().compressed.0 >= 20, "{:?}", memory.census());
        }
        let zip = |mfn: &Mfn| pool.holds(*mfn) == Holds::Zip(VmId(1));
        for mfn in (0..60).map(Mfn).filter(zip) {
            pool.frame(mfn).update::<u64>(word * 8, |old| !old);
        }
        let pages = || vms[0].pmap().pages();
        match by {
            "use" => assert!(pages().filter(|&gfn| vms[0].resolve(gfn, Use::Read).is_err()).count() <= 3),
            "discard" => assert_eq!(vms[0].discard(pages()).taken, 24),
            _ => (0..50).for_each(|_| _ = vms[0].reclaim(PageCount(1))),
        }
        assert!(told.load(Ordering::Relaxed) > 0 || by == "room", "word {word}, {by}");
        for (page, gfn) in (0..).zip(vms[1].pmap().pages()) {
            let frame = pool.frame(vms[1].resolve(gfn, Use::Read).unwrap());
            assert!((0..512).all(|word| frame.load::<u64>(word * 8) == pattern(6, word % 40) + page));
        }
        vms[1].audit().unwrap();
        pool.audit().unwrap();
        drop(vms);
        assert_eq!(pool.usage().free, PageCount(60), "INV-5");
    }
}

fn run(steps: &[Step], frames: u64, reservation: u64, colliding: bool) {
    COLLIDING.set(colliding);
    let mut world = World::new(frames, reservation);
    for step in steps {
        let result = catch_unwind(AssertUnwindSafe(|| world.step(step)));
        if let Err(panic) = result
            && panic.downcast_ref() != Some(&"a shoot-down")
        {
            resume_unwind(panic);
        }
        world.audit();
    }
    for subject in &world.vms {
        subject.processors.0.store(0, Ordering::Relaxed);
    }
    for (v, page) in (0..VMS).flat_map(|v| (0..PAGES).map(move |page| (v, page))) {
        world.read(v, page);
    }
    let pool = world.pool.clone();
    drop(world);
    let usage = pool.usage();
    assert_eq!((usage.free, usage.reserved.0), (usage.total, 0), "INV-5: {usage:?}");
    pool.audit().unwrap();
}

/// Steps that take frames, write and read the swap file and compress in every way there is.
fn everything() -> Vec<Step> {
    let mut steps = Vec::new();
    for v in 0..VMS {
        // Zeros, equal, compressible and other pages.
        steps
            .extend((0..PAGES).map(|page| Step::Fill(v, page, [0, 1, 2, 3, 7, 1, 6, 11][page as usize % 8])));
        steps.extend([Step::Scan(v), Step::Reclaim(v, 3), Step::Read(v, 0), Step::Fill(v, 1, 5)]);
    }
    for v in 0..VMS {
        steps.extend([Step::Reclaim(v, PAGES), Step::Unswap(v, 4), Step::Move(v, 2), Step::Move(v, 3)]);
        steps.extend((0..PAGES).map(|page| Step::Read(v, page)));
        steps.extend([Step::Inflate(v, 4), Step::Fill(v, 4, 9), Step::Scan(v), Step::Fill(v, 5, 2)]);
    }
    steps
}

/// Plays `steps`, has `before` and `after` do something around each, and looks at everything after each.
fn play(steps: &[Step], before: impl Fn(&mut World, usize), after: impl Fn(&mut World)) {
    let mut world = World::new(20, 1);
    for (n, step) in steps.iter().enumerate() {
        before(&mut world, n);
        world.step(step);
        after(&mut world);
        world.audit();
    }
    for (v, page) in (0..VMS).flat_map(|v| (0..PAGES).map(move |page| (v, page))) {
        world.read(v, page);
    }
    let pool = world.pool.clone();
    drop(world);
    assert_eq!(pool.usage().free, pool.usage().total, "INV-5");
}

#[test]
fn whichever_frame_is_refused_nothing_is_lost() {
    within_a_minute(|| {
        let steps = everything();
        let mut n = 0;
        while TAKES_UNTIL_REFUSED.get() == 0 {
            n += 1;
            TAKES_UNTIL_REFUSED.set(n);
            play(&steps, |_, _| (), |_| ());
        }
        TAKES_UNTIL_REFUSED.set(0);
        assert!(n > 30, "{n} frames were taken");
    });
}

#[test]
fn at_whichever_step_the_disk_fails_nothing_is_lost() {
    within_a_minute(|| {
        let steps = everything();
        let set = |world: &mut World, writes: bool, fail: bool| {
            for v in 0..VMS {
                let step = if writes { Step::WritesFail(v, fail) } else { Step::ReadsFail(v, fail) };
                world.harm_disk(&step);
            }
        };
        for (writes, failing) in [true, false].into_iter().flat_map(|w| (0..steps.len()).map(move |n| (w, n)))
        {
            let before = |world: &mut World, n| set(world, writes, n == failing);
            play(&steps, before, |world| set(world, writes, false));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 48 } else { 400 }))]

    #[test]
    fn whatever_fails_nothing_reads_wrong_and_nothing_is_left_behind(
        steps in steps(), frames in 6..20u64, reservation in 0..3u64, colliding in any::<bool>(),
    ) {
        within_a_minute(move || run(&steps, frames, reservation, colliding));
    }
}
