//! Decoded code: for each machine frame the hart fetches from, its operations.
//!
//! **Model.** A [`CodePage`] has a slot for every halfword of a frame, decoded when first reached,
//! and a copy of the lines of 64 bytes that something was decoded from. Every time the hart comes to
//! a page by a TLB fill, these lines are compared with the frame; if one changed, the operations go.
//! `fence.i` drops what the TLB knows of instructions, which is the increment of a number there. So
//! nothing needs to watch the frame for writes, and a frame that left and came back with other content
//! is never mistaken for what it was.
//!
//! **Invariants.** What the TLB says of instructions needs no more checks: a page that makes room
//! for another frame is dropped from there first.
//!
//! **Concurrency.** Belongs to one hart; cells, not locks.
//!
//! Pages are made between slices, a few in advance. When there may be no more, one that was not entered
//! since the hand of a clock was there last makes room. [`Code::forget_unused`], called every so often,
//! drops all that were not entered in between; it empties the TLB of instructions, so that those in use
//! are entered again and are told from the others.
//!
//! **Cost.** 36 KiB a page, at most [`PAGES`] of them; a comparison is a few nanoseconds a line. Of a
//! page that is in use, a fifth of its lines and a fourteenth of its slots are decoded on average.

use crate::op::{At, Op};
use crate::ops;
use addr::{Gva, Mfn};
use machine::{Frame, Pool};
use mmu::Mmu;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// Halfwords in a page.
pub(crate) const HALFWORDS: usize = 2048;
/// Lines in a page, and words of eight bytes and halfwords in a line.
const LINES: usize = 64;
const LINE_WORDS: usize = 8;
const LINE_HALFWORDS: usize = HALFWORDS / LINES;
/// Most code pages a hart keeps: code of 2 MiB. A boot of Debian decodes four times as much with half of them.
const PAGES: usize = 512;
/// Pages kept ready for a slice.
const SPARE: usize = 8;
/// Pages that address space is taken for: more than 32 MiB, which every allocator takes from the host
/// kernel by itself and gives back at once. Memory is taken for those there are.
const CAPACITY: usize = (33 << 20) / size_of::<CodePage>();
const _: () = assert!(PAGES <= CAPACITY);
const NO_FRAME: Mfn = Mfn(u64::MAX);

pub(crate) const UNDECODED: Op = Op { run: ops::undecoded, rd: 0, rs1: 0, rs2: 0, aux: 0, imm: 0 };
const PAGE_END: Op = Op { run: ops::page_end, rd: 0, rs1: 0, rs2: 0, aux: 0, imm: 0 };

/// The operations of one frame.
pub(crate) struct CodePage {
    ops: [Cell<Op>; HALFWORDS],
    /// The lines that something was decoded from, one bit each, and their bytes.
    lines: Cell<u64>,
    bytes: RefCell<[[u64; LINE_WORDS]; LINES]>,
    mfn: Cell<Mfn>,
    /// Entered since somebody looked.
    used: Cell<bool>,
}

impl CodePage {
    #[expect(clippy::large_stack_arrays, reason = "32 KiB, rarely, on a vCPU thread's megabytes of stack")]
    fn new() -> Self {
        Self {
            ops: [const { Cell::new(UNDECODED) }; HALFWORDS],
            lines: Cell::new(0),
            bytes: RefCell::new([[0; LINE_WORDS]; LINES]),
            mfn: Cell::new(NO_FRAME),
            used: Cell::new(false),
        }
    }

    /// The operation at `at`. No operation of a page runs on beyond its last slot, see
    /// [`ops::page_end`], so nothing is lost by wrapping; it saves a check.
    #[inline(always)]
    pub(crate) fn op(&self, at: At) -> Op {
        debug_assert!(at.halfword() < HALFWORDS);
        self.ops[at.halfword() % HALFWORDS].get()
    }

    pub(crate) fn is_undecoded(&self, at: At) -> bool {
        std::ptr::fn_addr_eq(self.op(at).run, UNDECODED.run)
    }

    pub(crate) fn set(&self, at: At, op: Op) {
        self.ops[at.halfword()].set(op);
    }

    /// The halfword at `at`, which something is about to be decoded from.
    pub(crate) fn halfword(&self, pool: &Pool, at: At) -> u16 {
        let (line, within) = (at.halfword() / LINE_HALFWORDS, at.halfword() % LINE_HALFWORDS);
        let mut bytes = self.bytes.borrow_mut();
        if self.lines.get() & 1 << line == 0 {
            self.lines.set(self.lines.get() | 1 << line);
            bytes[line] = read_line(pool.frame(self.mfn.get()), line);
        }
        (bytes[line][within / 4] >> (within % 4 * 16)) as u16
    }

    /// Compares what was decoded with the frame, and starts anew if it differs.
    fn check(&self, pool: &Pool, mfn: Mfn) {
        if self.mfn.replace(mfn) != mfn || !self.is_unchanged(pool.frame(mfn)) {
            // Nothing is decoded but from these lines.
            if self.lines.replace(0) != 0 {
                self.ops.iter().for_each(|op| op.set(UNDECODED));
            }
        }
    }

