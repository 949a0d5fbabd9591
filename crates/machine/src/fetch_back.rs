//! Bringing back what was compressed or swapped out.
//!
//! **Model.** A page that is swapped in brings along those that follow it both in memory and in the swap
//! file, as far as there are frames to spare: reading some pages together takes hardly longer than
//! reading one. They stay watched, so that what was brought along in vain is first to go again.
//!
//! **Failure.** What does not come back as it went stays where it is, and says why. A page brought
//! along that cannot be read is left alone.

use crate::frame::{Holds, Taken};
use crate::pages::passage::{Because, Quiet};
use crate::pages::state::PageState;
use crate::pool::Page;
use crate::swap::Slot;
use crate::vm_memory::{MemoryError, VmMemory};
use addr::{Gfn, PAGE_SIZE, PageCount};

/// Pages read from the swap file together, at most.
pub(crate) const RUN: u64 = 8;

impl VmMemory {
    /// Puts the content of a compressed or swapped page in passage into `own`, which is the page's from
    /// then on, and brings along others, at most `most` together. Gives how many.
    pub(crate) fn fetch_back(
        &self,
        quiet: Quiet<'_>,
        own: Taken<'_>,
        because: Because,
        most: u64,
    ) -> Result<u64, MemoryError> {
        let gfn = quiet.gfn();
        if let PageState::Swapped(slot) = quiet.was() {
            let more = self.followers(gfn, slot, most);
            if !more.is_empty() {
                return self.swap_in_run((quiet, own), more, slot, because);
            }
        }
        let mut page: Page = [0; PAGE_SIZE as usize];
        let read = self.stores.read(gfn, quiet.was(), &mut page);
        read.map_err(|reason| self.lost(gfn, reason))?;
        match quiet.was() {
            PageState::Compressed(_) => self.pages.counts().decompressed.add(1),
            _ => self.pages.counts().swapped_in.add(1),
        }
        self.install(quiet, own, &page, because);
        Ok(1)
    }

    /// The pages behind `gfn` whose content lies behind its own, in passage and with frames; with it
    /// at most `most`.
    fn followers(&self, gfn: Gfn, slot: Slot, most: u64) -> Vec<(Quiet<'_>, Taken<'_>)> {
        let follower = |n| {
            let gfn = Gfn(gfn.0 + n);
            let wanted = PageState::Swapped(slot.after(n)?);
            let passage = self.pages.begin(gfn, |state| state == wanted)?;
            let own = self.spare_frame(gfn)?;
            Some((passage.quiesce(), own))
        };
        (1..RUN.min(most)).map_while(follower).collect()
    }

    fn spare_frame(&self, gfn: Gfn) -> Option<Taken<'_>> {
        if !self.is_allowed_more() {
            return None;
        }
        self.pool.frames().take_spare(Holds::Page(self.id, gfn))
    }

    fn swap_in_run(
        &self,
        (quiet, own): (Quiet<'_>, Taken<'_>),
        more: Vec<(Quiet<'_>, Taken<'_>)>,
        slot: Slot,
        because: Because,
    ) -> Result<u64, MemoryError> {
        let mut pages = vec![[0; PAGE_SIZE as usize]; 1 + more.len()];
        if self.stores.read_run(slot, &mut pages).is_err() {
            // One of them cannot be read. If it is the page itself, it says why.
            drop(more);
            let gfn = quiet.gfn();
            let read = self.stores.read(gfn, quiet.was(), &mut pages[0]);
            read.map_err(|reason| self.lost(gfn, reason))?;
            self.pages.counts().swapped_in.add(1);
            self.install(quiet, own, &pages[0], because);
            return Ok(1);
        }
        self.pages.counts().swapped_in.add(pages.len() as u64);
        self.pages.counts().read_ahead.add(more.len() as u64);
        self.install(quiet, own, &pages[0], because);
        for ((follower, own), page) in more.into_iter().zip(&pages[1..]) {
            self.install(follower, own, page, Because::Managed);
        }
        Ok(pages.len() as u64)
    }

    fn install(&self, quiet: Quiet<'_>, own: Taken<'_>, page: &Page, because: Because) {
        self.pool.fill_frame(own.mfn(), page);
        let _section = self.section();
        // First, so that a page is never counted as held while its slot is still taken: the swap file
        // has just as many slots as pages may be swapped.
        self.free_what_held(quiet.gfn(), quiet.was());
        quiet.end(PageState::Private(own.keep()), because);
    }

    /// Brings back up to `most` swapped pages before anybody asks for them, as long as there are
    /// frames to spare. Gives how many.
    ///
    /// # Errors
    /// [`MemoryError::Lost`] for the first page that cannot be had.
    pub fn unswap(&self, most: PageCount) -> Result<PageCount, MemoryError> {
        let mut left = most.0;
        for gfn in self.pmap().pages() {
            if left == 0 {
                break;
            }
            let Some(passage) = self.pages.begin(gfn, |state| matches!(state, PageState::Swapped(_))) else {
                continue;
            };
            let Some(own) = self.spare_frame(gfn) else { break };
            left -= self.fetch_back(passage.quiesce(), own, Because::Managed, left)?;
        }
        Ok(PageCount(most.0 - left))
    }
}
