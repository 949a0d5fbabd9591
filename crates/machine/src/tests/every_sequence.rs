//! All that can be done to two VMs of three pages on four frames, in every order, up to a few steps: what
//! random sequences may miss. Sequences that lead to the same state go on from there once.

use super::overcommit::pattern;
use super::{FIRST, pool};
use crate::clock::Clock;
use crate::pages::entry::Watches;
use crate::{Backing, MemoryError, PageState, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};
use addr::{Gfn, Mfn, PageCount, VmId};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const VMS: usize = 2;
const PAGES: u64 = 3;
const FRAMES: u64 = 4;
const STEPS: usize = if cfg!(debug_assertions) { 3 } else { 5 };

/// Zeros, what compresses, and what does not.
const CONTENTS: [u8; 3] = [0, 1, 3];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    Write(usize, u64, u8),
    Read(usize, u64),
    Inflate(usize, u64),
    Discard(usize, u64),
    Move(usize, u64),
    Watch(usize, u64),
    Scan(usize),
    Reclaim(usize),
}

fn all_steps() -> Vec<Step> {
    let of_page = |(v, page)| {
        let others = [Step::Read, Step::Inflate, Step::Discard, Step::Move, Step::Watch];
        let others = others.into_iter().map(move |step: fn(usize, u64) -> Step| step(v, page));
        CONTENTS.into_iter().map(move |content| Step::Write(v, page, content)).chain(others)
    };
    let pages = (0..VMS).flat_map(|v| (0..PAGES).map(move |page| (v, page)));
    pages.flat_map(of_page).chain((0..VMS).flat_map(|v| [Step::Scan(v), Step::Reclaim(v)])).collect()
}

impl Step {
    fn page(self) -> Option<(usize, u64)> {
        match self {
            Self::Write(v, page, _)
            | Self::Read(v, page)
            | Self::Inflate(v, page)
            | Self::Discard(v, page)
            | Self::Move(v, page)
            | Self::Watch(v, page) => Some((v, page)),
            Self::Scan(_) | Self::Reclaim(_) => None,
        }
    }

    /// Whether this is the first of the sequences that differ only in the numbers of pages and VMs:
    /// no page comes before those of lower number, and the first VM comes first.
    fn goes_on_from(self, before: &[Step]) -> bool {
        let Some((v, page)) = self.page() else { return true };
        let came = |wanted| before.iter().any(|step| step.page() == Some(wanted));
        page == 0 || came((v, page - 1))
    }
}

struct World {
    pool: Pool,
    vms: Vec<Arc<VmMemory>>,
    model: [[u8; PAGES as usize]; VMS],
}

