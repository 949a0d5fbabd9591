//! Moving pages to other frames while the VM runs: the simplest passage there is.

use crate::frame::{Holds, Taken};
use crate::pages::passage::{Batch, Because};
use crate::pages::state::PageState;
use crate::vm_memory::VmMemory;
use addr::Gfn;

/// What became of the pages asked to move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// In another frame now.
    pub moved: u64,
    /// Left where they were: not private, in passage already, or pinned.
    pub skipped: u64,
    /// Left where they were for want of a frame to move to.
    pub no_frame: u64,
}

impl VmMemory {
    /// Moves private pages to other frames.
    pub fn move_pages(&self, gfns: &[Gfn]) -> MoveReport {
        let mut report = MoveReport::default();
        let mut moving: Batch<'_, Taken<'_>> = Batch::new(&self.pages);
        for &gfn in gfns {
            let Some(passage) = self.pages.begin_private(gfn) else {
                report.skipped += 1;
                continue;
            };
            match self.pool.frames().take(Holds::Page(self.id, gfn)) {
                Some(to) => moving.add(passage, to),
                None => report.no_frame += 1,
            }
        }
        for (page, to) in moving.quiesce() {
            let from = page.mfn();
            self.pool.copy_frame(from, to.mfn());
            let _section = self.section();
            page.end(PageState::Private(to.keep()), Because::Managed);
            self.pool.frames().release(from);
            report.moved += 1;
        }
        report
    }
}
