//! The ways out: taking frames from a VM without its help.
//!
//! **Model.** A victim gives up its frame in the cheapest way there is for its content: zeros go to the
//! frame of zeros, what is shared already joins it, what compresses well goes to the zip store, the
//! rest to the swap file.
//!
//! Victims are chosen by a clock with two hands ([`crate::clock`]): pages that nobody has used since they
//! were watched. A search that finds too few of them in a lap takes any in a second, and where none is left,
//! the oldest pages of the zip store.
//!
//! **Invariants.** INV-6: a VM is not taken from below its reservation. INV-7: swap-out needs no frame,
//! so it works when nothing is free.
//!
//! **Failure.** A page that cannot be written out stays where it is.
//!
//! **Cost.** For a page swapped out: a hash, an attempt to compress, encryption, and its share of a
//! batch's shoot-down and write. A call looks at a bounded number of pages for them.
//!
//! **Not here.** How much to take from which VM: `sched`.

use crate::clock::Clock;
use crate::frame::Holds;
use crate::pages::entry::Watches;
use crate::pages::passage::{Batch, Because, Passage, Quiet};
use crate::pages::state::PageState;
use crate::pool::Page;
use crate::share::Hash;
use crate::vm_memory::VmMemory;
use crate::zip::ZipHandle;
use addr::{Gfn, PAGE_SIZE, PageCount};

/// Pages in passage at once.
const BATCH: usize = 256;
/// Pages looked at for one batch, and in one call.
const LOOKED_AT: u64 = 2048;
const LOOKED_AT_BEFORE_RETURNING: u64 = 8 * LOOKED_AT;

/// What reclaiming brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reclaimed {
    /// Frames that came free, less those the zip store took.
    pub freed: u64,
    /// Victims that held zeros.
    pub zeroed: u64,
    /// Victims that joined a shared frame.
    pub shared: u64,
    /// Victims compressed.
    pub compressed: u64,
    /// Pages written to the swap file, from the zip store or from their frames.
    pub swapped: u64,
    /// Why the swap file did not take what it was given.
    pub failure: Option<String>,
    /// There was less than was wanted among as many pages as one call looks at: the next call looks on from
    /// there. Without this, what was not found is not to be had.
    pub unfinished: bool,
}

impl VmMemory {
    /// Takes `wanted` frames from the VM, or as many as can be had: never below its reservation,
    /// and none that a device holds. What the VM takes meanwhile does not count, so that one that grows
    /// keeps nobody here; nor does one in which there is little to be found: see
    /// [`Reclaimed::unfinished`].
    pub fn reclaim(&self, wanted: PageCount) -> Reclaimed {
        let mut clock = self.clock.lock();
        let mut report = Reclaimed::default();
        let return_at = clock.searched() + LOOKED_AT_BEFORE_RETURNING;
        let (mut gone, zip_before) = (0, self.stores.zip_frames());
        loop {
            report.freed = (gone + zip_before).saturating_sub(self.stores.zip_frames());
            let left = wanted.0.saturating_sub(report.freed).min(self.above_reservation());
            if left == 0 || clock.searched() >= 2 * clock.lap() || report.failure.is_some() {
                clock.end_search();
                return report;
            }
            if clock.searched() >= return_at {
                report.unfinished = true;
                return report;
            }
            let any = clock.searched() >= clock.lap();
            let mut victims = Batch::new(&self.pages);
            self.choose(&mut clock, (left as usize).min(BATCH), any, &mut victims);
            let victims = victims.quiesce();
            let only_compressed = any && victims.len() == 0;
            gone += self.evict(victims, &mut clock.for_swap, &mut report);
            if only_compressed || self.stores.is_zip_full() {
                self.make_room_in_zip(&mut clock.for_swap, &mut report);
            }
        }
    }

    /// Frames that may be taken, and pages of the zip store that may go: each frees a frame at most.
    pub(crate) fn above_reservation(&self) -> u64 {
        self.held().0.saturating_sub(self.reservation().0)
    }

    /// Moves the hands on until `most` victims are found, for a while, and to the end of a lap at most.
    fn choose<'a>(&'a self, clock: &mut Clock, most: usize, any: bool, victims: &mut Batch<'a, ()>) {
        let lap_left = clock.lap() - clock.searched() % clock.lap();
        for _ in 0..lap_left.min(LOOKED_AT) {
            let page = clock.advance(|page| self.watch_idle(self.pmap().page(page), victims));
            let gfn = self.pmap().page(page);
            if (any || self.pmap().watches(gfn).contain(Watches::IDLE))
                && let Some(passage) = self.begin_victim(gfn)
            {
                victims.add(passage, ());
                if victims.len() == most {
                    break;
                }
            }
        }
    }

    fn watch_idle(&self, gfn: Gfn, batch: &mut Batch<'_, ()>) {
        if let Some((PageState::Private(_) | PageState::Shared(_), _)) = self.pmap().state(gfn) {
            batch.watch(gfn, Watches::IDLE);
        }
    }

    /// Takes a private page, or the only one in a shared frame, into passage.
    fn begin_victim(&self, gfn: Gfn) -> Option<Passage<'_>> {
        if let Some((PageState::Shared(_), _)) = self.pmap().state(gfn) {
            let passage = self.pages.begin(gfn, |state| matches!(state, PageState::Shared(_)))?;
            let mfn = passage.was().frame()?;
            let _section = self.section();
            if self.pool.make_private(mfn, Holds::Page(self.id, gfn)) {
                passage.keep_frame(Because::Managed);
            }
        }
        self.pages.begin_private(gfn)
    }

    /// Frees the frames of victims; says how many.
    fn evict<'a>(
        &self,
        victims: impl ExactSizeIterator<Item = (Quiet<'a>, ())>,
        for_swap: &mut Vec<Page>,
        report: &mut Reclaimed,
    ) -> u64 {
        let victims_gone = victims.len() as u64;
        let mut leaving: Vec<Quiet<'_>> = Vec::new();
        for_swap.clear();
        let mut content: Page = [0; PAGE_SIZE as usize];
        for (page, ()) in victims {
            if page.content().is_zero() {
                self.become_zero(page);
                report.zeroed += 1;
                continue;
            }
            page.content().read(&mut content);
            let Some(page) = self.join(page, Hash::of(&content, self.group)) else {
                report.shared += 1;
                continue;
            };
            let _section = self.section();
            if let Some(handle) = self.compress(page.gfn(), &content) {
                self.pages.counts().compressed.add(1);
                report.compressed += 1;
                let mfn = page.mfn();
                page.end(PageState::Compressed(handle), Because::Managed);
                self.pool.frames().release(mfn);
                continue;
            }
            leaving.push(page);
            for_swap.push(content);
        }
        // What the swap file does not take stays.
        let (to_swap, swapped_before) = (leaving.len() as u64, report.swapped);
        self.swap_out(leaving, for_swap, report);
        victims_gone - (to_swap - (report.swapped - swapped_before))
    }

    fn compress(&self, gfn: Gfn, page: &Page) -> Option<ZipHandle> {
        let frames = self.pool.frames();
        self.stores.compress(gfn, page, || {
            let zip = frames.take_quietly(Holds::Zip(self.id))?.keep();
            Some((zip, self.pool.frame(zip)))
        })
    }
}
