//! The pmap: what each page of one VM is at present.
//!
//! **Model.** A radix table over the 27 low bits of the gfn, three levels of 512, as a processor's
//! nested page table is; the two-stage walk of `mmu` reads it as exactly that. Its leaves hold an
//! [`Entry`] for each page, which has all of the concurrency.
//!
//! **Cost.** 8 bytes a page, allocated with the VM.

use super::entry::{Entry, Lookup, Watches};
use super::state::{PageState, Use};
use addr::{Gfn, PageCount};

const FANOUT: usize = 512;

type Leaf = [Entry; FANOUT];
type Middle = [Option<Box<Leaf>>; FANOUT];

/// A VM's map from pages to their states. See the module's documentation.
pub struct Pmap {
    root: Box<[Option<Box<Middle>>; FANOUT]>,
    first: Gfn,
    size: PageCount,
}

fn empty_leaf() -> Box<Leaf> {
    Box::new(std::array::from_fn(|_| Entry::default()))
}

impl Pmap {
    /// Bytes of host memory that each page of a VM costs in its pmap.
    pub const BYTES_PER_PAGE: u64 = size_of::<Entry>() as u64;

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
    fn entry(&self, gfn: Gfn) -> Option<&Entry> {
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
        self.entry(gfn).map_or(Lookup::Outside, Entry::lookup)
    }

    /// The page's state, and whether it is in passage to another; `None` if the gfn is not memory.
    pub fn state(&self, gfn: Gfn) -> Option<(PageState, bool)> {
        self.entry(gfn).map(Entry::state)
    }

    /// See [`Entry::begin_passage`]; `None` also if the gfn is not memory.
    pub(super) fn begin_passage(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<PageState> {
        self.entry(gfn)?.begin_passage(suits)
    }

    /// See [`Entry::publish`].
    pub(super) fn publish(&self, gfn: Gfn, state: PageState, used: Option<Use>) {
        self.entry(gfn).expect("passages end on memory").publish(state, used);
    }

    /// See [`Entry::watch`]; `false` also if the gfn is not memory.
    pub(super) fn watch(&self, gfn: Gfn, watches: Watches) -> bool {
        self.entry(gfn).is_some_and(|entry| entry.watch(watches))
    }

    /// See [`Entry::watches`].
    pub(crate) fn watches(&self, gfn: Gfn) -> Watches {
        self.entry(gfn).expect("only memory is watched").watches()
    }

    /// See [`Entry::unwatch`].
    pub(crate) fn unwatch(&self, gfn: Gfn, watches: Watches) {
        self.entry(gfn).expect("only memory is watched").unwatch(watches);
    }

    /// See [`Entry::notice`].
    pub(crate) fn notice(&self, gfn: Gfn, wanted: Use) -> bool {
        self.entry(gfn).is_some_and(|entry| entry.notice(wanted))
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
}
