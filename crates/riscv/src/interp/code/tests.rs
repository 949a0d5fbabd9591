//! Decoded code against a model: what memory holds, and what must still be known of it.

use super::*;
use crate::interp::place::HALFWORDS;
use addr::{ByteSize, Gfn, PageCount, VmId};
use machine::{Charge, VmMemory};
use mmu::Technique;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Frames with code: more lines than a hart keeps at least.
const FRAMES: u64 = 6;

/// A halfword that was decoded, of the size of an operation.
#[derive(Clone, Copy)]
struct Decoded([u64; 2]);

impl Slot for Decoded {
    const UNDECODED: Self = Self([1 << 16; 2]);
    const PAGE_END: Self = Self([2 << 16; 2]);

    fn is_undecoded(self) -> bool {
        self.0 == Self::UNDECODED.0
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The guest writes a halfword, and fences.
    Write(u64, usize, u16),
    /// The hart comes to an instruction.
    Come(u64, usize),
    Forget,
    /// The host limits how many lines there may be.
    Limit(usize),
    /// The pool has frames for a cache, or none.
    Frames(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let halfword = || (0..HALFWORDS / 16, prop::sample::select(vec![0, 1, 13])).prop_map(|(a, b)| a * 16 + b);
    prop_oneof![
        3 => (0..FRAMES, halfword(), any::<u16>()).prop_map(|(frame, at, value)| Step::Write(frame, at, value)),
        20 => (0..FRAMES, halfword()).prop_map(|(frame, at)| Step::Come(frame, at)),
        1 => Just(Step::Forget),
        1 => prop::sample::select(vec![0, LEAST_LINES + 9, LINES]).prop_map(Step::Limit),
        1 => any::<bool>().prop_map(Step::Frames),
    ]
}

struct World {
    pool: Pool,
    /// Of a VM that has no pages, in a pool that its caches are charged to.
    vm: VmMemory,
    /// What that pool's frames are for while caches have none.
    elsewhere: Charge,
    mmu: Mmu,
    code: Code<Decoded>,
    memory: BTreeMap<(u64, usize), u16>,
    /// What must be decoded still, as nothing it follows from changed and nothing had to make room.
    sure: BTreeSet<(u64, usize)>,
    /// Lines of frames that were reached since lines were forgotten or had to make room.
    reached: BTreeSet<(u64, usize)>,
}

impl World {
    fn new() -> Self {
        let charged = Pool::new(ByteSize::mib(16)).expect("a small pool fits");
        let vm = VmMemory::new(&charged, VmId(1), Gfn(0), PageCount(0)).expect("it asks for nothing");
        vm.charge_caches();
        Self {
            pool: Pool::new(ByteSize::mib(1)).expect("a small pool fits"),
            mmu: Mmu::new(Technique::Hardware, &vm),
            code: Code::new(vm.new_cache()),
            elsewhere: charged.charge(PageCount(0)),
            vm,
            memory: BTreeMap::new(),
            sure: BTreeSet::new(),
            reached: BTreeSet::new(),
        }
    }

    fn gva(frame: u64) -> Gva {
        Gva(0x4000_0000 + frame * 0x1000)
    }

    fn holds(&self, frame: u64, halfword: usize) -> u16 {
        self.memory.get(&(frame, halfword)).copied().unwrap_or(0)
    }

    fn step(&mut self, step: &Step) {
        self.code.keep_spare();
        match *step {
            Step::Write(frame, halfword, value) => {
                self.pool.store(Mfn(frame).base().wrapping_add(halfword as u64 * 2), value);
                self.memory.insert((frame, halfword), value);
                self.mmu.drop_instructions();
                // A word is known to the line it is in, and to the one before if it is the first.
                let concerned =
                    [halfword, halfword.saturating_sub(4)].map(|halfword| At::of(halfword).line());
                self.sure.retain(|&(of, at)| of != frame || !concerned.contains(&At::of(at).line()));
            }
            Step::Come(frame, halfword) => self.come(frame, halfword),
            Step::Forget => {
                self.code.forget_unused(&mut self.mmu);
                let reached = std::mem::take(&mut self.reached);
                self.sure.retain(|&(frame, at)| reached.contains(&(frame, At::of(at).line())));
                assert!(self.code.lines.len() <= reached.len(), "what was not reached is gone");
                let frames: BTreeSet<u64> = reached.iter().map(|(frame, _)| *frame).collect();
                assert!(self.code.pages.len() <= frames.len(), "pages without lines are gone");
            }
            Step::Limit(lines) => {
                self.code.limit(&mut self.mmu, (lines * size_of::<Line<Decoded>>()) as u64);
                assert!(self.code.lines.len() <= lines.max(LEAST_LINES));
                if lines < LINES {
                    self.sure.clear();
                }
            }
            Step::Frames(true) => self.elsewhere.set(PageCount(0)),
            Step::Frames(false) => {
                self.elsewhere.set(self.vm.pool().usage().available());
                self.sure.clear();
            }
        }
    }

    fn come(&mut self, frame: u64, halfword: usize) {
        let gva = Self::gva(frame);
        let table = if let Some((table, _)) = self.mmu.tlb().fetch(gva) {
            table
        } else {
            self.code.enter(&self.pool, &mut self.mmu, gva, Mfn(frame))
        };
        let at = At::of(halfword);
        let line = match self.code.line(table, at) {
            Some(line) => line,
            None => self.code.line_made(&self.pool, &mut self.mmu, table, at),
        };
        self.reached.insert((frame, at.line()));
        if line.is_undecoded(at) {
            assert!(!self.sure.contains(&(frame, halfword)), "{frame} {halfword} was decoded");
            let decoded = line.halfword(&self.pool, at);
            line.set(at, Decoded([decoded.into(), 0]));
        }
        assert_eq!(line.op(at).0[0], u64::from(self.holds(frame, halfword)), "{frame} {halfword}");
        if self.code.limit == LINES && self.elsewhere.count().0 == 0 {
            self.sure.insert((frame, halfword));
        }
    }

    fn check(&self) {
        let caches = self.vm.caches();
        assert_eq!(caches.used.0, self.code.bytes(), "all of it is counted");
        assert!(caches.charged.bytes() >= caches.used, "{caches:?}");
        let least = CacheCharge::most(bytes_of::<Decoded>(LEAST_LINES, PAGES)).pages();
        let usage = self.vm.pool().usage();
        assert!(usage.deficit() <= least, "beyond what it needs it grows where frames are free: {usage:?}");
        let mut seen = BTreeSet::new();
        for (place, id) in self.code.tables.iter().enumerate().filter(|(_, id)| id.get() != NONE) {
            let id = id.get() & !HIDDEN;
            let line = &self.code.lines[id as usize];
            assert!(seen.insert(id), "line {id} is in two places");
            assert_eq!(line.table() as usize + line.number(), place);
            assert!((line.table() as usize).is_multiple_of(LINES_IN_PAGE) && line.number() < LINES_IN_PAGE);
        }
        for frame in 0..FRAMES {
            if let Some((table, mfn)) = self.mmu.tlb().fetch(Self::gva(frame)) {
                assert_eq!(mfn, Mfn(frame));
                let page = table as usize / LINES_IN_PAGE;
                assert_eq!(self.code.pages[page].get(), mfn, "the TLB is right about page {page}");
            }
        }
        assert!(self.code.bytes() <= Code::<Decoded>::MOST_BYTES);
        for free in self.code.free_lines.borrow().iter() {
            assert!(!seen.contains(free), "line {free} is in use");
        }
    }
}

proptest! {
    #[test]
    fn what_is_decoded_follows_from_memory(steps in prop::collection::vec(step(), 1..400)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
    }
}
