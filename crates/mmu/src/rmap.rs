//! `spte_rmap`: for each frame, the shadow entries that lead to it.
//!
//! **Model.** Doubly linked lists over entry ids, one list for each value of a hash of the frame
//! number. Frames may share a list; whoever walks one compares.
//!
//! **Cost.** 8 bytes an entry and 256 KiB for the heads; linking and unlinking are O(1).

use addr::Mfn;

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

    /// The list that entries leading to `mfn` are on.
    pub(crate) const fn bucket(mfn: Mfn) -> usize {
        // Frames are handed out in runs, so their low bits spread them evenly already.
        mfn.0 as usize % BUCKETS
    }

    /// Puts `id`, which is on no list, on the list of `mfn`.
    pub(crate) fn link(&mut self, mfn: Mfn, id: u32) {
        self.linked += 1;
        let head = &mut self.heads[Self::bucket(mfn)];
        let next = std::mem::replace(head, id);
        self.links[id as usize] = Link { previous: END, next };
        if next != END {
            self.links[next as usize].previous = id;
        }
    }

    /// Takes `id` off the list of `mfn`, on which it is.
    pub(crate) fn unlink(&mut self, mfn: Mfn, id: u32) {
        let Link { previous, next } = self.links[id as usize];
        if previous == END {
            let head = &mut self.heads[Self::bucket(mfn)];
            assert_eq!(*head, id, "INV-8: shadow entry {id} is first on the list of {mfn:?}");
            *head = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next != END {
            self.links[next as usize].previous = previous;
        }
        self.linked -= 1;
    }

    /// The ids on the list of `mfn`, those of other frames among them.
    pub(crate) fn of(&self, mfn: Mfn) -> impl Iterator<Item = u32> {
        self.list(Self::bucket(mfn))
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

    /// Four frames on two lists.
    fn frame() -> impl Strategy<Value = Mfn> {
        (0..2u64, any::<bool>()).prop_map(|(low, far)| Mfn(low + if far { BUCKETS as u64 } else { 0 }))
    }

    proptest! {
        /// A map from ids to frames says what each list must hold.
        #[test]
        fn chains_hold_what_was_linked(steps in prop::collection::vec((0..IDS, frame()), 1..300)) {
            let mut chains = Chains::new();
            chains.grow(IDS as usize / 2);
            chains.grow(IDS as usize);
            let mut model: BTreeMap<u32, Mfn> = BTreeMap::new();
            for (id, mfn) in steps {
                if let Some(linked) = model.remove(&id) {
                    chains.unlink(linked, id);
                } else {
                    chains.link(mfn, id);
                    model.insert(id, mfn);
                }
                for (bucket, mfn) in [Mfn(0), Mfn(1)].into_iter().enumerate() {
                    let mut found: Vec<u32> = chains.of(mfn).collect();
                    found.sort_unstable();
                    let expected: Vec<u32> = model
                        .iter()
                        .filter(|(_, mfn)| Chains::bucket(**mfn) == bucket)
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
        chains.unlink(Mfn(3), 1);
    }
}
