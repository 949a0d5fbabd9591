//! Moving pages to other frames while the VM runs: the simplest passage there is.

use crate::entry::PageState;
use crate::frame::{Holds, Taken};
use crate::passage::{Because, Passage};
use crate::vm_memory::VmMemory;
use addr::{Gfn, Mfn};

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
        let mut moving: Vec<(Passage<'_>, Mfn, Taken<'_>)> = Vec::with_capacity(gfns.len());
        for &gfn in gfns {
            let Some((passage, from)) = self.begin_private(gfn) else {
                report.skipped += 1;
                continue;
            };
            match self.pool.frames().take(Holds::Page(self.id, gfn)) {
                Some(to) => moving.push((passage, from, to)),
                None => report.no_frame += 1,
            }
        }
        let taken: Vec<(Gfn, Mfn)> = moving.iter().map(|(passage, from, _)| (passage.gfn(), *from)).collect();
        self.take_away(&taken);
        for (passage, from, to) in moving {
            self.pool.copy_frame(from, to.mfn());
            let _section = self.section();
            passage.end(PageState::Private(to.keep()), Because::Managed);
            self.pool.frames().release(from);
            report.moved += 1;
        }
        report
    }
}
