//! Moving pages to other frames: the passage every kind of reclaiming is built on.
//!
//! **Model.** In this order, for a batch of pages at once:
//!
//! 1. mark each entry in passage, so that no new translation can be made from it;
//! 2. take the translations away from every processor ([`ShootDown`]);
//! 3. do the work: here, copy the content to another frame;
//! 4. publish the new state;
//! 5. only now reuse the old frame.
//!
//! **Invariants.** INV-1: between 2 and 4 nobody can reach either frame.

use crate::pmap::{Lookup, PageState};
use crate::vm_memory::VmMemory;
use addr::{Gfn, Mfn};

/// Takes translations away from processors.
pub trait ShootDown {
    /// Returns once no processor can reach any of `pages` through a cached translation. The pages
    /// are in passage, so none can be cached anew. Called with no lock held.
    fn take_away(&self, pages: &[(Gfn, Mfn)]);
}

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

struct Moving {
    gfn: Gfn,
    from: Mfn,
    to: Mfn,
}

impl VmMemory {
    /// Moves pages to other frames while the VM runs.
    pub fn move_pages(&self, gfns: &[Gfn], processors: &dyn ShootDown) -> MoveReport {
        let mut report = MoveReport::default();
        let moving: Vec<Moving> = gfns.iter().filter_map(|&gfn| self.begin_move(gfn, &mut report)).collect();
        if moving.is_empty() {
            return report;
        }
        let taken: Vec<(Gfn, Mfn)> = moving.iter().map(|page| (page.gfn, page.from)).collect();
        processors.take_away(&taken);
        for page in &moving {
            self.pool.copy_frame(page.from, page.to);
            self.pmap.publish(page.gfn, PageState::Private(page.to));
        }
        self.wake_waiters();
        for page in &moving {
            self.pool.frames().release(page.from, self.id);
        }
        report.moved = moving.len() as u64;
        report
    }

    fn begin_move(&self, gfn: Gfn, report: &mut MoveReport) -> Option<Moving> {
        let Lookup::Mapped(from) = self.pmap.lookup(gfn) else {
            report.skipped += 1;
            return None;
        };
        if !self.pmap.begin_passage(gfn, PageState::Private(from)) {
            report.skipped += 1;
            return None;
        }
        if self.pool.frames().is_pinned(from) {
            report.skipped += 1;
        } else if let Some(to) = self.pool.frames().take_spare(self.id, gfn) {
            return Some(Moving { gfn, from, to });
        } else {
            report.no_frame += 1;
        }
        self.pmap.publish(gfn, PageState::Private(from));
        self.wake_waiters();
        None
    }
}
