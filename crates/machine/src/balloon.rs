//! What the guest gives back: ballooned pages and pages it reports free.
//!
//! **Model.** A ballooned page has no frame and no content until the guest takes it back or uses it
//! all the same; then it is a page of zeros. A page reported free is untouched again.
//!
//! **Concurrency.** A page for the balloon that is in passage is waited for, as by anyone who wants to use it: the guest will
//! take it for ballooned, so it has to be. One that is reported free is left as it is: a passage may last as long as a disk takes, and
//! what it reports is out of the guest's reach meanwhile.
//!
//! **Failure.** What a guest hands over is not to be trusted: a gfn that is not memory and a page that a
//! device holds for the guest are left as they are, and counted.
//!
//! **Not here.** The device that the guest's driver talks to, and how large the balloon should be.

use crate::pages::passage::{Batch, Because};
use crate::pages::state::PageState;
use crate::vm_memory::VmMemory;
use addr::{Gfn, PageCount};

/// How many pages are taken away from the processors at once.
const BATCH: usize = 256;

/// What became of pages that the guest gave back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GivenBack {
    /// Pages in the state asked for now, among them those that were before.
    pub taken: u64,
    /// Pages left as they were.
    pub refused: u64,
}

/// How the guest gives pages back.
#[derive(Clone, Copy)]
enum Given {
    Ballooned,
    Discarded,
    ReportedFree,
}

impl Given {
    /// What a page becomes.
    fn state(self, was: PageState) -> PageState {
        let freed = match was {
            PageState::Private(_)
            | PageState::Shared(_)
            | PageState::Compressed(_)
            | PageState::Swapped(_) => true,
            PageState::Untouched | PageState::Zero(_) => false,
            PageState::Ballooned { freed } => freed,
        };
        match self {
            Self::Ballooned => PageState::Ballooned { freed },
            Self::Discarded | Self::ReportedFree => PageState::Untouched,
        }
    }
}

impl VmMemory {
    /// The guest's balloon takes in `pages`: their frames are freed.
    pub fn inflate(&self, pages: &[Gfn]) -> GivenBack {
        self.give_back(pages.iter().copied(), Given::Ballooned)
    }

    /// The guest's balloon lets go of `pages`.
    pub fn deflate(&self, pages: &[Gfn]) -> GivenBack {
        let mut report = GivenBack::default();
        for &gfn in pages {
            match self.pages.begin_in_turn(gfn, |state| matches!(state, PageState::Ballooned { .. })) {
                Some(passage) => {
                    passage.quiesce().end(PageState::Untouched, Because::Managed);
                    report.taken += 1;
                }
                None => report.refused += 1,
            }
        }
        report
    }

    /// Nobody needs the content of `pages` any more.
    pub fn discard(&self, pages: impl Iterator<Item = Gfn>) -> GivenBack {
        self.give_back(pages, Given::Discarded)
    }

    /// The guest reports `pages` free: those that are not in passage are discarded.
    pub fn reported_free(&self, pages: impl Iterator<Item = Gfn>) -> GivenBack {
        self.give_back(pages, Given::ReportedFree)
    }

    fn give_back(&self, pages: impl Iterator<Item = Gfn>, given: Given) -> GivenBack {
        let mut report = GivenBack::default();
        let mut batch: Batch<'_, ()> = Batch::new(&self.pages);
        for gfn in pages {
            let mut passage = self.pages.begin(gfn, |_| true);
            if passage.is_none() && !matches!(given, Given::ReportedFree) {
                // Nobody waits for a passage who holds others; and it may be one of these, listed twice.
                report.taken += self.free_batch(&mut batch, given);
                passage = self.pages.begin_in_turn(gfn, |_| true);
            }
            match passage {
                Some(passage) if !passage.is_pinned() => batch.add(passage, ()),
                _ => report.refused += 1,
            }
            if batch.len() == BATCH {
                report.taken += self.free_batch(&mut batch, given);
            }
        }
        report.taken += self.free_batch(&mut batch, given);
        report
    }

    /// Gives up what can be of a VM that has ended ([`VmMemory::end`]) while somebody still works with it: all pages but those in passage,
    /// which may be for as long as a disk takes, and those that devices hold. Nothing is promised to it any more.
    pub fn vacate(&self) {
        let mut batch: Batch<'_, ()> = Batch::new(&self.pages);
        for gfn in self.pmap().pages() {
            if let Some(passage) = self.pages.begin(gfn, |_| true)
                && !passage.is_pinned()
            {
                batch.add(passage, ());
            }
            if batch.len() == BATCH {
                self.free_batch(&mut batch, Given::Discarded);
            }
        }
        self.free_batch(&mut batch, Given::Discarded);
        // Less is never refused.
        let _ = self.set_reservation(PageCount(0));
    }

    fn free_batch(&self, batch: &mut Batch<'_, ()>, given: Given) -> u64 {
        let taken = batch.len() as u64;
        for (page, ()) in batch.quiesce() {
            let (gfn, was) = (page.gfn(), page.was());
            let _section = self.section();
            page.end(given.state(was), Because::Managed);
            self.free_what_held(gfn, was);
        }
        taken
    }

    /// Frees what a page's content was kept in before it lost its content. If that is found damaged, the
    /// VM is told, since who knows what else is, and nothing is freed.
    pub(crate) fn free_what_held(&self, gfn: Gfn, was: PageState) {
        match was {
            PageState::Private(mfn) => self.pool.frames().release(mfn),
            PageState::Shared(mfn) => self.pool.leave_shared(mfn),
            PageState::Compressed(_) | PageState::Swapped(_) => match self.stores.forget(gfn, was) {
                Ok(Some(emptied)) => self.pool.frames().release(emptied),
                Ok(None) => {}
                Err(reason) => _ = self.lost(gfn, reason),
            },
            PageState::Untouched | PageState::Zero(_) | PageState::Ballooned { .. } => {}
        }
    }
}
