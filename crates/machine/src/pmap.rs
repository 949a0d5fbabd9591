//! The pmap: what each page of one VM is at present.
//!
//! **Model.** A radix table over the 27 low bits of the gfn, three levels of 512, as a processor's
//! nested page table is; the two-stage walk of `mmu` reads it as exactly that. A leaf entry is one
//! 64-bit word:
//!
//! ```text
//!   63            12 11      4   3      2..0
//!  |  mfn           |   0     | passage | state |
//! ```
//!
//! **Concurrency.** Readers load the entry. A writer first sets the passage bit by compare-and-swap
//! and then alone may change the entry, until it publishes one without the bit.
//!
//! **Cost.** 8 bytes a page, allocated with the VM.

use addr::{Gfn, Mfn, PAGE_SHIFT, PageCount};
use std::sync::atomic::{AtomicU64, Ordering};

const FANOUT: usize = 512;
const STATE: u64 = 0b111;
const PASSAGE: u64 = 0b1000;

/// What a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageState {
    /// Never used: reads as zeros, has no frame.
    Untouched,
    /// Has a frame of its own.
    Private(Mfn),
}

impl PageState {
    const fn encode(self) -> u64 {
        match self {
            Self::Untouched => 0,
            Self::Private(mfn) => mfn.0 << PAGE_SHIFT | 1,
        }
    }

    fn decode(entry: u64) -> Self {
        match entry & STATE {
            0 => Self::Untouched,
            1 => Self::Private(Mfn(entry >> PAGE_SHIFT)),
            other => unreachable!("INV-5: page state {other} is never stored"),
        }
    }
}

/// What a processor or device finds when it looks a page up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// The page is in this frame and may be read and written there.
    Mapped(Mfn),
    /// The page must first be made ready with [`crate::VmMemory::resolve`], outside any hart's lock.
    NeedsWork,
    /// The gfn is not memory.
    Outside,
}

type Leaf = [AtomicU64; FANOUT];
type Middle = [Option<Box<Leaf>>; FANOUT];

/// A VM's map from pages to their states. See the module's documentation.
pub struct Pmap {
    root: Box<[Option<Box<Middle>>; FANOUT]>,
    first: Gfn,
    size: PageCount,
}

fn empty_leaf() -> Box<Leaf> {
    Box::new([const { AtomicU64::new(0) }; FANOUT])
}

impl Pmap {
    /// The first gfn a pmap cannot hold: 2²⁷, 512 GiB.
    pub const END: Gfn = Gfn(1 << 27);

    /// A map of `size` untouched pages from `first` on.
    ///
    /// # Panics
    /// If the range ends beyond [`Pmap::END`].
    pub(crate) fn new(first: Gfn, size: PageCount) -> Self {
        assert!(first.0 + size.0 <= Self::END.0, "{size:?} from {first:?} fit the pmap");
        let mut root: Box<[Option<Box<Middle>>; FANOUT]> = Box::new([const { None }; FANOUT]);
        for leaf in first.0 / FANOUT as u64..(first.0 + size.0).div_ceil(FANOUT as u64) {
            let (high, low) = (leaf as usize / FANOUT, leaf as usize % FANOUT);
            root[high].get_or_insert_with(|| Box::new([const { None }; FANOUT]))[low] = Some(empty_leaf());
        }
        Self { root, first, size }
    }

    /// The first page of memory.
    pub fn first(&self) -> Gfn {
        self.first
    }

    /// How many pages of memory there are.
    pub fn size(&self) -> PageCount {
        self.size
    }

    /// The pages of memory in order.
    pub fn pages(&self) -> impl Iterator<Item = Gfn> + use<> {
        (self.first.0..self.first.0 + self.size.0).map(Gfn)
    }

    /// Whether the gfn is memory.
    #[inline]
    pub fn contains(&self, gfn: Gfn) -> bool {
        gfn.0.wrapping_sub(self.first.0) < self.size.0
    }

    #[inline(always)]
    fn cell(&self, gfn: Gfn) -> Option<&AtomicU64> {
        if !self.contains(gfn) {
            return None;
        }
        let middle = self.root[(gfn.0 >> 18) as usize % FANOUT].as_ref()?;
        let leaf = middle[(gfn.0 >> 9) as usize % FANOUT].as_ref()?;
        Some(&leaf[gfn.0 as usize % FANOUT])
    }

    /// Looks a page up the way a nested walk does.
    #[inline(always)]
    pub fn lookup(&self, gfn: Gfn) -> Lookup {
        match self.cell(gfn).map(|cell| cell.load(Ordering::SeqCst)) {
            None => Lookup::Outside,
            Some(entry) if entry & (STATE | PASSAGE) == 1 => Lookup::Mapped(Mfn(entry >> PAGE_SHIFT)),
            Some(_) => Lookup::NeedsWork,
        }
    }

    /// The page's state, and whether it is in passage to another; `None` if the gfn is not memory.
    pub fn state(&self, gfn: Gfn) -> Option<(PageState, bool)> {
        let entry = self.cell(gfn)?.load(Ordering::SeqCst);
        Some((PageState::decode(entry), entry & PASSAGE != 0))
    }

    /// Takes the page into passage if it is in `state` and not in passage already.
    pub(crate) fn begin_passage(&self, gfn: Gfn, state: PageState) -> bool {
        let cell = self.cell(gfn).expect("passages begin on memory");
        let entry = state.encode();
        cell.compare_exchange(entry, entry | PASSAGE, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Ends the passage begun by the caller: from here on the page is in `state`.
    pub(crate) fn publish(&self, gfn: Gfn, state: PageState) {
        let before = self.cell(gfn).expect("passages end on memory").swap(state.encode(), Ordering::SeqCst);
        assert_ne!(before & PASSAGE, 0, "INV-1: {gfn:?} is published out of a passage");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_outside_memory_are_told_apart() {
        let pmap = Pmap::new(Gfn(0x80000), PageCount(1000));
        assert_eq!(pmap.lookup(Gfn(0x7ffff)), Lookup::Outside);
        assert_eq!(pmap.lookup(Gfn(0x80000 + 1000)), Lookup::Outside);
        assert_eq!(pmap.lookup(Gfn(u64::MAX >> 12)), Lookup::Outside);
        assert_eq!(pmap.lookup(Gfn(0x80000 + 999)), Lookup::NeedsWork);
    }

    #[test]
    fn a_page_in_passage_is_not_mapped() {
        let pmap = Pmap::new(Gfn(0), PageCount(1));
        let private = PageState::Private(Mfn(7));
        assert!(!pmap.begin_passage(Gfn(0), private));
        assert!(pmap.begin_passage(Gfn(0), PageState::Untouched));
        assert!(!pmap.begin_passage(Gfn(0), PageState::Untouched), "one passage at a time");
        pmap.publish(Gfn(0), private);
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::Mapped(Mfn(7)));
        assert!(pmap.begin_passage(Gfn(0), private));
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::NeedsWork);
        assert_eq!(pmap.state(Gfn(0)), Some((private, true)));
    }
}
