//! Sections: stretches in which more than one book of a VM changes.
//!
//! **Model.** What changes a page's state changes several counts: the VM's census, its zip store's size, what the pool has
//! handed out. It does so within a *section* of the VM. Who reads them looks for open sections first, reads, and looks
//! whether another has begun meanwhile: if there were none, what was read is of one moment.
//!
//! A section never lasts over a wait for a frame, a disk or another's passage.
//!
//! **Concurrency.** No lock. Sections nest and overlap.

use crate::sync::{AtomicU64, Ordering, fence};

/// Counts sections, so that who reads what they change knows whether it read the halves of a change.
pub(crate) struct Sections {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Sections {
    pub(crate) fn new() -> Self {
        Self { begun: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    /// Begins a section, which ends when what this gives is dropped.
    pub(crate) fn begin(&self) -> Section<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // What the section changes is seen by nobody who does not see that it has begun.
        fence(Ordering::SeqCst);
        Section(self)
    }

    /// A name for this moment, if no section is open.
    pub(crate) fn quiet(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }

    /// Whether no section has begun since then.
    pub(crate) fn is_still(&self, quiet: u64) -> bool {
        fence(Ordering::SeqCst);
        self.begun.load(Ordering::SeqCst) == quiet
    }
}

/// An open section. See [`Sections::begin`].
pub(crate) struct Section<'a>(&'a Sections);

impl Drop for Section<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}
