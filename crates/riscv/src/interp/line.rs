//! A line of decoded code: some of a frame's halfwords, and what they were decoded to.
//!
//! See [`code`](crate::interp::code) for what lines are part of.

use crate::interp::place::{At, LINE};
use addr::Mfn;
use machine::{Frame, Pool};
use std::cell::Cell;

/// Words of eight bytes that a line's operations stand for: its own, and one that its last instruction may end in.
const WORDS: usize = LINE / 4 + 1;
const _: () = assert!(LINE.is_power_of_two() && WORDS <= 64);

/// What the slots of a line hold.
pub(crate) trait Slot: Copy {
    /// What stands where nothing was decoded yet.
    const UNDECODED: Self;
    /// What stands where nothing is ever decoded: behind the end of a page.
    const PAGE_END: Self;

    /// Whether it is [`Slot::UNDECODED`].
    fn is_undecoded(self) -> bool;
}

/// The operations of a line.
pub(crate) struct Line<T> {
    ops: [Cell<T>; LINE],
    /// The words that something was decoded from, and for each whether it is.
    words: [Cell<u64>; WORDS],
    known: Cell<u64>,
    mfn: Cell<Mfn>,
    table: Cell<u32>,
    number: Cell<u32>,
}

impl<T: Slot> Line<T> {
    /// A line of no page, with the same operation everywhere.
    pub(crate) fn all(op: T) -> Self {
        Self {
            ops: std::array::from_fn(|_| Cell::new(op)),
            words: [const { Cell::new(0) }; WORDS],
            known: Cell::new(0),
            mfn: Cell::new(Mfn(0)),
            table: Cell::new(0),
            number: Cell::new(0),
        }
    }

    /// Begins anew as a line of the page with this table.
    pub(crate) fn begin(&self, table: u32, number: usize, mfn: Mfn) {
        self.table.set(table);
        self.number.set(number as u32);
        self.mfn.set(mfn);
        self.clear();
    }

    fn clear(&self) {
        self.known.set(0);
        self.ops.iter().for_each(|op| op.set(T::UNDECODED));
    }

    /// The slot of the operation at `at`, which is in this line. No operation goes on beyond the last of a line
    /// but to another, see [`next`](crate::interp::flow::next), so nothing is lost by wrapping; it saves a check.
    #[inline(always)]
    pub(crate) fn slot(&self, at: At) -> &Cell<T> {
        &self.ops[at.halfword() % LINE]
    }

    #[inline(always)]
    pub(crate) fn op(&self, at: At) -> T {
        self.slot(at).get()
    }

    pub(crate) fn is_undecoded(&self, at: At) -> bool {
        self.op(at).is_undecoded()
    }

    pub(crate) fn set(&self, at: At, op: T) {
        self.slot(at).set(op);
    }

    /// The table of its page.
    #[inline(always)]
    pub(crate) fn table(&self) -> u32 {
        self.table.get()
    }

    /// Which line of its page it is.
    pub(crate) fn number(&self) -> usize {
        self.number.get() as usize
    }

    /// Its page has another table from now on.
    pub(crate) fn move_to(&self, table: u32) {
        self.table.set(table);
    }

    /// The halfword at `at`, which something in this line is about to be decoded from.
    pub(crate) fn halfword(&self, pool: &Pool, at: At) -> u16 {
        let within = at.halfword() - self.number() * LINE;
        let word = within / 4;
        if self.known.get() & 1 << word == 0 {
            self.known.set(self.known.get() | 1 << word);
            self.words[word].set(self.read(pool.frame(self.mfn.get()), word));
        }
        (self.words[word].get() >> (within % 4 * 16)) as u16
    }

    fn read(&self, frame: Frame, word: usize) -> u64 {
        frame.load(((self.number() * LINE / 4 + word) * 8) as u64)
    }

    /// Compares what was decoded with the frame, and starts anew if it differs.
    pub(crate) fn check(&self, frame: Frame) {
        let mut left = self.known.get();
        while left != 0 {
            let word = left.trailing_zeros() as usize;
            if self.read(frame, word) != self.words[word].get() {
                self.clear();
                return;
            }
            left &= left - 1;
        }
    }
}
