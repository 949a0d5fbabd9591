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

use crate::fetch_back::RUN;
use crate::frame::{Holds, Taken};
use crate::pages::entry::Lookup;
use crate::pages::passage::{Because, Passage};
use crate::pages::state::{PageState, Use};
use crate::times::{Halt, User};
use crate::vm_memory::{MemoryError, VmMemory};
use addr::{Gfn, Mfn};
use std::sync::atomic::Ordering;

impl VmMemory {
    /// Makes a page ready for use and gives its frame. By the time the caller looks, the page may be
    /// on its way again: only a [`crate::Pin`] or a hart's lock holds it.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if the gfn is not memory, [`MemoryError::Lost`] if its content cannot be
    /// brought back, [`MemoryError::Ending`] if the VM ends before a frame comes free.
    pub fn resolve(&self, gfn: Gfn, wanted: Use) -> Result<Mfn, MemoryError> {
        self.resolve_for(User::Device, gfn, wanted)
    }

    /// As [`VmMemory::resolve`], on account of `user`: what is waited for is that one's time.
    ///
    /// # Errors
    /// As [`VmMemory::resolve`].
    pub fn resolve_for(&self, user: User, gfn: Gfn, wanted: Use) -> Result<Mfn, MemoryError> {
        loop {
            let lookup = self.pmap().lookup(gfn);
            if let Some(mfn) = lookup.permits(wanted) {
                return Ok(mfn);
            }
            if lookup == Lookup::Outside {
                return Err(MemoryError::Outside(gfn));
            }
            if self.pmap().notice(gfn, wanted) {
                self.pages.counts().watches_noticed.add(1);
            } else if let Some(passage) = self.pages.begin(gfn, |_| true) {
                self.bring_in(user, passage, wanted)?;
            } else {
                let _waits = self.times.halt(user, Halt::Page);
                self.pages.wait_for(gfn);
            }
        }
    }

    fn bring_in(&self, user: User, passage: Passage<'_>, wanted: Use) -> Result<(), MemoryError> {
        match (passage.was(), wanted) {
            (PageState::Untouched | PageState::Ballooned { .. }, _) => self.first_use(user, passage, wanted),
            (PageState::Zero(_), Use::Write) => {
                let own = self.take_frame(user, passage.gfn())?;
                self.pool.zero_frame(own.mfn());
                let page = passage.quiesce();
                self.pages.counts().zeros_broken.add(1);
                let _section = self.section();
                page.end(PageState::Private(own.keep()), Because::Used(Use::Write));
                Ok(())
            }
            (PageState::Shared(shared), Use::Write) => self.break_share(user, passage, shared),
            (PageState::Compressed(_) | PageState::Swapped(_), _) => {
                let own = self.take_frame(user, passage.gfn())?;
                let _waits = self.times.halt(user, Halt::Page);
                self.fetch_back(passage.quiesce(), own, Because::Used(wanted), RUN).map(|_| ())
            }
            // Somebody else has made the page ready since it was looked up.
            (PageState::Private(_) | PageState::Shared(_) | PageState::Zero(_), _) => Ok(()),
        }
    }

    fn first_use(&self, user: User, passage: Passage<'_>, wanted: Use) -> Result<(), MemoryError> {
        if matches!(passage.was(), PageState::Ballooned { .. }) {
            self.pages.counts().balloon_pops.add(1);
        }
        let own = match wanted {
            Use::Read => None,
            Use::Write => {
                let own = self.take_frame(user, passage.gfn())?;
                self.pool.zero_frame(own.mfn());
                self.pages.counts().first_writes.add(1);
                Some(own)
            }
        };
        let _section = self.section();
        let state = own.map_or(PageState::Zero(self.pool.zero()), |own| PageState::Private(own.keep()));
        passage.quiesce().end(state, Because::Used(wanted));
        Ok(())
    }

    /// Gives a page that is about to be written a frame of its own.
    fn break_share(&self, user: User, passage: Passage<'_>, shared: Mfn) -> Result<(), MemoryError> {
        let gfn = passage.gfn();
        self.pages.counts().shares_broken.add(1);
        let section = self.section();
        if self.pool.make_private(shared, Holds::Page(self.id, gfn)) {
            passage.keep_frame(Because::Used(Use::Write));
            return Ok(());
        }
        drop(section);
        let own = self.take_frame(user, gfn)?;
        let page = passage.quiesce();
        self.pool.copy_frame(shared, own.mfn());
        let _section = self.section();
        page.end(PageState::Private(own.keep()), Because::Used(Use::Write));
        self.pool.leave_shared(shared);
        Ok(())
    }

    /// Takes a frame for a page, waiting for one if need be.
    fn take_frame(&self, user: User, gfn: Gfn) -> Result<Taken<'_>, MemoryError> {
        let mut waits = None;
        loop {
            if self.is_ending() {
                return Err(MemoryError::Ending);
            }
            if self.is_allowed_more()
                && let Some(own) = self.pool.frames().take(Holds::Page(self.id, gfn))
            {
                return Ok(own);
            }
            waits.get_or_insert_with(|| {
                self.pages.counts().stalls.add(1);
                self.times.halt(user, Halt::Frame)
            });
            let may_go_on = |available| self.is_ending() || available && self.is_allowed_more();
            self.waiting_for_frames.fetch_add(1, Ordering::Relaxed);
            self.pool.frames().wait(may_go_on);
            self.waiting_for_frames.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