    fn is_unchanged(&self, frame: Frame) -> bool {
        let bytes = self.bytes.borrow();
        let mut left = self.lines.get();
        while left != 0 {
            let line = left.trailing_zeros() as usize;
            if read_line(frame, line) != bytes[line] {
                return false;
            }
            left &= left - 1;
        }
        true
    }
}

fn read_line(frame: Frame, line: usize) -> [u64; LINE_WORDS] {
    std::array::from_fn(|word| frame.load(((line * LINE_WORDS + word) * 8) as u64))
}

/// A hart's decoded code.
pub(crate) struct Code {
    /// First those that hold a frame's code, then spare ones. They grow and shrink between slices.
    pages: Vec<CodePage>,
    filled: Cell<usize>,
    by_frame: RefCell<FxHashMap<Mfn, u32>>,
    /// The page that is asked next to make room.
    hand: Cell<usize>,
    /// A page of one instruction, in its first slot, for those that end a page or begin on one and
    /// end on the next: the slots behind it lead on from there.
    alone: Box<CodePage>,
    /// The instruction decoded there.
    alone_word: Cell<u32>,
}

impl Code {
    /// The most host memory that decoded code takes.
    pub(crate) const MOST_BYTES: u64 = ((PAGES + 1) * size_of::<CodePage>()) as u64;

    pub(crate) fn new() -> Self {
        let alone = Box::new(CodePage::new());
        alone.ops[1..].iter().for_each(|op| op.set(PAGE_END));
        Self {
            pages: Vec::with_capacity(CAPACITY),
            filled: Cell::new(0),
            by_frame: RefCell::default(),
            hand: Cell::new(0),
            alone,
            // Not an instruction, so it is never taken for one decoded already.
            alone_word: Cell::new(0),
        }
    }

    /// Sees to it that the slice that begins finds spare pages, as far as there may be any.
    #[inline]
    pub(crate) fn keep_spare(&mut self) {
        if self.pages.len() - self.filled.get() < SPARE && self.pages.len() < PAGES {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let wanted = (self.filled.get() + SPARE).min(PAGES);
        self.pages.resize_with(wanted, CodePage::new);
    }

    #[inline(always)]
    pub(crate) fn page(&self, index: u32) -> Option<&CodePage> {
        self.pages.get(index as usize)
    }

    /// The page for `mfn`, which `gva` leads to, compared with the frame just now and entered in the
    /// TLB.
    #[inline(never)]
    pub(crate) fn enter(&self, pool: &Pool, mmu: &mut Mmu, gva: Gva, mfn: Mfn) -> (u32, &CodePage) {
        let known = self.by_frame.borrow().get(&mfn).copied();
        let index = known.unwrap_or_else(|| self.make_room(mmu, mfn));
        let page = &self.pages[index as usize];
        page.used.set(true);
        page.check(pool, mfn);
        mmu.fill_fetch(gva, mfn, index);
        (index, page)
    }

    /// The page for an instruction that stands alone, given the way to decode it. Not inlined: a
    /// caller that held the operation on its stack could not go on by a jump.
    #[inline(never)]
    pub(crate) fn alone(&self, word: u32, decode: impl Fn(u32) -> Op) -> &CodePage {
        if self.alone_word.replace(word) != word || word == 0 {
            self.alone.set(At::of(0), decode(word));
        }
        &self.alone
    }

    /// The page for an instruction that stands alone, as it is.
    #[cfg(debug_assertions)]
    pub(crate) fn alone_again(&self) -> &CodePage {
        &self.alone
    }

    /// A page that holds nothing else, for `mfn`.
    fn make_room(&self, mmu: &mut Mmu, mfn: Mfn) -> u32 {
        let index = self.spare().unwrap_or_else(|| self.evict(mmu));
        self.by_frame.borrow_mut().insert(mfn, index as u32);
        index as u32
    }

    fn spare(&self) -> Option<usize> {
        let index = self.filled.get();
        let there = index < self.pages.len();
        there.then(|| self.filled.replace(index + 1))
    }

    /// Empties the page that the hand comes to, unless it was entered since the hand was there last.
    fn evict(&self, mmu: &mut Mmu) -> usize {
        let mut index = self.hand.get();
        while self.pages[index].used.replace(false) {
            index = (index + 1) % self.pages.len();
        }
        self.hand.set((index + 1) % self.pages.len());
        self.by_frame.borrow_mut().remove(&self.pages[index].mfn.get());
        mmu.drop_code(index as u32);
        index
    }

    /// Drops the pages that were not entered since this was called last, and gives their memory back.
    pub(crate) fn forget_unused(&mut self, mmu: &mut Mmu) {
        self.pages.truncate(self.filled.get());
        self.pages.retain(|page| page.used.replace(false));
        self.filled.set(self.pages.len());
        self.hand.set(0);
        let by_frame = self.pages.iter().enumerate().map(|(index, page)| (page.mfn.get(), index as u32));
        self.by_frame.replace(by_frame.collect());
        // Pages have moved, and who uses one enters it again.
        mmu.drop_instructions();
        // The allocator cuts the end off, where the memory is, and adds as much that nobody has touched.
        self.pages.shrink_to_fit();
        self.pages.reserve_exact(CAPACITY - self.pages.len());
    }

    /// Bytes of host memory that decoded code takes.
    pub(crate) fn bytes(&self) -> u64 {
        ((self.pages.len() + 1) * size_of::<CodePage>()) as u64
    }
}
