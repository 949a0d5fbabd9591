//! Bringing back what was compressed or swapped out.
//!
//! **Model.** A page that is swapped in brings along those that follow it both in memory and in the swap
//! file, as far as there are frames to spare: reading some pages together takes hardly longer than
//! reading one. They stay watched, so that what was brought along in vain is first to go again.
//!
//! **Failure.** What does not come back as it went stays where it is, and says why. A page brought
//! along that cannot be read is left alone.

use crate::frame::Holds;
use crate::passage::{Because, Passage};
use crate::pmap::PageState;
use crate::pool::Page;
use crate::swap::Slot;
use crate::vm_memory::{MemoryError, VmMemory};
use addr::{Gfn, Mfn, PAGE_SIZE, PageCount};

/// Pages read from the swap file together, at most.
const RUN: u64 = 8;

impl VmMemory {
    /// Puts the content of a compressed or swapped page in passage into `mfn`, which is the page's from
    /// then on. If it cannot be had, the frame is freed.
    pub(crate) fn fetch_back(
        &self,
        passage: Passage<'_>,
        mfn: Mfn,
        because: Because,
    ) -> Result<(), MemoryError> {
        let gfn = passage.gfn();
        if let PageState::Swapped(slot) = passage.was() {
            let more = self.followers(gfn, slot);
            if !more.is_empty() {
                return self.swap_in_run((passage, mfn), more, slot, because);
            }
        }
        let mut page: Page = [0; PAGE_SIZE as usize];
        if let Err(reason) = self.stores.read(gfn, passage.was(), &mut page) {
            self.pool.frames().release(mfn);
            return Err(self.lost(gfn, reason));
        }
        match passage.was() {
            PageState::Compressed(_) => self.counts.decompressed.add(1),
            _ => self.counts.swapped_in.add(1),
        }
        self.install(passage, mfn, &page, because);
        Ok(())
    }

    /// The pages behind `gfn` whose content lies behind its own, in passage and with frames.
    fn followers(&self, gfn: Gfn, slot: Slot) -> Vec<(Passage<'_>, Mfn)> {
        let follower = |n| {
            let gfn = Gfn(gfn.0 + n);
            let wanted = PageState::Swapped(slot.after(n)?);
            let passage = self.begin(gfn, |state| state == wanted)?;
            let mfn = self.spare_frame(gfn)?;
            Some((passage, mfn))
        };
        (1..RUN).map_while(follower).collect()
    }

    fn spare_frame(&self, gfn: Gfn) -> Option<Mfn> {
        if !self.is_allowed_more() {
            return None;
        }
        self.pool.frames().take_spare(Holds::Page(self.id, gfn))
    }

    fn swap_in_run(
        &self,
        (passage, mfn): (Passage<'_>, Mfn),
        more: Vec<(Passage<'_>, Mfn)>,
        slot: Slot,
        because: Because,
    ) -> Result<(), MemoryError> {
        let mut pages = vec![[0; PAGE_SIZE as usize]; 1 + more.len()];
        if self.stores.read_run(slot, &mut pages).is_err() {
            // One of them cannot be read. If it is the page itself, it says why.
            for (follower, mfn) in more {
                drop(follower);
                self.pool.frames().release(mfn);
            }
            let gfn = passage.gfn();
            if let Err(reason) = self.stores.read(gfn, passage.was(), &mut pages[0]) {
                self.pool.frames().release(mfn);
                return Err(self.lost(gfn, reason));
            }
            self.counts.swapped_in.add(1);
            self.install(passage, mfn, &pages[0], because);
            return Ok(());
        }
        self.counts.swapped_in.add(pages.len() as u64);
        self.counts.read_ahead.add(more.len() as u64);
        self.install(passage, mfn, &pages[0], because);
        for ((follower, mfn), page) in more.into_iter().zip(&pages[1..]) {
            self.install(follower, mfn, page, Because::Managed);
        }
        Ok(())
    }

    fn install(&self, passage: Passage<'_>, mfn: Mfn, page: &Page, because: Because) {
        self.pool.fill_frame(mfn, page);
        let was = passage.was();
        passage.end(PageState::Private(mfn), because);
        self.free_what_held(was);
    }

    /// Brings back up to `most` swapped pages before anybody asks for them, as long as there are
    /// frames to spare. Gives how many.
    ///
    /// # Errors
    /// [`MemoryError::Lost`] for the first page that cannot be had.
    pub fn unswap(&self, most: PageCount) -> Result<PageCount, MemoryError> {
        let before = self.counts.now().swapped_in;
        let brought = || PageCount(self.counts.now().swapped_in - before);
        for gfn in self.pmap.pages() {
            if brought() >= most {
                break;
            }
            let Some(passage) = self.begin(gfn, |state| matches!(state, PageState::Swapped(_))) else {
                continue;
            };
            let Some(mfn) = self.spare_frame(gfn) else { break };
            self.fetch_back(passage, mfn, Because::Managed)?;
        }
        Ok(brought())
    }
}
