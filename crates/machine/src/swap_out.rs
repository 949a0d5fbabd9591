//! The last way out: writing pages to the swap file, from their frames or from the zip store.

use crate::pages::passage::{Because, Quiet};
use crate::pages::state::PageState;
use crate::pool::Page;
use crate::reclaim::Reclaimed;
use crate::vm_memory::VmMemory;
use addr::PAGE_SIZE;

/// The part of the zip store that goes out at once to make room, and the fewest and most pages of it.
const ROOM: u64 = 8;
const ROOM_LEAST: u64 = 8;
const ROOM_MOST: u64 = 64;

impl VmMemory {
    /// Writes out pages, and frees what their content was kept in. Where there is no swap file, or it fails, they stay as
    /// they were.
    pub(crate) fn swap_out(&self, pages: Vec<Quiet<'_>>, contents: &[Page], report: &mut Reclaimed) {
        if pages.is_empty() || self.stores.swap().is_none() {
            return;
        }
        match self.stores.write_out(contents) {
            Ok(slots) => {
                report.swapped += slots.len() as u64;
                self.pages.counts().swapped_out.add(slots.len() as u64);
                for (page, slot) in pages.into_iter().zip(slots) {
                    let (gfn, was) = (page.gfn(), page.was());
                    let _section = self.section();
                    page.end(PageState::Swapped(slot), Because::Managed);
                    self.free_what_held(gfn, was);
                }
            }
            Err(error) => report.failure = Some(error.to_string()),
        }
    }

    /// Moves pages compressed longest ago to the swap file: some, and no more than may go.
    pub(crate) fn make_room_in_zip(&self, contents: &mut Vec<Page>, report: &mut Reclaimed) {
        if self.stores.swap().is_none() {
            return;
        }
        contents.clear();
        let room = (self.stores.usage().zip.pages.0 / ROOM).clamp(ROOM_LEAST, ROOM_MOST);
        let room = room.min(self.above_reservation()) as usize;
        let mut pages = Vec::with_capacity(room);
        for (gfn, handle) in self.stores.oldest_compressed(room) {
            let wanted = PageState::Compressed(handle);
            let Some(passage) = self.pages.begin(gfn, |state| state == wanted) else { continue };
            let mut content: Page = [0; PAGE_SIZE as usize];
            // What cannot be read stays: whoever uses it learns why.
            if self.stores.read(gfn, wanted, &mut content).is_ok() {
                pages.push(passage.quiesce());
                contents.push(content);
            }
        }
        self.swap_out(pages, contents, report);
    }
}