impl World {
    fn new(pool: &Pool, swap_dir: &Path) -> Self {
        let vm = |id| {
            let swap = SwapFile::create(swap_dir, PageCount(PAGES)).expect("disk space");
            let stores = Stores::new(PageCount(1), Some(swap));
            let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores };
            let memory = VmMemory::with_backing(pool, VmId(id), FIRST, PageCount(PAGES), backing);
            Arc::new(memory.expect("nothing is reserved"))
        };
        Self { pool: pool.clone(), vms: (1..=VMS as u32).map(vm).collect(), model: Default::default() }
    }

    /// Makes everything as it was at first, but for the order in which frames and slots are handed out:
    /// new swap files would take most of the time.
    fn reset(&mut self) {
        for vm in &self.vms {
            vm.discard(vm.pmap().pages());
            for watches in [Watches::IDLE, Watches::SAMPLED] {
                vm.pmap().pages().for_each(|gfn| vm.pmap().unwatch(gfn, watches));
            }
            vm.scan_hand.store(0, Ordering::Relaxed);
            *vm.clock.lock() = Clock::new(PageCount(PAGES));
        }
        self.model = Default::default();
        let usage = self.pool.usage();
        assert_eq!((usage.free, usage.zip.0), (usage.total, 0), "INV-5: nothing is left");
    }

    fn make_room(&self) {
        for vm in &self.vms {
            if self.pool.usage().available().0 > 0 {
                return;
            }
            vm.reclaim(PageCount(1));
        }
        assert!(self.pool.usage().available().0 > 0, "INV-7: {:?}", self.pool.usage());
    }

    fn step(&mut self, step: Step) -> Result<(), MemoryError> {
        self.make_room();
        let gfn = |page: u64| Gfn(FIRST.0 + page);
        match step {
            Step::Write(v, page, content) => {
                let pin = self.vms[v].pin(gfn(page))?;
                let frame = self.pool.frame(pin.mfn());
                (0..512).for_each(|word| frame.store(word * 8, pattern(content, word)));
                self.model[v][page as usize] = content;
            }
            Step::Read(v, page) => {
                let mfn = self.vms[v].resolve(gfn(page), Use::Read)?;
                assert!(self.holds(mfn, self.model[v][page as usize]), "INV-4: {step:?}");
            }
            Step::Inflate(v, page) => {
                assert_eq!(self.vms[v].inflate(&[gfn(page)]).refused, 0);
                self.model[v][page as usize] = 0;
            }
            Step::Discard(v, page) => {
                assert_eq!(self.vms[v].discard([gfn(page)].into_iter()).refused, 0);
                self.model[v][page as usize] = 0;
            }
            Step::Move(v, page) => _ = self.vms[v].move_pages(&[gfn(page)]),
            Step::Watch(v, page) => _ = self.vms[v].begin_sample([page]),
            Step::Scan(v) => {
                let peer = |id: VmId| Some(Arc::clone(&self.vms[id.0 as usize - 1]));
                self.vms[v].scan(PageCount(PAGES), &peer);
            }
            Step::Reclaim(v) => assert_eq!(self.vms[v].reclaim(PageCount(1)).failure, None),
        }
        Ok(())
    }

    fn holds(&self, mfn: Mfn, content: u8) -> bool {
        let frame = self.pool.frame(mfn);
        (0..512).all(|word| frame.load::<u64>(word * 8) == pattern(content, word))
    }

    /// Everything must be as it is said to be, without touching any of it.
    fn audit(&self) {
        self.pool.audit().unwrap();
        for (vm, model) in self.vms.iter().zip(&self.model) {
            vm.audit().unwrap();
            for (gfn, &content) in vm.pmap().pages().zip(model) {
                let (state, _) = vm.pmap().state(gfn).expect("it is memory");
                match state.frame() {
                    Some(mfn) => assert!(self.holds(mfn, content), "INV-4: {gfn:?} of {:?}", vm.id()),
                    None if matches!(state, PageState::Untouched | PageState::Ballooned { .. }) => {
                        assert_eq!(content, 0, "INV-4: {gfn:?} of {:?} is {state:?}", vm.id());
                    }
                    None => {
                        let mut page = [0; _];
                        vm.stores.read(gfn, state, &mut page).unwrap();
                        let mut words = page.as_chunks::<8>().0.iter().zip(0..);
                        let same = |(bytes, word): (&[u8; 8], _)| {
                            u64::from_le_bytes(*bytes) == pattern(content, word)
                        };
                        assert!(words.all(same), "INV-4: {gfn:?} of {:?}", vm.id());
                    }
                }
            }
        }
    }

    /// What tells this state from others: which frame or slot it is does not.
    fn key(&self) -> Vec<u64> {
        let mut key = vec![self.pool.usage().free.0];
        for (vm, model) in self.vms.iter().zip(&self.model) {
            for (gfn, &content) in vm.pmap().pages().zip(model) {
                let (state, _) = vm.pmap().state(gfn).expect("it is memory");
                let kind = match state {
                    PageState::Untouched => 0,
                    PageState::Private(_) => 1,
                    PageState::Shared(_) => 2,
                    PageState::Zero(_) => 3,
                    PageState::Ballooned { freed } => 4 + 3 * u64::from(freed),
                    PageState::Compressed(_) => 5,
                    PageState::Swapped(_) => 6,
                };
                let watched = vm.pmap().watches(gfn);
                let watches = [Watches::IDLE, Watches::TOUCHED, Watches::WRITTEN]
                    .map(|watches| u64::from(watched.contain(watches)));
                key.extend([kind, u64::from(content)].into_iter().chain(watches));
            }
            key.extend(vm.clock.lock().hands());
        }
        key
    }
}

#[test]
fn every_sequence_of_a_few_steps_reads_as_last_written() {
    let pool = pool(FRAMES);
    // Nothing of this is to wait for a disk.
    let memory_disk = Path::new("/dev/shm");
    let temp_dir = std::env::temp_dir();
    let dir = if memory_disk.is_dir() { memory_disk } else { &temp_dir };
    let steps = all_steps();
    let mut world = World::new(&pool, dir);
    let mut seen = HashSet::new();
    let mut leading: Vec<Vec<Step>> = vec![Vec::new()];
    for _ in 0..STEPS {
        let mut next = Vec::new();
        for before in &leading {
            for &step in steps.iter().filter(|step| step.goes_on_from(before)) {
                for &earlier in before {
                    world.step(earlier).unwrap();
                }
                world.step(step).unwrap();
                world.audit();
                if seen.insert(world.key()) {
                    next.push([before.as_slice(), &[step]].concat());
                }
                world.reset();
            }
        }
        leading = next;
    }
    assert!(seen.len() > 1000, "{} states", seen.len());
}
