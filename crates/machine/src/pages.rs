//! One VM's pages: what each is, and the passages that change it.
//!
//! **Model.** The page map ([`Pmap`]) says what each page is, the census how many are what, and [`Processors`] caches translations of
//! both. A page changes in a *passage* ([`passage`]) and in no other way: what changes an entry or the census is private to this module.
//!
//! **Invariants.** INV-1, by the types of [`passage`]; INV-5: a page's entry and the census change together, within a section.
//!
//! **Concurrency.** Looking a page up takes no lock. The passage bit of its entry is the lock of a page.

pub(crate) mod census;
pub(crate) mod entry;
pub(crate) mod passage;
pub(crate) mod pmap;
pub(crate) mod sections;
pub(crate) mod shoot_down;
pub(crate) mod state;
pub(crate) mod waiting;

use crate::counts::Counts;
use crate::pool::Pool;
use addr::{Gfn, PageCount};
use census::{PageCensus, RunningCensus};
use pmap::Pmap;
use sections::{Section, Sections};
use shoot_down::Processors;
use waiting::Waiting;

/// See the module's documentation.
pub(crate) struct Pages {
    pool: Pool,
    pmap: Pmap,
    census: RunningCensus,
    sections: Sections,
    waiting: Waiting,
    processors: Processors,
    counts: Counts,
}

impl Pages {
    /// `size` pages from `first` on, all untouched, whose frames come from `pool`.
    ///
    /// # Panics
    /// If the pages do not fit a [`Pmap`].
    pub(crate) fn new(pool: &Pool, first: Gfn, size: PageCount) -> Self {
        Self {
            pool: pool.clone(),
            pmap: Pmap::new(first, size),
            census: RunningCensus::new(size),
            sections: Sections::new(),
            waiting: Waiting::new(),
            processors: Processors::default(),
            counts: Counts::default(),
        }
    }

    /// What each page is.
    #[inline(always)]
    pub(crate) fn pmap(&self) -> &Pmap {
        &self.pmap
    }

    /// How many pages are in each state.
    pub(crate) fn census(&self) -> PageCensus {
        self.census.now()
    }

    /// Pages in a frame of their own.
    pub(crate) fn private(&self) -> u64 {
        self.census.private()
    }

    /// Who caches translations.
    pub(crate) fn processors(&self) -> &Processors {
        &self.processors
    }

    /// What happened to the pages so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Begins a section in which more than one book of this VM changes.
    pub(crate) fn section(&self) -> Section<'_> {
        self.sections.begin()
    }

    pub(crate) fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Returns once the page is in no passage.
    pub(crate) fn wait_for(&self, gfn: Gfn) {
        self.waiting.wait_while(|| self.pmap.state(gfn).is_some_and(|(_, in_passage)| in_passage));
    }
}
