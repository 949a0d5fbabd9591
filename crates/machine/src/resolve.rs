//! The ways in: what happens to a page when somebody wants to use it.
//!
//! **Model.**
//!
//! ```text
//!   untouched, ballooned --read--> zero
//!   untouched, ballooned, zero --write--> private, a zeroed frame
//!   shared --write--> private: a copy, or the frame itself for the last page in it
//!   compressed, swapped --any use--> private, the content checked
//!   watched --any use--> the same, not watched
//! ```
//!
//! **Concurrency.** Called with no lock held, as it may wait: for another's passage to end, for a
//! frame to come free, for the swap file ([`crate::fetch_back`]).
//!
//! **Failure.** A frame is waited for, so that touching memory never fails; the wait ends with the
//! VM. Content that does not come back as it went is [`MemoryError::Lost`], and the page stays as it
//! is: nobody ever reads it wrong.

use crate::entry::{Lookup, PageState, Use};
use crate::fetch_back::RUN;
use crate::frame::{Holds, Taken};
use crate::passage::{Because, Passage};
use crate::vm_memory::{MemoryError, VmMemory};
use addr::{Gfn, Mfn};
use std::time::Instant;

impl VmMemory {
    /// Makes a page ready for use and gives its frame. By the time the caller looks, the page may be
    /// on its way again: only a [`crate::Pin`] or a hart's lock holds it.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if the gfn is not memory, [`MemoryError::Lost`] if its content cannot be
    /// brought back, [`MemoryError::Ending`] if the VM ends before a frame comes free.
    pub fn resolve(&self, gfn: Gfn, wanted: Use) -> Result<Mfn, MemoryError> {
        loop {
            let lookup = self.pmap.lookup(gfn);
            if let Some(mfn) = lookup.permits(wanted) {
                return Ok(mfn);
            }
            if lookup == Lookup::Outside {
                return Err(MemoryError::Outside(gfn));
            }
            if self.pmap.notice(gfn, wanted) {
                self.counts.watches_noticed.add(1);
            } else if let Some(passage) = self.begin(gfn, |_| true) {
                self.bring_in(passage, wanted)?;
            } else {
                self.wait_for_passage(gfn);
            }
        }
    }

    fn bring_in(&self, passage: Passage<'_>, wanted: Use) -> Result<(), MemoryError> {
        match (passage.was(), wanted) {
            (PageState::Untouched | PageState::Ballooned, _) => self.first_use(passage, wanted),
            (PageState::Zero(_), Use::Write) => {
                let own = self.take_frame(passage.gfn())?;
                self.pool.zero_frame(own.mfn());
                self.take_away(&[(passage.gfn(), self.pool.zero())]);
                self.counts.zeros_broken.add(1);
                passage.end(PageState::Private(own.keep()), Because::Used(Use::Write));
                Ok(())
            }
            (PageState::Shared(shared), Use::Write) => self.break_share(passage, shared),
            (PageState::Compressed(_) | PageState::Swapped(_), _) => {
                let own = self.take_frame(passage.gfn())?;
                let start = Instant::now();
                let result = self.fetch_back(passage, own, Because::Used(wanted), RUN);
                self.counts.waited_nanoseconds.add_since(start);
                result.map(|_| ())
            }
            // Somebody else has made the page ready since it was looked up.
            (PageState::Private(_) | PageState::Shared(_) | PageState::Zero(_), _) => Ok(()),
        }
    }

    fn first_use(&self, passage: Passage<'_>, wanted: Use) -> Result<(), MemoryError> {
        if passage.was() == PageState::Ballooned {
            self.counts.balloon_pops.add(1);
        }
        let state = match wanted {
            Use::Read => PageState::Zero(self.pool.zero()),
            Use::Write => {
                let own = self.take_frame(passage.gfn())?;
                self.pool.zero_frame(own.mfn());
                self.counts.first_writes.add(1);
                PageState::Private(own.keep())
            }
        };
        passage.end(state, Because::Used(wanted));
        Ok(())
    }

    /// Gives a page that is about to be written a frame of its own.
    fn break_share(&self, passage: Passage<'_>, shared: Mfn) -> Result<(), MemoryError> {
        let gfn = passage.gfn();
        self.counts.shares_broken.add(1);
        if self.pool.make_private(shared, Holds::Page(self.id, gfn)) {
            passage.end(PageState::Private(shared), Because::Used(Use::Write));
            return Ok(());
        }
        let own = self.take_frame(gfn)?;
        self.take_away(&[(gfn, shared)]);
        self.pool.copy_frame(shared, own.mfn());
        passage.end(PageState::Private(own.keep()), Because::Used(Use::Write));
        self.pool.leave_shared(shared);
        Ok(())
    }

    /// Takes a frame for a page, waiting for one if need be.
    fn take_frame(&self, gfn: Gfn) -> Result<Taken<'_>, MemoryError> {
        let mut stalled: Option<Instant> = None;
        let taken = loop {
            if self.is_ending() {
                break Err(MemoryError::Ending);
            }
            if self.is_allowed_more()
                && let Some(own) = self.pool.frames().take(Holds::Page(self.id, gfn))
            {
                break Ok(own);
            }
            stalled.get_or_insert_with(Instant::now);
            let may_go_on = |available| self.is_ending() || available && self.is_allowed_more();
            self.pool.frames().wait(may_go_on);
        };
        if let Some(start) = stalled {
            self.counts.stalls.add(1);
            self.counts.stalled_nanoseconds.add_since(start);
        }
        taken
    }
}
