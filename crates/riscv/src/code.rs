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
//! **Cost.** 36 KiB a page, at most [`PAGES`] of them; a comparison is a few nanoseconds a line.

use crate::op::{At, Op};
use crate::ops;
use addr::{Gva, Mfn};
use machine::{Frame, Pool};
use mmu::Mmu;
use rustc_hash::FxHashMap;
use std::cell::{Cell, OnceCell, RefCell};

/// Halfwords in a page.
pub(crate) const HALFWORDS: usize = 2048;
/// Lines in a page, and words of eight bytes and halfwords in a line.
const LINES: usize = 64;
const LINE_WORDS: usize = 8;
const LINE_HALFWORDS: usize = HALFWORDS / LINES;
/// Code pages a hart keeps: code of 2 MiB.
const PAGES: usize = 512;
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
}

impl CodePage {
    #[expect(clippy::large_stack_arrays, reason = "32 KiB, rarely, on a vCPU thread's megabytes of stack")]
    fn new() -> Box<Self> {
        Box::new(Self {
            ops: [const { Cell::new(UNDECODED) }; HALFWORDS],
            lines: Cell::new(0),
            bytes: RefCell::new([[0; LINE_WORDS]; LINES]),
            mfn: Cell::new(NO_FRAME),
        })
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
            self.lines.set(0);
            self.ops.iter().for_each(|op| op.set(UNDECODED));
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
    pages: Box<[OnceCell<Box<CodePage>>]>,
    by_frame: RefCell<FxHashMap<Mfn, u32>>,
    /// The page that makes room next: they go in the order they came.
    oldest: Cell<usize>,
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
        let alone = CodePage::new();
        alone.ops[1..].iter().for_each(|op| op.set(PAGE_END));
        Self {
            pages: (0..PAGES).map(|_| OnceCell::new()).collect(),
            by_frame: RefCell::default(),
            oldest: Cell::new(0),
            alone,
            // Not an instruction, so it is never taken for one decoded already.
            alone_word: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn page(&self, index: u32) -> Option<&CodePage> {
        self.pages.get(index as usize)?.get().map(|page| &**page)
    }

    /// The page for `mfn`, which `gva` leads to, compared with the frame just now and entered in the
    /// TLB.
    #[inline(never)]
    pub(crate) fn enter(&self, pool: &Pool, mmu: &mut Mmu, gva: Gva, mfn: Mfn) -> (u32, &CodePage) {
        let known = self.by_frame.borrow().get(&mfn).copied();
        let index = known.unwrap_or_else(|| self.make_room(mmu, mfn));
        let page = self.pages[index as usize].get_or_init(CodePage::new);
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

    fn make_room(&self, mmu: &mut Mmu, mfn: Mfn) -> u32 {
        let index = self.oldest.get();
        self.oldest.set((index + 1) % PAGES);
        let mut by_frame = self.by_frame.borrow_mut();
        if let Some(old) = self.pages[index].get() {
            by_frame.remove(&old.mfn.get());
            mmu.drop_code(index as u32);
        }
        by_frame.insert(mfn, index as u32);
        index as u32
    }

    /// Bytes of host memory that decoded code takes.
    pub(crate) fn bytes(&self) -> u64 {
        let pages = self.pages.iter().filter(|page| page.get().is_some()).count() + 1;
        (pages * size_of::<CodePage>()) as u64
    }
}
