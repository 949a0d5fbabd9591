//! The pmap: what each page of one VM is at present.
//!
//! **Model.** A radix table over the 27 low bits of the gfn, three levels of 512, as a processor's
//! nested page table is; the two-stage walk of `mmu` reads it as exactly that. A leaf entry is one
//! 64-bit word:
//!
//! ```text
//!   63                          12 11   7    6      5     4       3      2..0
//!  |  mfn, zip handle or swap slot |  0  | written | touched | idle | passage | state |
//!                                          \____ watches ____/
//! ```
//!
//! A *watch* makes the next use of a page noticed: a page with one is not mapped (`written`: not
//! writable), so that whoever wants it comes to [`crate::VmMemory::resolve`], which clears it.
//!
//! **Concurrency.** Readers load the entry. Watches are set and cleared by compare-and-swap. A writer
//! of the state first sets the passage bit by compare-and-swap and then alone may change the entry,
//! until it publishes one without the bit; see [`crate::passage`].
//!
//! **Cost.** 8 bytes a page, allocated with the VM.

use crate::swap::Slot;
use crate::zip::ZipHandle;
use addr::{Gfn, Mfn, PAGE_SHIFT, PageCount};
use std::sync::atomic::{AtomicU64, Ordering};

const FANOUT: usize = 512;
const STATE: u64 = 0b111;
const PASSAGE: u64 = 1 << 3;
const WATCHES: u64 = Watch::Idle.bit() | Watch::Touched.bit() | Watch::Written.bit();
/// With one of these set the page is not mapped at all.
const UNMAPPED: u64 = PASSAGE | Watch::Idle.bit() | Watch::Touched.bit();

/// What a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageState {
    /// Never used, or given back: reads as zeros, has no frame.
    Untouched,
    /// Has a frame of its own.
    Private(Mfn),
    /// In a frame with other pages of the same content; read-only.
    Shared(Mfn),
    /// Reads as zeros: in the pool's frame of zeros, read-only.
    Zero(Mfn),
    /// Handed over by the guest's balloon driver: has no frame and no content.
    Ballooned,
    /// Compressed, in the VM's zip store.
    Compressed(ZipHandle),
    /// In the VM's swap file.
    Swapped(Slot),
}

impl PageState {
    fn encode(self) -> u64 {
        let (payload, state) = match self {
            Self::Untouched => (0, 0),
            Self::Private(mfn) => (mfn.0, 1),
            Self::Shared(mfn) => (mfn.0, 2),
            Self::Zero(mfn) => (mfn.0, 3),
            Self::Ballooned => (0, 4),
            Self::Compressed(handle) => (handle.bits(), 5),
            Self::Swapped(slot) => (slot.bits(), 6),
        };
        payload << PAGE_SHIFT | state
    }

    fn decode(entry: u64) -> Self {
        let payload = entry >> PAGE_SHIFT;
        match entry & STATE {
            0 => Self::Untouched,
            1 => Self::Private(Mfn(payload)),
            2 => Self::Shared(Mfn(payload)),
            3 => Self::Zero(Mfn(payload)),
            4 => Self::Ballooned,
            5 => Self::Compressed(ZipHandle::from_bits(payload)),
            6 => Self::Swapped(Slot::from_bits(payload)),
            other => unreachable!("INV-5: page state {other} is never stored"),
        }
    }

    /// The frame the page's content is in, its own or shared.
    pub const fn frame(self) -> Option<Mfn> {
        match self {
            Self::Private(mfn) | Self::Shared(mfn) | Self::Zero(mfn) => Some(mfn),
            Self::Untouched | Self::Ballooned | Self::Compressed(_) | Self::Swapped(_) => None,
        }
    }
}

/// A use of a page that is to be noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watch {
    /// Any use, for choosing what to reclaim: see [`crate::reclaim`].
    Idle,
    /// Any use, for estimating the working set: see [`crate::sample`].
    Touched,
    /// A write, for the same.
    Written,
}

impl Watch {
    const fn bit(self) -> u64 {
        match self {
            Self::Idle => 1 << 4,
            Self::Touched => 1 << 5,
            Self::Written => 1 << 6,
        }
    }
}

