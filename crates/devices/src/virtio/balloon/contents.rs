//! Which pages are in a balloon.

use addr::{Gfn, PageCount};
use std::ops::Range;

/// Why a page is left out of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The VM has no such page.
    NotMemory,
    /// It is in the balloon already, or is not in it, and the request says otherwise.
    NotSo,
}

/// A set of pages of a VM: a bit for each.
pub(super) struct Contents {
    memory: Range<Gfn>,
    words: Vec<u64>,
    held: PageCount,
}

impl Contents {
    /// An empty balloon for a VM with this memory.
    pub(super) fn new(memory: Range<Gfn>) -> Self {
        let words = (memory.end.0 - memory.start.0).div_ceil(64);
        Self { memory, words: vec![0; words as usize], held: PageCount(0) }
    }

    /// The VM's size.
    pub(super) fn memory(&self) -> PageCount {
        PageCount(self.memory.end.0 - self.memory.start.0)
    }

    /// How many pages are in.
    pub(super) fn held(&self) -> PageCount {
        self.held
    }

    pub(super) fn insert(&mut self, gfn: Gfn) -> Result<(), Refusal> {
        self.change(gfn, true)?;
        self.held.0 += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, gfn: Gfn) -> Result<(), Refusal> {
        self.change(gfn, false)?;
        self.held.0 -= 1;
        Ok(())
    }

    fn change(&mut self, gfn: Gfn, to: bool) -> Result<(), Refusal> {
        if !self.memory.contains(&gfn) {
            return Err(Refusal::NotMemory);
        }
        let page = gfn.0 - self.memory.start.0;
        let (word, bit) = (&mut self.words[(page / 64) as usize], 1 << (page % 64));
        if (*word & bit != 0) == to {
            return Err(Refusal::NotSo);
        }
        *word ^= bit;
        Ok(())
    }

    /// Whether a range is memory, all of it outside the balloon.
    pub(super) fn check_outside(&self, range: &Range<Gfn>) -> Result<(), Refusal> {
        if range.start < self.memory.start || range.end > self.memory.end {
            return Err(Refusal::NotMemory);
        }
        let (start, end) = (range.start.0 - self.memory.start.0, range.end.0 - self.memory.start.0);
        let inside = (start / 64..end.div_ceil(64)).any(|index| {
            // Of the word, the bits from `start` on and before `end`.
            let first = start.saturating_sub(index * 64);
            let after = (end - index * 64).min(64);
            let asked = u64::MAX << first & u64::MAX >> (64 - after);
            self.words[index as usize] & asked != 0
        });
        if inside { Err(Refusal::NotSo) } else { Ok(()) }
    }

    /// Takes all pages out, giving `taken` up to 64 at a time.
    pub(super) fn empty(&mut self, mut taken: impl FnMut(&[Gfn])) {
        let first = self.memory.start.0;
        for (index, word) in self.words.iter_mut().enumerate() {
            let pages = std::mem::take(word);
            if pages != 0 {
                let gfn = |bit| Gfn(first + 64 * index as u64 + bit);
                let gfns: Vec<Gfn> = (0..64).filter(|bit| pages >> bit & 1 != 0).map(gfn).collect();
                taken(&gfns);
            }
        }
        self.held = PageCount(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const MEMORY: Range<u64> = 1000..1200;

    proptest! {
        #[test]
        fn it_is_a_set_of_pages(steps in prop::collection::vec((0..4, 990..1210u64, 0..210u64), 0..300)) {
            let mut contents = Contents::new(Gfn(MEMORY.start)..Gfn(MEMORY.end));
            let mut model = BTreeSet::new();
            for (step, page, more) in steps {
                let gfn = Gfn(page);
                let refusal = if MEMORY.contains(&page) { Refusal::NotSo } else { Refusal::NotMemory };
                match step {
                    0 | 1 => {
                        let possible = MEMORY.contains(&page) && model.insert(gfn);
                        prop_assert_eq!(contents.insert(gfn), if possible { Ok(()) } else { Err(refusal) });
                    }
                    2 => {
                        let possible = model.remove(&gfn);
                        prop_assert_eq!(contents.remove(gfn), if possible { Ok(()) } else { Err(refusal) });
                    }
                    _ => {
                        let range = gfn..Gfn(page + more);
                        let memory = page >= MEMORY.start && page + more <= MEMORY.end;
                        let free = model.range(range.clone()).next().is_none();
                        let expected = match (memory, free) {
                            (false, _) => Err(Refusal::NotMemory),
                            (true, false) => Err(Refusal::NotSo),
                            (true, true) => Ok(()),
                        };
                        prop_assert_eq!(contents.check_outside(&range), expected);
                    }
                }
                prop_assert_eq!(contents.held().0, model.len() as u64);
            }
            let mut taken: Vec<Gfn> = Vec::new();
            contents.empty(|gfns| taken.extend(gfns));
            prop_assert_eq!(taken, Vec::from_iter(model));
            prop_assert_eq!(contents.held(), PageCount(0));
            prop_assert!(contents.check_outside(&(Gfn(MEMORY.start)..Gfn(MEMORY.end))).is_ok());
        }
    }
}
