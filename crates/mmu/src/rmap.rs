//! `spte_rmap`: for each guest page, the shadow entries that lead to it.
//!
//! **Model.** Doubly linked lists over entry ids, one list for each value of a hash of the gfn.
//! Pages may share a list; whoever walks one compares.
//!
//! **Cost.** 8 bytes an entry and 256 KiB for the heads; linking and unlinking are O(1).

use addr::Gfn;

const BUCKETS: usize = 1 << 16;
const END: u32 = u32::MAX;

/// An entry's neighbours on its list.
#[derive(Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
}

/// The lists. An entry id is a number that [`Chains::grow`] admitted, on at most one list.
pub(crate) struct Chains {
    heads: Box<[u32]>,
    links: Vec<Link>,
    /// Entries on all lists together.
    linked: usize,
}

impl Chains {
    pub(crate) fn new() -> Self {
        Self { heads: vec![END; BUCKETS].into_boxed_slice(), links: Vec::new(), linked: 0 }
    }

    /// Admits ids up to but not including `ids`.
    pub(crate) fn grow(&mut self, ids: usize) {
        self.links.resize(ids, Link { previous: END, next: END });
    }

    /// The list that entries leading to `gfn` are on.
    pub(crate) const fn bucket(gfn: Gfn) -> usize {
        // A VM's pages are a run of gfns, so their low bits spread them evenly already.
        gfn.0 as usize % BUCKETS
    }

    /// Puts `id`, which is on no list, on the list of `gfn`.
    pub(crate) fn link(&mut self, gfn: Gfn, id: u32) {
        self.linked += 1;
        let head = &mut self.heads[Self::bucket(gfn)];
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
            let head = &mut self.heads[Self::bucket(gfn)];
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
        self.list(Self::bucket(gfn))
    }

    /// The ids on one list.
    pub(crate) fn list(&self, bucket: usize) -> impl Iterator<Item = u32> {
        let first = Some(self.heads[bucket]).filter(|&id| id != END);
        std::iter::successors(first, |&id| Some(self.links[id as usize].next).filter(|&next| next != END))
    }

    /// How many ids are on lists.
    pub(crate) fn linked(&self) -> usize {
        self.linked
    }

    /// Bytes of host memory the lists take.
    pub(crate) fn bytes(&self) -> u64 {
        (self.heads.len() * 4 + self.links.len() * size_of::<Link>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const IDS: u32 = 64;

    /// Four pages on two lists.
    fn page() -> impl Strategy<Value = Gfn> {
        (0..2u64, any::<bool>()).prop_map(|(low, far)| Gfn(low + if far { BUCKETS as u64 } else { 0 }))
    }

    proptest! {
        /// A map from ids to pages says what each list must hold.
        #[test]
        fn chains_hold_what_was_linked(steps in prop::collection::vec((0..IDS, page()), 1..300)) {
            let mut chains = Chains::new();
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
                        .filter(|(_, gfn)| Chains::bucket(**gfn) == bucket)
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
        let mut chains = Chains::new();
        chains.grow(2);
        chains.unlink(Gfn(3), 1);
    }
}