/// What someone wants to do with a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Read it.
    Read,
    /// Write it, and read it.
    Write,
}

/// What a processor or device finds when it looks a page up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// The page is in this frame and may be read and written there.
    Mapped(Mfn),
    /// The page is in this frame and may be read there. Before a write it must be made ready.
    ReadOnly(Mfn),
    /// The page must first be made ready with [`crate::VmMemory::resolve`], outside any hart's lock.
    NeedsWork,
    /// The gfn is not memory.
    Outside,
}

impl Lookup {
    /// The frame, if the page may be put to this use in it.
    #[inline(always)]
    pub fn permits(self, wanted: Use) -> Option<Mfn> {
        match self {
            Self::Mapped(mfn) => Some(mfn),
            Self::ReadOnly(mfn) if wanted == Use::Read => Some(mfn),
            Self::ReadOnly(_) | Self::NeedsWork | Self::Outside => None,
        }
    }
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
    /// Bytes of host memory that each page of a VM costs in its pmap.
    pub const BYTES_PER_PAGE: u64 = size_of::<AtomicU64>() as u64;

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

    /// The `number`th page of memory, counted from 0 and round and round.
    pub(crate) fn page(&self, number: u64) -> Gfn {
        Gfn(self.first.0 + number % self.size.0)
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
        let Some(cell) = self.cell(gfn) else { return Lookup::Outside };
        let entry = cell.load(Ordering::SeqCst);
        let mfn = Mfn(entry >> PAGE_SHIFT);
        match entry & (STATE | UNMAPPED | Watch::Written.bit()) {
            1 => Lookup::Mapped(mfn),
            // Private with its writes watched, shared or zero, in that order.
            0b100_0001 | 2 | 0b100_0010 | 3 | 0b100_0011 => Lookup::ReadOnly(mfn),
            _ => Lookup::NeedsWork,
        }
    }

    /// The page's state, and whether it is in passage to another; `None` if the gfn is not memory.
    pub fn state(&self, gfn: Gfn) -> Option<(PageState, bool)> {
        let entry = self.cell(gfn)?.load(Ordering::SeqCst);
        Some((PageState::decode(entry), entry & PASSAGE != 0))
    }

