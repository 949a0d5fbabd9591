//! A page's passage from one state to another: what every change of the pmap is made of.
//!
//! **Model.** In this order, for one page or a batch at once:
//!
//! 1. mark each entry in passage, so that no new translation can be made from it ([`Passage`]);
//! 2. take the translations away from every processor ([`ShootDown`]);
//! 3. do the work: copy, compare, compress, write out;
//! 4. publish the new state ([`Passage::end`]);
//! 5. only now reuse the old frame.
//!
//! A passage that is dropped leaves the page as it was. Where a page had no frame before, there are
//! no translations and step 2 falls away.
//!
//! **Invariants.** INV-1: between 2 and 4 nobody can reach the frames.
//!
//! **Failure.** Nothing is left behind: the page is in the old state or in the new.

use crate::entry::{PageState, Use};
use crate::vm_memory::VmMemory;
use addr::{Gfn, Mfn};
use std::time::Instant;

/// Takes translations away from processors.
pub trait ShootDown: Send + Sync {
    /// Returns once no processor can reach any of `pages` through a cached translation. The pages
    /// are in passage or watched, so none can be cached anew. Called with no lock held.
    fn take_away(&self, pages: &[(Gfn, Mfn)]);
}

/// Whether the page was used: then what was watched for has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Because {
    /// Somebody wants to put it to this use.
    Used(Use),
    /// The VMM had its reasons.
    Managed,
}

/// A page in passage: the right to change its entry.
pub(crate) struct Passage<'a> {
    memory: &'a VmMemory,
    gfn: Gfn,
    was: PageState,
}

impl VmMemory {
    /// Takes a page into passage if it is memory, in a state that `suits` and not in passage
    /// already.
    pub(crate) fn begin(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<Passage<'_>> {
        let was = self.pmap.begin_passage(gfn, suits)?;
        Some(Passage { memory: self, gfn, was })
    }

    /// As [`VmMemory::begin`], after another's passage of the page has ended if there is one. The caller has
    /// none in passage itself.
    pub(crate) fn begin_in_turn(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<Passage<'_>> {
        loop {
            if let Some(passage) = self.begin(gfn, &suits) {
                return Some(passage);
            }
            let (state, in_passage) = self.pmap.state(gfn)?;
            if in_passage {
                self.wait_for_passage(gfn);
            } else if !suits(state) {
                return None;
            }
        }
    }

    /// Takes a private page that no device holds into passage.
    pub(crate) fn begin_private(&self, gfn: Gfn) -> Option<(Passage<'_>, Mfn)> {
        let passage = self.begin(gfn, |state| matches!(state, PageState::Private(_)))?;
        let mfn = passage.was.frame().expect("a private page has a frame");
        // The pin is looked for after the passage bit is set; see `VmMemory::pin`.
        if self.pool.frames().is_pinned(mfn) { None } else { Some((passage, mfn)) }
    }

    /// Takes the translations of pages in passage away from all processors.
    pub(crate) fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        if pages.is_empty() {
            return;
        }
        if let Some(processors) = self.processors() {
            let start = Instant::now();
            processors.take_away(pages);
            self.counts.shoot_downs.add(1);
            self.counts.shoot_down_nanoseconds.add_since(start);
        }
    }
}

impl Passage<'_> {
    pub(crate) fn gfn(&self) -> Gfn {
        self.gfn
    }

    /// The state the page was in.
    pub(crate) fn was(&self) -> PageState {
        self.was
    }

    /// Publishes the page's new state.
    pub(crate) fn end(self, state: PageState, because: Because) {
        let section = self.memory.section();
        self.memory.census.moves(self.was, state);
        let used = match because {
            Because::Used(wanted) => Some(wanted),
            Because::Managed => None,
        };
        self.memory.pmap.publish(self.gfn, state, used);
        drop(section);
        self.memory.wake_waiters();
        std::mem::forget(self);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.memory.pmap.publish(self.gfn, self.was, None);
        self.memory.wake_waiters();
    }
}
