//! `spte_rmap`: for each guest page, the shadow entries that lead to it.
//!
//! **Model.** Doubly linked lists over entry ids, one list for each value of a hash of the gfn.
//! Pages may share a list; whoever walks one compares.
//!
//! **Cost.** 8 bytes an entry and 4 a list; linking and unlinking are O(1). Without entries, nothing.

use crate::area::Area;
use addr::Gfn;

const END: u32 = u32::MAX;

/// An entry's neighbours on its list.
#[derive(Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
}

/// The lists. An entry id is a number that [`Chains::grow`] admitted, on at most one list.
pub(crate) struct Chains {
    /// None while there is nothing to link.
    heads: Vec<u32>,
    lists: usize,
    links: Area<Link>,
    /// Entries on all lists together.
    linked: usize,
}

impl Chains {
    /// Empty lists, `lists` of them rounded up to a power of two, for `ids` ids at most.
    pub(crate) const fn new(lists: usize, ids: usize) -> Self {
        Self { heads: Vec::new(), lists: lists.next_power_of_two(), links: Area::new(ids), linked: 0 }
    }

    /// Admits ids up to but not including `ids`.
    pub(crate) fn grow(&mut self, ids: usize) {
        if self.heads.is_empty() {
            self.heads = vec![END; self.lists];
        }
        self.links.grow(ids, || Link { previous: END, next: END });
    }

    /// Admits ids up to but not including `ids` only: of the others, which are on no list, the memory is given back.
    pub(crate) fn shrink(&mut self, ids: usize) {
        self.links.truncate(ids);
        if ids == 0 {
            debug_assert_eq!(self.linked, 0);
            self.heads = Vec::new();
        }
    }

    /// The list that entries leading to `gfn` are on.
    pub(crate) const fn bucket(&self, gfn: Gfn) -> usize {
        // A VM's pages are a run of gfns, so their low bits spread them evenly already.
        gfn.0 as usize & (self.lists - 1)
    }

    /// Puts `id`, which is on no list, on the list of `gfn`.
    pub(crate) fn link(&mut self, gfn: Gfn, id: u32) {
        self.linked += 1;
        let bucket = self.bucket(gfn);
        let head = &mut self.heads[bucket];
        let next = std::mem::replace(head, id);
        self.links[id as usize] = Link { previous: END, next };
        if next != END {
            self.links[next as usize].previous = id;
        }
    }

    /// Takes `id` off the list of `gfn`, on which it is.
    pub(crate) fn unlink(&mut self, gfn: Gfn, id: u32) {
        let Link { previous, next } = self.links[id as usize];
        if previous == END {
            let bucket = self.bucket(gfn);
            let head = &mut self.heads[bucket];
            assert_eq!(*head, id, "INV-8: shadow entry {id} is first on the list of {gfn:?}");
            *head = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next != END {
            self.links[next as usize].previous = previous;
        }
        self.linked -= 1;
    }

    /// The ids on the list of `gfn`, those of other pages among them.
    pub(crate) fn of(&self, gfn: Gfn) -> impl Iterator<Item = u32> {
        self.list(self.bucket(gfn))
    }

    /// The ids on one list.
    pub(crate) fn list(&self, bucket: usize) -> impl Iterator<Item = u32> {
        let first = self.heads.get(bucket).copied().filter(|&id| id != END);
        std::iter::successors(first, |&id| Some(self.links[id as usize].next).filter(|&next| next != END))
    }

    /// How many ids are on lists.
    pub(crate) fn linked(&self) -> usize {
        self.linked
    }

    /// Bytes of host memory for each id.
    pub(crate) const BYTES_PER_ID: usize = size_of::<Link>();

    /// Bytes of host memory that so many lists of so many ids take.
    pub(crate) const fn bytes_of(lists: usize, ids: usize) -> u64 {
        (lists * 4 + ids * Self::BYTES_PER_ID) as u64
    }

    /// Bytes of host memory the lists take once so many ids are admitted.
    pub(crate) fn bytes_with(&self, ids: usize) -> u64 {
        Self::bytes_of(self.lists, ids)
    }

    /// Bytes of host memory the lists take.
    pub(crate) fn bytes(&self) -> u64 {
        Self::bytes_of(self.heads.len(), self.links.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const IDS: u32 = 64;
    const LISTS: usize = 256;

    /// Four pages on two lists.
    fn page() -> impl Strategy<Value = Gfn> {
        (0..2u64, any::<bool>()).prop_map(|(low, far)| Gfn(low + if far { LISTS as u64 } else { 0 }))
    }

    proptest! {
        /// A map from ids to pages says what each list must hold.
        #[test]
        fn chains_hold_what_was_linked(steps in prop::collection::vec((0..IDS, page()), 1..300)) {
            let mut chains = Chains::new(LISTS, IDS as usize);
            prop_assert_eq!((chains.of(Gfn(0)).count(), chains.bytes()), (0, 0));
            chains.grow(IDS as usize / 2);
            chains.grow(IDS as usize);
            let mut model: BTreeMap<u32, Gfn> = BTreeMap::new();
            for (id, gfn) in steps {
                if let Some(linked) = model.remove(&id) {
                    chains.unlink(linked, id);
                } else {
                    chains.link(gfn, id);
                    model.insert(id, gfn);
                }
                for (bucket, gfn) in [Gfn(0), Gfn(1)].into_iter().enumerate() {
                    let mut found: Vec<u32> = chains.of(gfn).collect();
                    found.sort_unstable();
                    let expected: Vec<u32> = model
                        .iter()
                        .filter(|(_, gfn)| chains.bucket(**gfn) == bucket)
                        .map(|(id, _)| *id)
                        .collect();
                    prop_assert_eq!(found, expected);
                }
            }
            prop_assert_eq!(chains.linked(), model.len());
        }
    }

    #[test]
    #[should_panic(expected = "INV-8")]
    fn an_entry_that_is_on_no_list_cannot_leave_it() {
        let mut chains = Chains::new(4, 2);
        chains.grow(2);
        chains.unlink(Gfn(3), 1);
    }
}