    /// Takes the page into passage if it is memory, `suits` and is not in passage already; gives
    /// the state it is in.
    pub(crate) fn begin_passage(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<PageState> {
        let cell = self.cell(gfn)?;
        let mut entry = cell.load(Ordering::SeqCst);
        while entry & PASSAGE == 0 && suits(PageState::decode(entry)) {
            match cell.compare_exchange_weak(entry, entry | PASSAGE, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(PageState::decode(entry)),
                Err(now) => entry = now,
            }
        }
        None
    }

    /// Ends the passage begun by the caller: from here on the page is in `state`, with the watches
    /// it had if `unused`, else without.
    pub(crate) fn publish(&self, gfn: Gfn, state: PageState, unused: bool) {
        let cell = self.cell(gfn).expect("passages end on memory");
        let watches = if unused { cell.load(Ordering::SeqCst) & WATCHES } else { 0 };
        let before = cell.swap(state.encode() | watches, Ordering::SeqCst);
        assert_ne!(before & PASSAGE, 0, "INV-1: {gfn:?} is published out of a passage");
    }

    fn change(&self, gfn: Gfn, change: impl Fn(u64) -> Option<u64>) -> bool {
        let Some(cell) = self.cell(gfn) else { return false };
        cell.try_update(Ordering::SeqCst, Ordering::SeqCst, change).is_ok()
    }

    /// Sets a watch on a page in a frame, unless the page is in passage. Translations made before
    /// must then be taken away for it to notice anything.
    pub(crate) fn watch(&self, gfn: Gfn, watch: Watch) -> bool {
        self.change(gfn, |entry| (entry & PASSAGE == 0).then_some(entry | watch.bit()))
    }

    /// Whether the watch is still set: nobody used the page in the way it waits for.
    pub(crate) fn is_watched(&self, gfn: Gfn, watch: Watch) -> bool {
        self.cell(gfn).is_some_and(|cell| cell.load(Ordering::SeqCst) & watch.bit() != 0)
    }

    /// Clears one watch. A page in passage keeps it, until its next use.
    pub(crate) fn unwatch(&self, gfn: Gfn, watch: Watch) {
        self.change(gfn, |entry| (entry & PASSAGE == 0).then_some(entry & !watch.bit()));
    }

    /// Clears the watches that a use of a page in a frame is noticed by; says whether any was set.
    pub(crate) fn notice(&self, gfn: Gfn, wanted: Use) -> bool {
        let noticed = match wanted {
            Use::Read => Watch::Idle.bit() | Watch::Touched.bit(),
            Use::Write => WATCHES,
        };
        self.change(gfn, |entry| {
            let resident = PageState::decode(entry).frame().is_some();
            (resident && entry & PASSAGE == 0 && entry & noticed != 0).then_some(entry & !noticed)
        })
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
        let untouched = |state| state == PageState::Untouched;
        assert_eq!(pmap.begin_passage(Gfn(0), |state| state == private), None);
        assert_eq!(pmap.begin_passage(Gfn(0), untouched), Some(PageState::Untouched));
        assert_eq!(pmap.begin_passage(Gfn(0), untouched), None, "one passage at a time");
        pmap.publish(Gfn(0), private, false);
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::Mapped(Mfn(7)));
        assert_eq!(pmap.begin_passage(Gfn(0), |_| true), Some(private));
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::NeedsWork);
        assert_eq!(pmap.state(Gfn(0)), Some((private, true)));
    }

    #[test]
    fn every_state_comes_back_as_it_went() {
        let pmap = Pmap::new(Gfn(0), PageCount(1));
        let largest = (1 << 40) - 1;
        for (state, lookup) in [
            (PageState::Untouched, Lookup::NeedsWork),
            (PageState::Private(Mfn(3)), Lookup::Mapped(Mfn(3))),
            (PageState::Shared(Mfn(4)), Lookup::ReadOnly(Mfn(4))),
            (PageState::Zero(Mfn(5)), Lookup::ReadOnly(Mfn(5))),
            (PageState::Ballooned, Lookup::NeedsWork),
            (PageState::Compressed(ZipHandle::from_bits((1 << ZipHandle::BITS) - 1)), Lookup::NeedsWork),
            (PageState::Swapped(Slot::from_bits(largest)), Lookup::NeedsWork),
        ] {
            pmap.begin_passage(Gfn(0), |_| true).expect("no passage is under way");
            pmap.publish(Gfn(0), state, false);
            assert_eq!(pmap.state(Gfn(0)), Some((state, false)));
            assert_eq!(pmap.lookup(Gfn(0)), lookup);
        }
    }

    #[test]
    fn watches_are_noticed_by_the_uses_they_wait_for() {
        let pmap = Pmap::new(Gfn(0), PageCount(1));
        pmap.begin_passage(Gfn(0), |_| true).expect("no passage is under way");
        pmap.publish(Gfn(0), PageState::Private(Mfn(1)), false);
        for watch in [Watch::Idle, Watch::Touched, Watch::Written] {
            assert!(pmap.watch(Gfn(0), watch));
        }
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::NeedsWork);
        assert!(pmap.notice(Gfn(0), Use::Read));
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::ReadOnly(Mfn(1)));
        assert!(!pmap.notice(Gfn(0), Use::Read), "nothing is left to notice");
        assert!(pmap.is_watched(Gfn(0), Watch::Written) && !pmap.is_watched(Gfn(0), Watch::Touched));
        assert!(pmap.notice(Gfn(0), Use::Write));
        assert_eq!(pmap.lookup(Gfn(0)), Lookup::Mapped(Mfn(1)));
    }

    #[test]
    fn a_passage_keeps_watches_unless_the_page_was_used() {
        let pmap = Pmap::new(Gfn(0), PageCount(1));
        for (unused, kept) in [(true, true), (false, false)] {
            assert!(pmap.watch(Gfn(0), Watch::Touched));
            pmap.begin_passage(Gfn(0), |_| true).expect("no passage is under way");
            assert!(!pmap.watch(Gfn(0), Watch::Idle), "a page in passage is left alone");
            pmap.publish(Gfn(0), PageState::Private(Mfn(1)), unused);
            assert_eq!(pmap.is_watched(Gfn(0), Watch::Touched), kept);
        }
    }
}
